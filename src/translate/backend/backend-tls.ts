import { type BackendTLSPolicy, POLICY_REASON, type Service, type SubjectAltName } from '../../api/index.ts';
import type { BackendTls, TrustBundle } from '../../config/index.ts';
import { resolveTrust } from '../gateway/trust.ts';
import type { Lookup } from '../lookup.ts';
import { type Aged, byAge } from '../precedence.ts';
import { type Problem, problem } from '../status/problem.ts';

/** TLS towards one Service port: what a BackendTLSPolicy asks for, or why nothing may be sent there. */
export interface ServiceTls {
  /** Key of the policy. */
  policy: string;
  tls?: BackendTls;
  trust: TrustBundle[];
  /** The policy cannot be followed: requests fail rather than go out in plaintext. */
  fault?: string;
}

/** A BackendTLSPolicy, judged on its own. */
export interface PolicyView extends Aged {
  key: string;
  generation?: number;
  targets: PolicyTarget[];
  tls?: BackendTls;
  trust: TrustBundle[];
  /** Why it is not Accepted. */
  refusals: Problem[];
  unresolved: Problem[];
}

export interface PolicyTarget {
  /** `namespace/name` of the Service. */
  service: string;
  /** Name of the port; '' for all ports. */
  section: string;
  field: string;
}

export function judgePolicy(look: Lookup, policy: BackendTLSPolicy): PolicyView {
  const { namespace = '', name, creationTimestamp: created = '', generation } = policy.metadata;
  const { hostname, subjectAltNames, wellKnownCACertificates } = policy.spec.validation;
  const key = `BackendTLSPolicy/${namespace}/${name}`;
  const targets = targetsOf(policy, namespace);
  const view: PolicyView = {
    key,
    namespace,
    name,
    created,
    generation,
    targets,
    trust: [],
    refusals: [],
    unresolved: [],
  };
  const trust = wellKnownCACertificates ? wellKnown(wellKnownCACertificates, view) : authorities(look, policy, view);
  if (trust !== undefined) view.tls = { hostname, subjectAltNames: (subjectAltNames ?? []).map(alternative), trust };
  return view;
}

function targetsOf(policy: BackendTLSPolicy, namespace: string): PolicyTarget[] {
  return policy.spec.targetRefs.flatMap(({ group, kind, name, sectionName }, at) =>
    group === '' && kind === 'Service'
      ? [{ service: `${namespace}/${name}`, section: sectionName ?? '', field: `spec.targetRefs[${at}]` }]
      : [],
  );
}

function wellKnown(name: string, view: PolicyView): 'System' | undefined {
  if (name === 'System') return 'System';
  const message = `${name} is not known: use System, or caCertificateRefs`;
  view.refusals.push(problem(POLICY_REASON.Invalid, 'spec.validation.wellKnownCACertificates', message));
  return undefined;
}

function authorities(look: Lookup, policy: BackendTLSPolicy, view: PolicyView): string[] | undefined {
  const field = 'spec.validation.caCertificateRefs';
  const reasons = { invalid: POLICY_REASON.InvalidCACertificateRef, kind: POLICY_REASON.InvalidKind };
  const from = { group: 'gateway.networking.k8s.io', kind: 'BackendTLSPolicy', namespace: view.namespace };
  for (const [at, reference] of (policy.spec.validation.caCertificateRefs ?? []).entries()) {
    const result = resolveTrust(look, { reference, field: `${field}[${at}]`, from, reasons });
    if ('reason' in result) view.unresolved.push(result);
    else {
      view.trust.push(result.bundle);
      if (result.stale !== undefined) view.unresolved.push(result.stale);
    }
  }
  if (view.trust.length > 0) return view.trust.map(({ key }) => key);
  view.refusals.push(problem(POLICY_REASON.NoValidCACertificate, field, 'no CA certificate can be used'));
  return undefined;
}

function alternative({ type, hostname, uri }: SubjectAltName): BackendTls['subjectAltNames'][number] {
  return { type, value: (type === 'URI' ? uri : hostname) ?? '' };
}

/** Stands for a port that the Service does not declare. */
const ANY_PORT = '*';

/** TLS of each port of a Service: a policy for the port itself before one for all ports, the older before the younger. */
export function tlsOfService(
  service: string,
  object: Service | undefined,
  policies: ReadonlyArray<PolicyView>,
): Map<string, ServiceTls> {
  const found = new Map<string, ServiceTls>();
  const ports = (object?.spec.ports ?? []).map(({ port, name }) => ({ port: String(port), section: name ?? '' }));
  for (const { port, section } of [...ports, { port: ANY_PORT, section: '' }]) {
    const policy = (section === '' ? undefined : first(policies, service, section)) ?? first(policies, service, '');
    if (policy !== undefined) found.set(`${service}:${port}`, serviceTls(policy));
  }
  return found;
}

/** The policy that decides for a target: all others with the same target are conflicted. */
export function first(policies: ReadonlyArray<PolicyView>, service: string, section: string): PolicyView | undefined {
  const aiming = policies.filter(({ targets }) =>
    targets.some((one) => one.service === service && one.section === section),
  );
  return aiming.sort(byAge)[0];
}

function serviceTls({ key, tls, trust, refusals }: PolicyView): ServiceTls {
  if (tls !== undefined && refusals.length === 0) return { policy: key, tls, trust };
  const why = refusals.map(({ message }) => message).join('; ');
  return { policy: key, trust: [], fault: `${key.replace('/', ' ')} requires TLS and cannot be followed: ${why}` };
}

/** Keys under which the TLS of a Service port is found, the best first. */
export function serviceTlsKeys({
  namespace,
  name,
  port,
}: {
  namespace: string;
  name: string;
  port: number;
}): [string, string] {
  return [`${namespace}/${name}:${port}`, `${namespace}/${name}:${ANY_PORT}`];
}

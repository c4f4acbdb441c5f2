import { type BackendTLSPolicy, POLICY_REASON, type SubjectAltName } from '../../api/index.ts';
import type { BackendTls, TrustBundle } from '../../config/index.ts';
import { index } from '../../graph/index.ts';
import type { TlsSettings } from '../backend/backend-tls.ts';
import { resolveTrust } from '../gateway/trust.ts';
import type { Lookup } from '../lookup.ts';
import { problem } from '../verdict/problem.ts';
import type { PolicyReading } from './attached-policy.ts';
import type { PolicyKind } from './policy-kind.ts';
import { policiesOfPort } from './policy-refusal.ts';

/** What it asks for becomes part of the Backends themselves (backend/backend-tls.ts). */
export const backendTls: PolicyKind<'BackendTLSPolicy', TlsSettings> = {
  kind: 'BackendTLSPolicy',
  targets: ['Service'],
  read(look, policy) {
    const { refused } = policy.spec;
    if (refused !== undefined) return { refusals: [problem(POLICY_REASON.Invalid, 'spec', refused)], told: true };
    const { hostname, subjectAltNames, wellKnownCACertificates } = policy.spec.validation;
    const reading: TlsReading = { refusals: [], unresolved: [] };
    const unknown = Object.keys(policy.spec.options ?? {}).join(', ');
    if (unknown !== '')
      reading.remarks = [
        `spec.options: ${unknown}: no such option is known here, and it is left out: a BackendTrafficPolicy says how TLS is spoken`,
      ];
    const bundles: TrustBundle[] = [];
    const trust = wellKnownCACertificates
      ? wellKnown(wellKnownCACertificates, reading)
      : authorities(look, policy, { reading, bundles });
    if (trust === undefined) return reading;
    const tls = { hostname, subjectAltNames: (subjectAltNames ?? []).map(alternative), trust };
    return { ...reading, settings: { tls, trust: bundles } };
  },
  enforce(graph, policies) {
    const byBundle = index('BackendTLSPolicies by bundle', policies.views, ({ settings }) =>
      (settings?.trust ?? []).map(({ key }) => key),
    );
    return {
      actsOn: (_policy, { tls }) => tls,
      whoeverAsks: true,
      standsFor: (context, object) => {
        if (object.kind === 'TrustBundle') return (context.fetch(byBundle, object.key) ?? []).map(({ key }) => key);
        const isTls = object.kind === 'Backend' && object.tls !== undefined;
        return isTls ? policiesOfPort({ graph, policies }, context, object.key) : [];
      },
    };
  },
};

type TlsReading = PolicyReading<TlsSettings> & Required<Pick<PolicyReading<TlsSettings>, 'unresolved'>>;

function wellKnown(name: string, reading: TlsReading): 'System' | undefined {
  if (name === 'System') return 'System';
  const message = `${name} is not known: use System, or caCertificateRefs`;
  reading.refusals.push(problem(POLICY_REASON.Invalid, 'spec.validation.wellKnownCACertificates', message));
  return undefined;
}

function authorities(
  look: Lookup,
  policy: BackendTLSPolicy,
  { reading, bundles }: { reading: TlsReading; bundles: TrustBundle[] },
): string[] | undefined {
  const field = 'spec.validation.caCertificateRefs';
  let fresh = false;
  const reasons = { invalid: POLICY_REASON.InvalidCACertificateRef, kind: POLICY_REASON.InvalidKind };
  const from = {
    group: 'gateway.networking.k8s.io',
    kind: 'BackendTLSPolicy',
    namespace: policy.metadata.namespace ?? '',
  };
  for (const [at, reference] of (policy.spec.validation.caCertificateRefs ?? []).entries()) {
    const result = resolveTrust(look, { reference, field: `${field}[${at}]`, from, reasons });
    if ('reason' in result) reading.unresolved.push(result);
    else {
      bundles.push(result.bundle);
      if (result.stale === undefined) fresh = true;
      else reading.unresolved.push(result.stale);
    }
  }
  if (bundles.length > 0 && !fresh) {
    // The spec has the policy not accepted then; what serves is no less strict than what was asked for.
    const message = 'no CA certificate can be used as it is now: the last good form stays in service';
    reading.refusals.push(problem(POLICY_REASON.NoValidCACertificate, field, message));
  }
  if (bundles.length > 0) return bundles.map(({ key }) => key);
  reading.refusals.push(problem(POLICY_REASON.NoValidCACertificate, field, 'no CA certificate can be used'));
  return undefined;
}

function alternative({ type, hostname, uri }: SubjectAltName): BackendTls['subjectAltNames'][number] {
  return { type, value: (type === 'URI' ? uri : hostname) ?? '' };
}

/**
 * What ClientTrafficPolicies ask of clients' certificates. Unlike their other settings it guards: it holds where a nearer
 * policy of another owner says nothing of it, and what cannot be followed lets nobody in.
 */
import {
  type ClientTrafficPolicy,
  type ConfigMap,
  keyOf,
  type ObjectReference,
  POLICY_GROUP,
  POLICY_REASON,
  type Secret,
  supersededKey,
} from '../../api/index.ts';
import {
  type ClientCertificateSettings,
  type ClientCertificates,
  type ConfigObject,
  type Credential,
  policyKey,
  type TrustBundle,
} from '../../config/index.ts';
import { type Collection, equal } from '../../graph/index.ts';
import { readRevocationLists } from '../../value/revocation-list.ts';
import { ownerKey } from '../gateway/declared.ts';
import type { ListenerView } from '../gateway/listener.ts';
import type { Listeners } from '../gateway/listeners.ts';
import { resolveTrust } from '../gateway/trust.ts';
import { grantHint, permitted } from '../grants.ts';
import { find, type Lookup } from '../lookup.ts';
import { configOutput, type Graph, one } from '../stage.ts';
import { absent, type Problem, problem } from '../verdict/problem.ts';
import { type Aim, type AttachedPolicy, named, type Policies, ranked } from './attached-policy.ts';
import { listenerLevels } from './inheritance.ts';
import { type Sections, strays } from './stray-section.ts';

type Asked = NonNullable<ClientTrafficPolicy['spec']['clientCertificates']>;

/** As a policy has them, with what goes with them. */
export interface CertificateRules {
  settings: Omit<ClientCertificateSettings, 'source'>;
  bundles: TrustBundle[];
  credentials: Credential[];
}

const FIELD = 'spec.clientCertificates';

const CLOSED: CertificateRules['settings'] = {
  ...{ mode: 'Required', trust: [], revoked: [] },
  forward: { certificate: true, chain: false },
};

/** Nobody is let in. */
export function closedRules(broken: string): CertificateRules {
  return { settings: { ...CLOSED, broken }, bundles: [], credentials: [] };
}

interface Reading {
  look: Lookup;
  policy: ClientTrafficPolicy;
  unresolved: Problem[];
}

export function readCertificates(asked: Asked, at: Reading): CertificateRules {
  const { mode = 'Required', verifyDepth, forward = {} } = asked;
  const { bundles, lists } = authoritiesOf(asked, at);
  lists.push(...(asked.revocationListRefs ?? []).map((reference, i) => listsIn(reference, at, i)));
  const broken = at.unresolved.find(({ field }) => field.includes('revocationListRefs'));
  if (bundles.length === 0) return closedRules('no CA certificate can be used to verify clients');
  if (broken !== undefined || lists.some((list) => list === undefined)) {
    return closedRules(broken?.message ?? 'a list of revoked certificates cannot be used');
  }
  const all = lists.flatMap((list) => list!);
  const { namespace = '', name } = at.policy.metadata;
  const key = `ClientTrafficPolicy/${namespace}/${name}/clientCertificates`;
  const settings: CertificateRules['settings'] = {
    mode,
    trust: bundles.map((bundle) => bundle.key),
    revoked: all.length === 0 ? [] : [key],
    forward: { certificate: forward.certificate ?? true, chain: forward.chain ?? false },
  };
  if (verifyDepth !== undefined) settings.depth = verifyDepth;
  if (asked.errorPage !== undefined) settings.errorPage = asked.errorPage;
  if (forward.nginxHeaders !== undefined) settings.forward.nginxHeaders = forward.nginxHeaders;
  const credentials: Credential[] =
    all.length === 0 ? [] : [{ kind: 'Credential', key, content: { type: 'Revoked', lists: all } }];
  return { settings, bundles, credentials };
}

type Lists = string[] | undefined;

/** As ingress-nginx has it, what the same object holds as `ca.crl` counts, too. */
function authoritiesOf({ caCertificateRefs }: Asked, at: Reading): { bundles: TrustBundle[]; lists: Lists[] } {
  const bundles: TrustBundle[] = [];
  const lists: Lists[] = [];
  const reasons = { invalid: POLICY_REASON.InvalidCACertificateRef, kind: POLICY_REASON.InvalidKind };
  for (const [i, reference] of caCertificateRefs.entries()) {
    const field = `${FIELD}.caCertificateRefs[${i}]`;
    const result = resolveTrust(at.look, { reference, field, from: referrer(at), reasons });
    if ('reason' in result) at.unresolved.push(result);
    else {
      bundles.push(result.bundle);
      if (result.stale !== undefined) at.unresolved.push(result.stale);
      const content = contentOf(reference, at) ?? heldContent(result.bundle.key, at);
      if (content !== undefined && content.length > 0) lists.push(read(content, at, field));
    }
  }
  return { bundles, lists };
}

function referrer({ policy }: Reading): { group: string; kind: string; namespace: string } {
  return { group: POLICY_GROUP, kind: 'ClientTrafficPolicy', namespace: policy.metadata.namespace ?? '' };
}

function listsIn(reference: ObjectReference, at: Reading, position: number): Lists {
  const field = `${FIELD}.revocationListRefs[${position}]`;
  const { group, kind, name } = reference;
  const from = referrer(at);
  const to = { group, kind, namespace: reference.namespace ?? from.namespace, name };
  const fault = (reason: string, message: string): undefined => {
    at.unresolved.push(problem(reason, field, message));
  };
  if (group !== '' || (kind !== 'ConfigMap' && kind !== 'Secret'))
    return fault(POLICY_REASON.InvalidKind, `${kind} holds no lists: refer to a ConfigMap or Secret with ca.crl`);
  if (!permitted(at.look, from, to)) {
    const where = `${kind} ${to.namespace}/${name}`;
    return fault(POLICY_REASON.RefNotPermitted, `${where} is in another namespace: ${grantHint(from, to)}`);
  }
  const content = contentOf(reference, at);
  if (content !== undefined) return read(content, at, field);
  at.unresolved.push(absent(POLICY_REASON.InvalidCredentialRef, field, keyOf(kind, to.namespace, name)));
  return undefined;
}

/** What is there as `ca.crl`; undefined: the object is not there. */
function contentOf({ kind, namespace, name }: ObjectReference, at: Reading): Buffer | undefined {
  const to = { namespace: namespace ?? at.policy.metadata.namespace ?? '', name };
  const object = find(at.look, kind === 'Secret' ? 'Secret' : 'ConfigMap', to);
  return object && listContent(object);
}

/** With authorities that stay in service, because their object is gone, what they took back stays taken back. */
function heldContent(key: string, { look }: Reading): Buffer | undefined {
  const held = look.context.fetch(look.inputs.superseded, supersededKey('authorities', key));
  return held && listContent(held.form);
}

function listContent(object: ConfigMap | Secret): Buffer {
  if (object.kind === 'Secret') return Buffer.from(object.data?.['ca.crl'] ?? '', 'base64');
  const text = object.data?.['ca.crl'];
  return text === undefined ? Buffer.from(object.binaryData?.['ca.crl'] ?? '', 'base64') : Buffer.from(text, 'latin1');
}

function read(content: Buffer, at: Reading, field: string): Lists {
  const lists = content.length === 0 ? { fault: 'is not there' } : readRevocationLists(content);
  if (!('fault' in lists)) return lists.map(({ pem }) => pem);
  const message = `ca.crl ${lists.fault}: nobody is let in until it can be read`;
  at.unresolved.push(problem(POLICY_REASON.InvalidCredentialRef, field, message));
  return undefined;
}

type View = AttachedPolicy<{ clientCertificates?: CertificateRules }>;

/** What holds for a listener, and by whom. */
export interface Demanded {
  policy: View;
  rules: CertificateRules;
  /** Another asks for something else: who, in words. */
  rival?: string;
}

interface Around {
  policiesOf(object: string): ReadonlyArray<View>;
  sections: Sections;
}

/**
 * The Gateway's owner decides for all its listeners, and of his policies the nearest; a ListenerSet's for its own, where
 * the Gateway says nothing. Where both do, neither may take back what the other asks for: nobody is let in.
 */
function demanded(view: ListenerView, { policiesOf, sections }: Around): Demanded | undefined {
  const levels = levelsOf(view);
  const gateway = `Gateway/${view.gateway}`;
  const asking = (object: string): View[] => policiesOf(object).filter(asks);
  const [stray] = strays(asking, levels, sections).filter(({ aim }) => {
    const nearer = levels.slice(levels.indexOf(aim) + 1);
    return nearer.every((one) => nearestOf(policiesOf, [one]) === undefined);
  });
  if (stray !== undefined) return { policy: stray.policy, rules: closedRules(stray.why) };
  const outer = nearestOf(
    policiesOf,
    levels.filter(({ object }) => object === gateway),
  );
  const inner = nearestOf(
    policiesOf,
    levels.filter(({ object }) => object !== gateway),
  );
  if (inner === undefined) return outer;
  const validates = view.config?.tls?.clientValidation !== undefined;
  if (outer === undefined && !validates) return inner;
  const rival = outer === undefined ? `Gateway ${view.gateway} (spec.tls.frontend)` : named(outer.policy.key);
  return torn(inner.policy, rival);
}

/** Neither may take back what the other asks for. */
function torn(policy: View, rival: string): Demanded {
  return {
    policy,
    rules: closedRules(`${rival} and ${named(policy.key)} both say which certificates clients show`),
    rival,
  };
}

export function levelsOf(view: ListenerView): Aim[] {
  return listenerLevels({ gateway: `Gateway/${view.gateway}`, owner: ownerKey(view.owner), name: view.spec.name });
}

export function asks({ settings }: View): boolean {
  return settings?.clientCertificates !== undefined;
}

/** Of several with one target it is no matter which is older: what one asks for another does not take back. */
function nearestOf(policiesOf: Around['policiesOf'], levels: readonly Aim[]): Demanded | undefined {
  for (const aim of levels.toReversed()) {
    const [first, ...others] = ranked(policiesOf(aim.object), aim).filter(asks);
    if (first === undefined) continue;
    const rules = rulesOf(first);
    const other = others.find((one) => !equal(askedBy(rulesOf(one)), askedBy(rules)));
    return other === undefined ? { policy: first, rules } : torn(other, named(first.key));
  }
  return undefined;
}

function rulesOf({ settings }: View): CertificateRules {
  return settings!.clientCertificates!;
}

/** Whichever policy says it. */
function askedBy({ settings, credentials }: CertificateRules): unknown {
  return [{ ...settings, revoked: [] }, credentials.map(({ content }) => content)];
}

/** How a policy fares that asks for certificates, on a listener below its target. */
export function certificateEffect(
  policy: View,
  view: ListenerView,
  held: Demanded | undefined,
): { problem?: string; remark?: string } {
  if (!asks(policy)) return {};
  const at = `listener ${view.spec.name}`;
  if (view.config !== undefined && view.config.tls?.mode !== 'Terminate') {
    return { remark: `clientCertificates not on ${at}: it ends no TLS` };
  }
  if (held === undefined) return {};
  if (held.rival !== undefined) {
    return { problem: `${at}: ${held.rules.settings.broken}: nobody is let in until one of the two goes` };
  }
  if (held.policy.key === policy.key) return {};
  return { remark: `clientCertificates overridden on ${at} by ${named(held.policy.key)}` };
}

/** What is asked for on each listener that ends TLS, and what data planes are sent of it. */
export function deriveDemands(
  graph: Graph,
  policies: Policies<{ clientCertificates?: CertificateRules }>,
  { views }: Listeners,
): { demands: Collection<Demanded>; objects: Collection<ConfigObject> } {
  const demands = graph.derive('client certificates', views, (context, view, key) => {
    if (view.config?.tls?.mode !== 'Terminate') return [];
    const policiesOf = (object: string): ReadonlyArray<View> => context.fetch(policies.byObject, object) ?? [];
    if (!levelsOf(view).some(({ object }) => policiesOf(object).some(asks))) return [];
    return one(key, demanded(view, { policiesOf, sections: sectionsOf(graph.look(context), view) }));
  });
  const objects = graph.derive('client certificate config', demands, (_context, held, key) =>
    certificateObjects(key, held).map(configOutput),
  );
  return { demands, objects };
}

/** The listeners that the objects of its levels have. */
function sectionsOf(look: Lookup, view: ListenerView): Sections {
  return new Map(
    levelsOf(view).map(({ object }) => {
      const [kind, namespace, name] = object.split('/') as ['Gateway' | 'ListenerSet', string, string];
      const listeners = find(look, kind, { namespace, name })?.spec.listeners ?? [];
      return [object, listeners.map((listener) => listener.name)];
    }),
  );
}

/** What data planes are sent. */
function certificateObjects(listener: string, { policy, rules }: Demanded): ConfigObject[] {
  const target = { kind: 'Listener' as const, key: listener };
  const spec: ClientCertificateSettings = { source: policy.key, ...rules.settings };
  const key = policyKey('ClientCertificates', listener);
  const object: ClientCertificates = { kind: 'Policy', key, type: 'ClientCertificates', target, spec };
  return [object, ...rules.bundles, ...rules.credentials];
}

/**
 * Policies that act on requests: from a Gateway down to one rule of a route, and from a Service down to one of its
 * ports. What stands further out is spread over listeners, what stands further in over rules; a proxy puts the two
 * together, so that a policy that changes compiles no route again.
 */
import {
  type BackendObjectReference,
  KINDS,
  POLICY_REASON,
  type RequestPolicy,
  type ResourceByKind,
} from '../../api/index.ts';
import {
  type Acting,
  type ConfigObject,
  type Credential,
  type Policy,
  policyKey,
  type Stacked,
} from '../../config/index.ts';
import { type Collection, join } from '../../graph/index.ts';
import type { BackendUse } from '../backend/backend-use.ts';
import { ownerKey } from '../gateway/declared.ts';
import type { ListenerView } from '../gateway/listener.ts';
import { find, type Lookup, type Name } from '../lookup.ts';
import type { RouteIdentity } from '../route/attachment.ts';
import { configOutput, type Graph } from '../stage.ts';
import { describe, type Problem, problem } from '../verdict/problem.ts';
import {
  type Aim,
  type AttachedPolicy,
  besides,
  named,
  type Policies,
  type PolicyReading,
  type PolicyResource,
} from './attached-policy.ts';
import {
  hasDefaults,
  listenerLevels,
  nearestDefaults,
  overriding,
  policiesAt,
  portLevels,
  ruleLevels,
  surplus,
  TOO_MANY,
} from './inheritance.ts';
import type { Enforcement, PolicyKind, PolicySurroundings, TargetKind } from './policy-kind.ts';
import { forgetting } from './purge-progress.ts';
import { requestEffect } from './request-effect.ts';
import { type Sections, type Stray, strays } from './stray-section.ts';
import { isStream, isStreamRoute, type StreamPart, type StreamType, streamSettings } from './stream-part.ts';

/** Kinds of policies that act on requests. */
export type RequestPolicyKind = {
  [K in PolicyResource['kind']]: ResourceByKind[K] extends RequestPolicy<infer _> ? K : never;
}[PolicyResource['kind']];
type SettingsOf<K extends RequestPolicyKind> = ResourceByKind[K] extends RequestPolicy<infer S> ? S : never;

/** Types of config policies that are stacks, each with its settings. */
type StackedType = { [T in Policy['type']]: TypeOf<T>['spec'] extends Stacked<infer _> ? T : never }[Policy['type']];
type TypeOf<T extends Policy['type']> = Extract<Policy, { type: T }>;
type SettingsOfType<T extends StackedType> = TypeOf<T>['spec'] extends Stacked<infer S> ? S : never;

/** What a user's policy asks for, by the type of config policy that does it. */
export type Parts = { [T in Exclude<StackedType, StreamType>]?: SettingsOfType<T> } & {
  [T in StreamType]?: StreamPart<T>;
};

export interface RequestKind<K extends RequestPolicyKind> {
  kind: K;
  types: readonly Exclude<StackedType, StreamType>[];
  /** What it is where no request is read; absent: nothing. */
  streams?: StreamType;
  /** It refers to other objects. */
  refers?: true;
  /** Of several for one target all act: a guard that an older policy put out of force would stand open. */
  joins?: true;
  read(settings: Partial<SettingsOf<K>>, at: SettingsReading): Parts;
}

/** Settings that are read, and what comes out besides. */
export interface SettingsReading {
  look: Lookup;
  /** Of the policy. */
  name: Name;
  annotations: Readonly<Record<string, string>>;
  /** What is asked of data planes once. */
  asked(purge: PolicyReading<Parts>['purge']): void;
  /** Of the settings, such as `spec.overrides`. */
  field: string;
  invalid: Problem[];
  /** References that do not resolve. */
  unresolved: Problem[];
  credentials: Credential[];
  /** What is served, and told all the same. */
  remarks: string[];
  /** A Service that is to be asked: a Backend of the config from then on, or why it cannot be. */
  serviceOf(reference: BackendObjectReference, field: string, speaks: 'HTTP' | 'GRPC'): BackendUse | Problem;
}

const REQUEST_TARGETS: ReadonlyArray<TargetKind> = ['Gateway', 'ListenerSet', 'HTTPRoute', 'GRPCRoute', 'Service'];
const STREAM_TARGETS: ReadonlyArray<TargetKind> = [...REQUEST_TARGETS, 'TLSRoute', 'TCPRoute', 'UDPRoute'];

export function requestPolicy<K extends RequestPolicyKind>(kind: RequestKind<K>): PolicyKind<K, Parts> {
  return {
    kind: kind.kind,
    targets: kind.streams === undefined ? REQUEST_TARGETS : STREAM_TARGETS,
    read: (look, policy) => readRequestPolicy(kind, look, policy as unknown as RequestPolicy<SettingsOf<K>>),
    enforce: (graph, policies, known) => enforceRequestPolicy({ graph, kind, policies, known }),
  };
}

function readRequestPolicy<K extends RequestPolicyKind>(
  kind: RequestKind<K>,
  look: Lookup,
  { metadata, spec }: RequestPolicy<SettingsOf<K>>,
): PolicyReading<Parts> {
  const { targetRefs: _, defaults, overrides, refused, ...own } = spec;
  const invalid: Problem[] = refused === undefined ? [] : [problem(POLICY_REASON.Invalid, 'spec', refused)];
  const reading: PolicyReading<Parts> = { refusals: invalid };
  const unresolved: Problem[] = [];
  const credentials: Credential[] = [];
  const remarks: string[] = [];
  const uses: BackendUse[] = [];
  const name = { namespace: metadata.namespace ?? '', name: metadata.name };
  const { annotations = {} } = metadata;
  const asked: SettingsReading['asked'] = (purge) => {
    if (purge !== undefined) reading.purge = purge;
  };
  const told = { look, name, annotations, asked, invalid, unresolved, credentials, remarks };
  const read = (settings: Partial<SettingsOf<K>>, field: string) => kind.read(settings, { ...told, field, serviceOf });
  const serviceOf: SettingsReading['serviceOf'] = (reference, field, speaks) => {
    const use = look.backendOf(reference, {
      look,
      from: { kind: kind.kind, namespace: name.namespace },
      speaks,
      field,
    });
    if (!('reason' in use)) uses.push(use);
    return use;
  };
  if (refused === undefined) {
    if (defaults !== undefined) reading.settings = read(defaults, 'spec.defaults');
    else if (Object.keys(own).length > 0) reading.settings = read(own as Partial<SettingsOf<K>>, 'spec');
    if (overrides !== undefined) reading.overrides = read(overrides, 'spec.overrides');
  }
  if (kind.refers || unresolved.length + uses.length > 0) reading.unresolved = unresolved;
  if (credentials.length > 0) reading.credentials = credentials;
  if (remarks.length > 0) reading.remarks = remarks;
  if (uses.length > 0) reading.uses = uses;
  if (invalid.length === 0) return reading;
  // What cannot be followed as written is not followed in part: a guard with a hole is worse than one that is shut.
  const broken: PolicyReading<Parts> = { refusals: invalid.map(asInvalid) };
  if (refused !== undefined) broken.told = true;
  if (overrides !== undefined) broken.brokenOverride = true;
  return broken;
}

function asInvalid({ field, message }: Problem): Problem {
  return problem(POLICY_REASON.Invalid, field, message);
}

interface EnforceScope<K extends RequestPolicyKind> {
  graph: Graph;
  kind: RequestKind<K>;
  policies: Policies<Parts>;
  known: PolicySurroundings;
}

type PoliciesOf = (object: string) => ReadonlyArray<AttachedPolicy<Parts>>;

function enforceRequestPolicy<K extends RequestPolicyKind>(scope: EnforceScope<K>): Enforcement<Parts> {
  const { known, policies } = scope;
  const config = join<ConfigObject>(`config of ${scope.kind.kind}`, [
    listenerStacks(scope),
    ruleStacks(scope),
    backendStacks(scope),
    ...(scope.kind.refers ? [credentialObjects(scope)] : []),
  ]);
  const guards = KINDS[scope.kind.kind].guards === true;
  return {
    config,
    ...requestEffect(known, policies, {
      joins: scope.kind.joins === true,
      guards,
      keepsOut: guards && scope.kind.kind !== 'RewritePolicy',
      streams: scope.kind.streams !== undefined,
    }),
    ...(scope.kind.joins ? { joins: true } : {}),
    ...(scope.kind.types.includes('Cache') ? { hasForgotten: forgetting(config) } : {}),
    guards,
    unusable: 'the last form that it could use stays; where it had none, requests that this acts on are refused',
    actsOn: (_policy, { protocol }) => isRequestProtocol(protocol),
  };
}

/** Each under a key of its policy's own. */
function credentialObjects<K extends RequestPolicyKind>(scope: EnforceScope<K>): Collection<ConfigObject> {
  const { graph, kind, policies } = scope;
  return graph.derive(`credentials of ${kind.kind}`, policies.views, (_context, { credentials = [] }) =>
    credentials.map(configOutput),
  );
}

function listenerStacks<K extends RequestPolicyKind>(scope: EnforceScope<K>): Collection<ConfigObject> {
  const { graph, kind, policies, known } = scope;
  return graph.derive(`${kind.kind} by listener`, known.listeners.views, (context, view) => {
    const streams = isStream(view);
    if (streams ? kind.streams === undefined : !readsRequests(view)) return [];
    const policiesOf: PoliciesOf = (object) => context.fetch(policies.byObject, object) ?? [];
    const levels = levelsOf(view);
    // What no policy names is not read: an edit of a Gateway is not one of all listeners below it.
    const named = levels.filter(({ object }) => policiesOf(object).length > 0);
    if (named.length === 0) return [];
    const sections = new Map(named.map(({ object }) => [object, listenerNames(graph.look(context), object)]));
    return stacks(kind, policiesOf, { levels, sections, streams, target: { kind: 'Listener', key: view.key } });
  });
}

function ruleStacks<K extends RequestPolicyKind>(scope: EnforceScope<K>): Collection<ConfigObject> {
  const { graph, kind, policies, known } = scope;
  // By what policies name, and not by route: a route that none names costs nothing here, however many kinds there are.
  return graph.derive(`${kind.kind} by rule`, policies.byObject, (context, own, object) => {
    const judged = context.fetch(known.routes.judged, object);
    if (judged === undefined) return [];
    const streams = isStreamRoute(judged.route);
    if (streams && kind.streams === undefined) return [];
    const sections = new Map([[object, ruleNames(graph.look(context), judged.route)]]);
    return judged.rules.flatMap(({ key, name }) =>
      stacks(kind, () => own, {
        sections,
        streams,
        levels: ruleLevels([], { route: object, ...(name === undefined ? {} : { name }) }),
        target: { kind: 'RouteRule', key },
      }),
    );
  });
}

function backendStacks<K extends RequestPolicyKind>(scope: EnforceScope<K>): Collection<ConfigObject> {
  const { graph, kind, policies, known } = scope;
  return graph.derive(`${kind.kind} by backend`, policies.byObject, (context, own, object) => {
    const ports = context.fetch(graph.inputs.Service, object)?.spec.ports ?? [];
    const sections = new Map([[object, ports.flatMap(({ name }) => name ?? [])]]);
    return (context.fetch(known.backends.byService, object) ?? []).flatMap(({ key, protocol, service }) => {
      if (!isRequestProtocol(protocol)) return [];
      const port = ports.find((one) => one.port === service.port && one.protocol !== 'UDP');
      const levels = portLevels(object, port?.name ?? '');
      return stacks(kind, () => own, { levels, sections, streams: false, target: { kind: 'Backend', key } });
    });
  });
}

/** A listener on which there are requests to act on. */
export function readsRequests({ config }: ListenerView): boolean {
  return config?.protocol === 'HTTP' || config?.protocol === 'HTTPS';
}

function isRequestProtocol(protocol: BackendUse['protocol']): boolean {
  return protocol !== 'tcp' && protocol !== 'udp';
}

export function levelsOf(view: ListenerView): Aim[] {
  return listenerLevels({
    gateway: `Gateway/${view.gateway}`,
    owner: ownerKey(view.owner),
    name: view.spec.name,
  });
}

interface StackPlace {
  levels: readonly Aim[];
  sections: Sections;
  /** No request is read there. */
  streams: boolean;
  target: { kind: 'Listener' | 'RouteRule' | 'Backend'; key: string };
}

/** What a policy asks for by one of its halves. */
type SettingsAt = (
  policy: AttachedPolicy<Parts>,
  ...of: [type: StackedType, holds: 'Default' | 'Override']
) => object | undefined;

function stacks<K extends RequestPolicyKind>(
  kind: RequestKind<K>,
  policiesOf: PoliciesOf,
  at: StackPlace,
): Array<readonly [string, ConfigObject]> {
  const { levels, sections, target, streams } = at;
  const by: ActingKind = { kind, settingsAt: streams ? streamSettingsAt(at) : requestSettings };
  const types: readonly StackedType[] = !streams ? kind.types : kind.streams === undefined ? [] : [kind.streams];
  const astray = KINDS[kind.kind].guards ? strays(policiesOf, levels, sections) : [];
  const counting = policiesAt(policiesOf, kind.joins === true);
  return types.flatMap((type) => {
    const has = (policy: AttachedPolicy<Parts>): boolean => acting(by, policy, type, 'Default').length > 0;
    const acts: Acting<unknown>[] = overriding(counting, levels).flatMap((policy) =>
      acting(by, policy, type, 'Override'),
    );
    acts.push(...actingBeside(by, policiesOf, { levels, type }));
    const nearest = nearestDefaults(counting, levels, has);
    acts.push(...nearest.flatMap((policy) => acting(by, policy, type, 'Default')));
    const isNearer = (aim: Aim): boolean => nearestDefaults(counting, below(levels, aim), has).length > 0;
    acts.push(...actingAstray(by, astray, { type, isNearer }));
    if (kind.joins && type === types[0]) acts.push(...surplus(policiesOf, levels).map(actingTooMany));
    if (acts.length === 0) return [];
    const key = policyKey(type, target.key);
    // The settings are those of this type: `Parts` says so, by type.
    return [configOutput({ kind: 'Policy', key, type, target, spec: { acts } } as ConfigObject)];
  });
}

/** A kind of policy, and its settings as they are at one place. */
interface ActingKind {
  kind: Pick<RequestKind<RequestPolicyKind>, 'kind' | 'joins'>;
  settingsAt: SettingsAt;
}

const requestSettings: SettingsAt = (policy, type, holds) =>
  (holds === 'Override' ? policy.overrides : policy.settings)?.[type];

/** What Kong's plugins ask acts on requests: who may connect, and nothing else, is asked of connections, too. */
function streamSettingsAt({ levels, target }: StackPlace): SettingsAt {
  const listener = levels.at(-1);
  return (policy, type, holds) => {
    // The part is of the type that stands beside it.
    const part = requestSettings(policy, type, holds) as StreamPart | undefined;
    if (part === undefined) return undefined;
    if (policy.beside !== undefined && (type !== 'StreamAccess' || part.unknown.length > 0)) return undefined;
    const names = ({ object, section }: Aim): boolean =>
      section !== '' && object === listener?.object && section === listener.section;
    return streamSettings(part, target.kind === 'RouteRule' || policy.targets.some(names));
  };
}

function acting(
  { kind, settingsAt }: ActingKind,
  policy: AttachedPolicy<Parts>,
  ...[type, holds]: [StackedType, 'Default' | 'Override']
): Acting<unknown>[] {
  const source = policy.key;
  const settings = settingsAt(policy, type, holds);
  if (settings !== undefined) return [{ source, holds, settings }];
  if (policy.refusals.length === 0 || !KINDS[kind.kind].guards) return [];
  const isHere = holds === 'Override' ? policy.brokenOverride === true : hasDefaults(policy);
  return isHere ? [{ source, holds, broken: `${named(source)}: ${describe(policy.refusals)}` }] : [];
}

/** Of types of which one can act only, what a user wrote for the same object counts. */
const ONE_OF_A_KIND: readonly StackedType[] = ['Authentication', 'RateLimit', 'DirectResponse', 'BodySize'];

/** What stands for another gateway's plugins there, whatever else acts; but for what a user's own policy says itself. */
function actingBeside(
  by: ActingKind,
  policiesOf: PoliciesOf,
  { levels, type }: { levels: readonly Aim[]; type: StackedType },
): Acting<unknown>[] {
  const counting = policiesAt(policiesOf, by.kind.joins === true);
  const isTaken = (aim: Aim): boolean =>
    ONE_OF_A_KIND.includes(type) &&
    counting(aim).some(({ settings, overrides }) => (settings?.[type] ?? overrides?.[type]) !== undefined);
  return levels.flatMap((aim) =>
    besides(policiesOf(aim.object), aim).flatMap((policy) =>
      isTaken(aim) ? [] : acting(by, policy, type, 'Override'),
    ),
  );
}

/** Guards whose section is not there: one that holds against what is nearer, and one that gives way, refuse for all. */
function actingAstray(
  by: ActingKind,
  astray: ReadonlyArray<Stray<Parts>>,
  { type, isNearer }: { type: StackedType; isNearer: (aim: Aim) => boolean },
): Acting<unknown>[] {
  return (['Override', 'Default'] as const).flatMap((holds) => {
    const first = astray.find(
      ({ policy, aim }) => acting(by, policy, type, holds).length > 0 && (holds === 'Override' || !isNearer(aim)),
    );
    return first === undefined ? [] : [{ source: first.policy.key, holds, broken: first.why }];
  });
}

function actingTooMany({ key }: AttachedPolicy<Parts>): Acting<unknown> {
  return { source: key, holds: 'Override', broken: `${named(key)}: ${TOO_MANY}` };
}

/** The levels that are nearer than this one. */
function below(levels: readonly Aim[], aim: Aim): readonly Aim[] {
  return levels.slice(levels.indexOf(aim) + 1);
}

function ruleNames(look: Lookup, { kind, namespace, name }: RouteIdentity): string[] {
  const rules: ReadonlyArray<{ name?: string }> = find(look, kind, { namespace, name })?.spec.rules ?? [];
  return rules.flatMap((rule) => rule.name ?? []);
}

/** Of a Gateway or ListenerSet. */
function listenerNames(look: Lookup, object: string): string[] {
  const [kind, namespace, name] = object.split('/') as ['Gateway' | 'ListenerSet', string, string];
  return find(look, kind, { namespace, name })?.spec.listeners?.map((listener) => listener.name) ?? [];
}

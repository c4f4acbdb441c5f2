/**
 * Which config objects the data planes of each Gateway get: its listeners, the rules that attach to them, and what those
 * need. Nothing of another Gateway's goes with them, least of all its keys.
 */
import {
  type ConfigChange,
  type ConfigKind,
  type ConfigObject,
  type ConfigRef,
  POLICY_TYPES,
  refKey,
} from '../config/index.ts';
import { addKey, type KeySet, keysOf, removeKey } from '../graph/index.ts';

type PolicyType = { credentials?(spec: object): string[]; backends?(spec: object): string[] };

interface Held {
  object: ConfigObject;
  uses: readonly string[];
}

export class Partition {
  readonly #held = new Map<string, Held>();
  /** Who needs an object, also one that is not there yet. */
  readonly #users = new Map<string, KeySet>();
  /** Policies by what they are for; they go where that goes. */
  readonly #policies = new Map<string, KeySet>();
  /** What each object was last given to: mostly one Gateway, and a Set of one weighs ten times what its name does. */
  readonly #given = new Map<string, KeySet>();

  /** What the changes mean for each Gateway (`namespace/name`); Gateways that nothing changes for are left out. */
  take(changes: Iterable<ConfigChange>): Map<string, ConfigChange[]> {
    const changed = new Map<string, ConfigRef>();
    const touched = new Map<string, ConfigRef>();
    for (const { before, after } of changes) {
      const ref = after ?? before;
      if (ref === undefined) continue;
      const at = refKey(ref);
      changed.set(at, ref);
      // What it needed, and what it needs now, may go to others than before.
      this.#touch(at, touched);
      this.#hold(at, after);
      this.#touch(at, touched);
      touched.set(at, { kind: ref.kind, key: ref.key });
    }
    const result = new Map<string, ConfigChange[]>();
    for (const [at, ref] of touched) this.#tell(at, { ref, isChanged: changed.has(at), result });
    return result;
  }

  /** Everything that a Gateway's data planes get. */
  objectsOf(gateway: string): ConfigObject[] {
    return [...this.#held].flatMap(([at, { object }]) => (holds(this.#given.get(at), gateway) ? [object] : []));
  }

  #hold(at: string, object: ConfigObject | undefined): void {
    const before = this.#held.get(at);
    for (const used of before?.uses ?? []) removeKey(this.#users, used, at);
    if (before?.object.kind === 'Policy') removeKey(this.#policies, refKey(before.object.target), at);
    if (object === undefined) {
      this.#held.delete(at);
      return;
    }
    const uses = usesOf(object).map(refKey);
    this.#held.set(at, { object, uses });
    for (const used of uses) addKey(this.#users, used, at);
    if (object.kind === 'Policy') addKey(this.#policies, refKey(object.target), at);
  }

  /** The object and all that it needs, directly or not. What is needed needs nobody above it: it ends. */
  #touch(at: string, into: Map<string, ConfigRef>): void {
    const held = this.#held.get(at);
    if (held === undefined) return;
    into.set(at, { kind: held.object.kind, key: held.object.key });
    for (const used of held.uses) this.#touch(used, into);
    for (const policy of keysOf(this.#policies.get(at))) this.#touch(policy, into);
  }

  #tell(
    at: string,
    { ref, isChanged, result }: { ref: ConfigRef; isChanged: boolean; result: Map<string, ConfigChange[]> },
  ): void {
    const before = this.#given.get(at);
    const object = this.#held.get(at)?.object;
    const now = object === undefined ? NOBODY : this.#gatewaysOf(at);
    for (const gateway of now) {
      if (isChanged || !holds(before, gateway)) listOf(result, gateway).push({ after: object! });
    }
    for (const gateway of keysOf(before)) if (!now.has(gateway)) listOf(result, gateway).push({ before: ref });
    this.#given.delete(at);
    for (const gateway of now) addKey(this.#given, at, gateway);
  }

  #gatewaysOf(at: string): ReadonlySet<string> {
    const object = this.#held.get(at)?.object;
    const own = ownGateways(object);
    if (own !== undefined) return own;
    if (object?.kind === 'Policy') {
      const target = refKey(object.target);
      return this.#held.has(target) ? this.#gatewaysOf(target) : NOBODY;
    }
    const found = new Set<string>();
    for (const user of keysOf(this.#users.get(at))) for (const gateway of this.#gatewaysOf(user)) found.add(gateway);
    return found;
  }
}

const NOBODY: ReadonlySet<string> = new Set();

function holds(set: KeySet | undefined, key: string): boolean {
  return typeof set === 'object' ? set.has(key) : set === key;
}

function listOf(result: Map<string, ConfigChange[]>, gateway: string): ConfigChange[] {
  let list = result.get(gateway);
  if (list === undefined) result.set(gateway, (list = []));
  return list;
}

/** Of what belongs to Gateways by itself; undefined: it goes where its users go. */
function ownGateways(object: ConfigObject | undefined): ReadonlySet<string> | undefined {
  if (object?.kind === 'Listener') return new Set([object.gateway]);
  if (object?.kind === 'RouteRule') {
    return new Set(object.attachments.map(({ listener }) => gatewayOf(listener)));
  }
  if (object?.kind === 'Challenge') return new Set(object.listeners.map(gatewayOf));
  return undefined;
}

/** A listener's key begins with its Gateway. */
function gatewayOf(listener: string): string {
  return listener.split('/', 2).join('/');
}

/** What must be where this object is. */
function usesOf(object: ConfigObject): ConfigRef[] {
  switch (object.kind) {
    case 'Listener': {
      const { certificates = [], clientValidation } = object.tls ?? {};
      return [...refs('Certificate', certificates), ...refs('TrustBundle', clientValidation?.trust ?? [])];
    }
    case 'RouteRule': {
      const { filters, backends } = object;
      const asked = [filters, ...backends.map((one) => one.filters)]
        .flat()
        .flatMap((one) => ('backend' in one ? [one.backend] : []));
      const keys = [...backends.flatMap(({ backend }) => (backend === undefined ? [] : [backend])), ...asked];
      return [...refs('Backend', keys), ...refs('Endpoints', keys)];
    }
    case 'Backend': {
      const { trust, clientCertificate } = object.tls ?? {};
      return [
        ...refs('TrustBundle', Array.isArray(trust) ? trust : []),
        ...refs('Certificate', clientCertificate === undefined ? [] : [clientCertificate]),
      ];
    }
    case 'Policy': {
      // The spec is of the type that stands beside it.
      const type = POLICY_TYPES[object.type] as PolicyType;
      const asked = type.backends?.(object.spec) ?? [];
      return [
        ...refs('Credential', type.credentials?.(object.spec) ?? []),
        ...refs('Backend', asked),
        ...refs('Endpoints', asked),
      ];
    }
    case 'Endpoints':
    case 'Certificate':
    case 'TrustBundle':
    case 'Challenge':
    case 'Credential':
      return [];
  }
}

function refs(kind: ConfigKind, keys: readonly string[]): ConfigRef[] {
  return keys.map((key) => ({ kind, key }));
}

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

type PolicyType = { credentials?(spec: object): string[] };

interface Held {
  object: ConfigObject;
  uses: readonly string[];
}

export class Partition {
  readonly #held = new Map<string, Held>();
  /** Who needs an object, also one that is not there yet. */
  readonly #users = new Map<string, Set<string>>();
  /** Policies by what they are for; they go where that goes. */
  readonly #policies = new Map<string, Set<string>>();
  /** What each object was last given to. */
  readonly #given = new Map<string, ReadonlySet<string>>();

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
    return [...this.#held].flatMap(([at, { object }]) => (this.#given.get(at)?.has(gateway) ? [object] : []));
  }

  #hold(at: string, object: ConfigObject | undefined): void {
    const before = this.#held.get(at);
    for (const used of before?.uses ?? []) leave(this.#users, used, at);
    if (before?.object.kind === 'Policy') leave(this.#policies, refKey(before.object.target), at);
    if (object === undefined) {
      this.#held.delete(at);
      return;
    }
    const uses = usesOf(object).map(refKey);
    this.#held.set(at, { object, uses });
    for (const used of uses) join(this.#users, used, at);
    if (object.kind === 'Policy') join(this.#policies, refKey(object.target), at);
  }

  /** The object and all that it needs, directly or not. What is needed needs nobody above it: it ends. */
  #touch(at: string, into: Map<string, ConfigRef>): void {
    const held = this.#held.get(at);
    if (held === undefined) return;
    into.set(at, { kind: held.object.kind, key: held.object.key });
    for (const used of held.uses) this.#touch(used, into);
    for (const policy of this.#policies.get(at) ?? []) this.#touch(policy, into);
  }

  #tell(
    at: string,
    { ref, isChanged, result }: { ref: ConfigRef; isChanged: boolean; result: Map<string, ConfigChange[]> },
  ): void {
    const before = this.#given.get(at) ?? NOBODY;
    const object = this.#held.get(at)?.object;
    const now = object === undefined ? NOBODY : this.#gatewaysOf(at);
    for (const gateway of now) {
      if (isChanged || !before.has(gateway)) listOf(result, gateway).push({ after: object! });
    }
    for (const gateway of before) if (!now.has(gateway)) listOf(result, gateway).push({ before: ref });
    if (now.size === 0) this.#given.delete(at);
    else this.#given.set(at, now);
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
    for (const user of this.#users.get(at) ?? []) for (const gateway of this.#gatewaysOf(user)) found.add(gateway);
    return found;
  }
}

const NOBODY: ReadonlySet<string> = new Set();

function join(sets: Map<string, Set<string>>, at: string, member: string): void {
  const set = sets.get(at);
  if (set === undefined) sets.set(at, new Set([member]));
  else set.add(member);
}

function leave(sets: Map<string, Set<string>>, at: string, member: string): void {
  const set = sets.get(at);
  set?.delete(member);
  if (set?.size === 0) sets.delete(at);
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
      const mirrors = [filters, ...backends.map((one) => one.filters)]
        .flat()
        .flatMap((filter) => (filter.type === 'RequestMirror' ? [filter.backend] : []));
      const keys = [...backends.flatMap(({ backend }) => (backend === undefined ? [] : [backend])), ...mirrors];
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
      return refs('Credential', type.credentials?.(object.spec) ?? []);
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

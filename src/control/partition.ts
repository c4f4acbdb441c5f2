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

type PolicyType = {
  credentials?(spec: object): string[];
  certificates?(spec: object): string[];
  trust?(spec: object): string[];
  backends?(spec: object): string[];
};

interface Held {
  object: ConfigObject;
  uses: readonly string[];
  /** Where it goes, and what it uses with it: mostly one Gateway, and a Set of one weighs ten times what its name does. */
  gateways: KeySet | undefined;
}

/** An object that may go elsewhere than before, and where it went. */
interface Touched {
  ref: ConfigRef;
  before: KeySet | undefined;
}

export class Partition {
  readonly #held = new Map<string, Held>();
  /**
   * How many of its users go to a Gateway, for each object that is used, also one that is not there yet: so that a change
   * of one user costs the same whether there are ten others or ten thousand.
   */
  readonly #users = new Map<string, Map<string, number>>();
  /** Policies by what they are for; they go where that goes. */
  readonly #policies = new Map<string, KeySet>();

  /** What the changes mean for each Gateway (`namespace/name`); Gateways that nothing changes for are left out. */
  take(changes: Iterable<ConfigChange>): Map<string, ConfigChange[]> {
    const changed = new Set<string>();
    const touched = new Map<string, Touched>();
    for (const { before, after } of changes) {
      const ref = after ?? before;
      if (ref === undefined) continue;
      const at = refKey(ref);
      changed.add(at);
      this.#touch(at, ref, touched);
      this.#hold(at, after, touched);
    }
    const result = new Map<string, ConfigChange[]>();
    for (const [at, { ref, before }] of touched) {
      const { object, gateways } = this.#held.get(at) ?? {};
      for (const gateway of keysOf(gateways)) {
        if (changed.has(at) || !holds(before, gateway)) listOf(result, gateway).push({ after: object! });
      }
      for (const gateway of keysOf(before))
        if (!holds(gateways, gateway)) listOf(result, gateway).push({ before: ref });
    }
    return result;
  }

  /** Everything that a Gateway's data planes get. */
  objectsOf(gateway: string): ConfigObject[] {
    return [...this.#held.values()].flatMap(({ object, gateways }) => (holds(gateways, gateway) ? [object] : []));
  }

  #touch(at: string, { kind, key }: ConfigRef, touched: Map<string, Touched>): void {
    if (!touched.has(at)) touched.set(at, { ref: { kind, key }, before: this.#held.get(at)?.gateways });
  }

  #hold(at: string, object: ConfigObject | undefined, touched: Map<string, Touched>): void {
    const before = this.#held.get(at);
    if (before !== undefined) {
      this.#held.delete(at);
      this.#count(before.uses, { gateways: before.gateways, by: -1 }, touched);
      if (before.object.kind === 'Policy') removeKey(this.#policies, refKey(before.object.target), at);
    }
    if (object !== undefined) {
      this.#held.set(at, { object, uses: usesOf(object).map(refKey), gateways: undefined });
      if (object.kind === 'Policy') addKey(this.#policies, refKey(object.target), at);
    }
    this.#spread(at, touched);
  }

  /** One more user, or one less, of each. What is needed needs nobody above it: it ends. */
  #count(
    uses: readonly string[],
    { gateways, by }: { gateways: KeySet | undefined; by: 1 | -1 },
    touched: Map<string, Touched>,
  ): void {
    for (const at of uses) {
      const users = this.#users.get(at) ?? new Map<string, number>();
      let moved = false;
      for (const gateway of keysOf(gateways)) {
        const count = (users.get(gateway) ?? 0) + by;
        if (count === 0) users.delete(gateway);
        else users.set(gateway, count);
        moved ||= count === 0 || (by === 1 && count === 1);
      }
      if (users.size === 0) this.#users.delete(at);
      else this.#users.set(at, users);
      if (moved) this.#spread(at, touched);
    }
  }

  /** Where it goes may be another place than before: then what it uses goes there, too, and so do its policies. */
  #spread(at: string, touched: Map<string, Touched>): void {
    const held = this.#held.get(at);
    if (held !== undefined) {
      this.#touch(at, held.object, touched);
      const { gateways: before, uses } = held;
      const now = this.#gatewaysOf(at, held.object);
      held.gateways = setOf(now);
      // First what comes, so that nothing goes that comes again.
      const come = now.filter((gateway) => !holds(before, gateway));
      const gone = [...keysOf(before)].filter((gateway) => !holds(held.gateways, gateway));
      this.#count(uses, { gateways: setOf(come), by: 1 }, touched);
      this.#count(uses, { gateways: setOf(gone), by: -1 }, touched);
    }
    for (const policy of keysOf(this.#policies.get(at))) this.#spread(policy, touched);
  }

  #gatewaysOf(at: string, object: ConfigObject): string[] {
    const own = ownGateways(object);
    if (own !== undefined) return own;
    if (object.kind === 'Policy') return [...keysOf(this.#held.get(refKey(object.target))?.gateways)];
    return [...(this.#users.get(at)?.keys() ?? [])];
  }
}

function setOf(keys: readonly string[]): KeySet | undefined {
  return keys.length < 2 ? keys[0] : new Set(keys);
}

function holds(set: KeySet | undefined, key: string): boolean {
  return typeof set === 'object' ? set.has(key) : set === key;
}

function listOf(result: Map<string, ConfigChange[]>, gateway: string): ConfigChange[] {
  let list = result.get(gateway);
  if (list === undefined) result.set(gateway, (list = []));
  return list;
}

/** Of what belongs to Gateways by itself, each once; undefined: it goes where its users go. */
function ownGateways(object: ConfigObject): string[] | undefined {
  if (object.kind === 'Listener') return [object.gateway];
  if (object.kind === 'RouteRule') return [...new Set(object.attachments.map(({ listener }) => gatewayOf(listener)))];
  if (object.kind === 'Challenge') return [...new Set(object.listeners.map(gatewayOf))];
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
      const asked = (object.filters ?? []).map(({ backend }) => backend);
      return [
        ...refs('Certificate', certificates),
        ...refs('TrustBundle', clientValidation?.trust ?? []),
        ...refs('Backend', asked),
        ...refs('Endpoints', asked),
      ];
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
        ...refs('Certificate', type.certificates?.(object.spec) ?? []),
        ...refs('TrustBundle', type.trust?.(object.spec) ?? []),
        ...refs('Backend', asked),
        ...refs('Endpoints', asked),
      ];
    }
    case 'Credential': {
      const keys = object.content.type === 'BackendKeySet' ? [object.content.backend] : [];
      return [...refs('Backend', keys), ...refs('Endpoints', keys)];
    }
    case 'Endpoints':
    case 'Certificate':
    case 'TrustBundle':
    case 'Challenge':
      return [];
  }
}

function refs(kind: ConfigKind, keys: readonly string[]): ConfigRef[] {
  return keys.map((key) => ({ kind, key }));
}

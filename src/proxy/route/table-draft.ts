/** The next table of a socket from the last one: what changed is made anew, all else is shared. */
import { isDeepStrictEqual } from 'node:util';
import { type Listener, type PathForm, policyKey, type Snapshot } from '../../config/index.ts';
import { compileFilters, type FilterChain } from '../filter/index.ts';
import { BucketDraft, HostBucket } from './bucket.ts';
import { clientRules, clientSpecs } from './client-rules.ts';
import { CompiledTable, type ListenerGroup } from './compiled-table.ts';
import { type ConnectionRules, connectionRules } from './connection-rules.ts';
import { ANY_HOST, HostIndex, nextIndex } from './host-index.ts';
import { PathScan } from './path-scan.ts';
import type { CompiledPlan } from './plan.ts';

export interface TableChange {
  /** HTTP and HTTPS listeners that share the socket now. */
  listeners: ReadonlyArray<Listener>;
  /** Where their policies are found; absent: there are none. */
  config: Pick<Snapshot, 'get'> | undefined;
  /** Policies may differ from the last table's. */
  policies?: boolean;
  /** Plans that are served no longer, and those that are from now on; a rule that changed has one in each. */
  gone: Iterable<CompiledPlan>;
  come: Iterable<CompiledPlan>;
  /** Plans of all rules from now on; asked for where listeners came, went or moved. Others' attachments are ignored. */
  all: () => Iterable<CompiledPlan>;
}

/**
 * Stops after each small piece of work, so that a caller may let requests go first. Nothing that serves changes in
 * between. Gives `last` itself where nothing changed.
 */
export function* nextTable(last: CompiledTable, change: TableChange): Generator<void, CompiledTable, void> {
  const draft = new TableDraft(last, change);
  for (const plan of change.gone) {
    draft.remove(plan);
    yield;
  }
  for (const plan of change.come) {
    draft.add(plan, false);
    yield;
  }
  if (draft.renews) {
    for (const plan of change.all()) {
      draft.add(plan, true);
      yield;
    }
  }
  return yield* draft.finish();
}

const NO_HOSTS = new HostIndex<HostBucket>(new Map());

class TableDraft {
  readonly #last: CompiledTable;
  readonly #listeners: ReadonlyArray<Listener>;
  readonly #byKey = new Map<string, Listener>();
  /** Of the hostnames that something changed for; undefined where no listener has the hostname any more. */
  readonly #groups = new Map<string, GroupDraft | undefined>();
  /** Some group must be filled from nothing. */
  renews = false;

  constructor(last: CompiledTable, { listeners, config, policies }: TableChange) {
    this.#last = last;
    this.#listeners = listeners;
    for (const listener of listeners) this.#byKey.set(listener.key, listener);
    if (policies || !sameListeners(listeners, last.listeners)) this.#regroup(config);
  }

  #regroup(config: TableChange['config']): void {
    const sorted = [...this.#listeners].sort((a, b) => (a.key < b.key ? -1 : 1));
    const members = Map.groupBy(sorted, hostnameOf);
    for (const hostname of this.#last.groups.names()) if (!members.has(hostname)) this.#groups.set(hostname, undefined);
    for (const [hostname, listeners] of members) {
      const held = this.#last.groups.at(hostname);
      const pathForm = pathFormOf(listeners, config);
      const headerLines = headerLinesOf(listeners, config);
      const specs = clientSpecs(listeners, config);
      const client = clientRules(specs, held?.client);
      const connection = sameRules(connectionRules(specs), held?.connection);
      const filters = filtersOf(listeners, held);
      const same =
        held?.filters === filters &&
        held.pathForm === pathForm &&
        held.headerLines === headerLines &&
        held.client === client &&
        held.connection === connection;
      if (same && sameListeners(held.listeners, listeners)) continue;
      const asWritten = pathForm === 'Keep';
      const kept = held && sameSeats(held.listeners, listeners) && asWritten === (held.pathForm === 'Keep');
      this.#groups.set(
        hostname,
        new GroupDraft(
          { hostname, listeners, pathForm, headerLines, client, connection, filters },
          kept ? held : undefined,
        ),
      );
      this.renews ||= !kept;
    }
  }

  remove(plan: CompiledPlan): void {
    // A group whose listeners moved is filled anew, and one that stayed has its listeners under the same keys.
    for (const [group, , host] of this.#placesOf(plan)) if (!group.renewed) group.bucket(host).remove(plan);
  }

  /** `renewed`: to the groups that are filled from nothing, or else to all others. */
  add(plan: CompiledPlan, renewed: boolean): void {
    for (const [group, listener, host] of this.#placesOf(plan)) {
      if (group.renewed === renewed) group.bucket(host).add(plan, listener);
    }
  }

  *#placesOf({ rule }: CompiledPlan): Iterable<[group: GroupDraft, listener: Listener, host: string]> {
    for (const attachment of rule.attachments) {
      const listener = this.#byKey.get(attachment.listener);
      if (listener === undefined) continue;
      const group = this.#groupOf(hostnameOf(listener));
      // The listener is chosen by its own hostname, so a route's is as good a key as the intersection of the two,
      // and of routes with equal intersections it puts the more specific one first.
      for (const host of attachment.routeHostnames ?? attachment.hostnames) yield [group, listener, host.toLowerCase()];
    }
  }

  #groupOf(hostname: string): GroupDraft {
    const held = this.#groups.get(hostname);
    if (held !== undefined) return held;
    const last = this.#last.groups.at(hostname)!;
    const draft = new GroupDraft(last, last);
    this.#groups.set(hostname, draft);
    return draft;
  }

  *finish(): Generator<void, CompiledTable, void> {
    if (this.#groups.size === 0) return this.#last;
    const changes = new Map<string, ListenerGroup | undefined>();
    for (const [hostname, group] of this.#groups) {
      changes.set(hostname, group === undefined ? undefined : yield* group.finish());
    }
    const groups = yield* nextIndex(changes, this.#last.groups);
    const { depth, longest } = boundsOf(groups.values());
    const { scan } = this.#last;
    const kept = scan.depth === depth && scan.longest === longest;
    return new CompiledTable(this.#listeners, groups, kept ? scan : new PathScan(depth, longest));
  }
}

type GroupIdentity = Pick<
  ListenerGroup,
  'hostname' | 'listeners' | 'pathForm' | 'headerLines' | 'client' | 'connection' | 'filters'
>;

class GroupDraft {
  readonly #of: GroupIdentity;
  readonly #last: ListenerGroup | undefined;
  readonly #buckets = new Map<string, BucketDraft>();

  constructor(of: GroupIdentity, last: ListenerGroup | undefined) {
    this.#of = of;
    this.#last = last;
  }

  /** Filled from nothing. */
  get renewed(): boolean {
    return this.#last === undefined;
  }

  bucket(host: string): BucketDraft {
    let bucket = this.#buckets.get(host);
    if (bucket === undefined) {
      const last = this.#last?.hosts.at(host) ?? HostBucket.EMPTY;
      bucket = new BucketDraft(host, last, this.#of.pathForm === 'Keep');
      this.#buckets.set(host, bucket);
    }
    return bucket;
  }

  *finish(): Generator<void, ListenerGroup, void> {
    const last = this.#last ?? { hosts: NO_HOSTS, depth: 0, longest: 0 };
    let { depth, longest } = last;
    // What bounded the group may be gone with a bucket.
    let loose = false;
    const changes = new Map<string, HostBucket | undefined>();
    for (const [host, draft] of this.#buckets) {
      const bucket = draft.finish();
      changes.set(host, bucket);
      const before = last.hosts.at(host);
      loose ||= before?.depth === last.depth && (bucket?.depth ?? -1) < before.depth;
      loose ||= before?.longest === last.longest && (bucket?.longest ?? -1) < before.longest;
      depth = Math.max(depth, bucket?.depth ?? 0);
      longest = Math.max(longest, bucket?.longest ?? 0);
      yield;
    }
    const hosts = yield* nextIndex(changes, last.hosts);
    if (loose) ({ depth, longest } = boundsOf(hosts.values()));
    return { ...this.#of, hosts, depth, longest };
  }
}

function boundsOf(parts: ReadonlyArray<{ depth: number; longest: number }>): { depth: number; longest: number } {
  const bounds = { depth: 0, longest: 0 };
  for (const { depth, longest } of parts) {
    bounds.depth = Math.max(bounds.depth, depth);
    bounds.longest = Math.max(bounds.longest, longest);
  }
  return bounds;
}

const STRICTNESS = ['Reject', 'Normalize', 'Keep'] as const;

/** Of listeners that are served as one, the strictest. */
function pathFormOf(listeners: ReadonlyArray<Listener>, config: TableChange['config']): PathForm {
  const forms = listeners.map(({ key }) => {
    const policy = config?.get('Policy', policyKey('ClientTraffic', key));
    return (policy?.type === 'ClientTraffic' && policy.spec.pathForm) || 'Normalize';
  });
  return STRICTNESS.find((form) => forms.includes(form)) ?? 'Normalize';
}

/** Of listeners that are served as one, the fewest; 0: none says. */
function headerLinesOf(listeners: ReadonlyArray<Listener>, config: TableChange['config']): number {
  const limits = listeners.flatMap(({ key }) => {
    const policy = config?.get('Policy', policyKey('ClientTraffic', key));
    return (policy?.type === 'ClientTraffic' && policy.spec.headers?.maxLines) || [];
  });
  return limits.length === 0 ? 0 : Math.min(...limits);
}

/** Of listeners that are served as one, those of all. The held ones where they are equal. */
function filtersOf(listeners: ReadonlyArray<Listener>, held: ListenerGroup | undefined): FilterChain | null {
  const wanted = listeners.flatMap(({ filters = [] }) => filters);
  const before = held?.listeners.flatMap(({ filters = [] }) => filters);
  if (held !== undefined && isDeepStrictEqual(wanted, before)) return held.filters;
  return compileFilters(wanted).filters;
}

/** The held one where they are equal. */
function sameRules(rules: ConnectionRules | null, held: ConnectionRules | null | undefined): ConnectionRules | null {
  return held !== undefined && isDeepStrictEqual(rules, held) ? held : rules;
}

function hostnameOf(listener: Listener): string {
  return listener.hostname?.toLowerCase() || ANY_HOST;
}

function sameListeners(a: ReadonlyArray<Listener>, b: ReadonlyArray<Listener>): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i]);
}

/** Differing in nothing that routing knows of. */
function sameSeats(a: ReadonlyArray<Listener>, b: ReadonlyArray<Listener>): boolean {
  return a.length === b.length && a.every((one, i) => one.key === b[i]!.key && one.port === b[i]!.port);
}

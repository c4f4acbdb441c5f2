/** Config objects into the RouteTable of one socket. */
import { type Listener, type PathForm, policyKey, type RouteRule, type Snapshot } from '../../config/index.ts';
import { type Head, sameName } from '../ground/head.ts';
import { HostBucket, type Placement } from './bucket.ts';
import type { Candidate } from './candidate.ts';
import { ANY_HOST, HostIndex } from './host-index.ts';
import { PathScan } from './path-scan.ts';
import type { CompiledPlan, PlanCache } from './plan.ts';
import type { RouteMatch, RouteTable } from './table.ts';

export interface TableInput {
  /** HTTP and HTTPS listeners that share the socket. */
  listeners: ReadonlyArray<Listener>;
  /** Rules of HTTPRoutes and GRPCRoutes; attachments to other listeners are ignored. */
  rules: Iterable<RouteRule>;
  plans: PlanCache;
  /** Where the listeners' policies are found; absent: there are none. */
  config?: Pick<Snapshot, 'get'>;
}

/** Listeners of one hostname; of different Gateways where there are several, and then served as one. */
export interface ListenerGroup {
  readonly hostname: string;
  readonly listeners: ReadonlyArray<Listener>;
  readonly hosts: HostIndex<HostBucket>;
  readonly pathForm: PathForm;
}

/** What was looked at for one request. */
export interface Consideration {
  /** The listeners that take requests for this host; undefined: none. */
  group: ListenerGroup | undefined;
  /** All listeners of the socket. */
  served: ReadonlyArray<ListenerGroup>;
  misdirected: boolean;
  /** Every match of every rule that serves the host there, in the order of precedence; none where misdirected. */
  candidates: Candidate[];
}

/**
 * Throws DMN_CONFIG_INVALID for a rule that cannot be compiled; callers try `plans.plan(rule)` first, rule by rule,
 * and leave the bad ones out. Buckets whose rules did not change are taken over from the last table.
 */
export function compileTable(input: TableInput): CompiledTable {
  const listeners = [...input.listeners].sort((a, b) => (a.key < b.key ? -1 : 1));
  const placements = placeRules(input, listeners);
  const groups = new Map<string, ListenerGroup>();
  let depth = 0;
  let longest = 0;
  for (const [hostname, members] of Map.groupBy(listeners, hostnameOf)) {
    const pathForm = pathFormOf(members, input.config);
    const buckets = compileBuckets(members, placements.get(hostname) ?? new Map(), {
      plans: input.plans,
      asWritten: pathForm === 'Keep',
    });
    for (const bucket of buckets.values()) {
      depth = Math.max(depth, bucket.depth);
      longest = Math.max(longest, bucket.longest);
    }
    groups.set(hostname, { hostname, listeners: members, hosts: new HostIndex(buckets), pathForm });
  }
  return new CompiledTable(new HostIndex(groups), new PathScan(depth, longest));
}

type PlacementsByHost = Map<string, Placement[]>;

/** Which rules serve which hostname of which listeners' hostname. */
function placeRules(input: TableInput, listeners: ReadonlyArray<Listener>): Map<string, PlacementsByHost> {
  const byKey = new Map(listeners.map((listener) => [listener.key, listener]));
  const placed = new Map<string, PlacementsByHost>();
  for (const rule of input.rules) {
    let plan: CompiledPlan | undefined;
    for (const attachment of rule.attachments) {
      const listener = byKey.get(attachment.listener);
      if (listener === undefined) continue;
      plan ??= input.plans.compiled(rule);
      const hostname = hostnameOf(listener);
      let hosts = placed.get(hostname);
      if (hosts === undefined) placed.set(hostname, (hosts = new Map()));
      // The listener is chosen by its own hostname, so a route's is as good a key as the intersection of the two,
      // and of routes with equal intersections it puts the more specific one first.
      for (const host of attachment.routeHostnames ?? attachment.hostnames) {
        place(hosts, host.toLowerCase(), { plan, listener });
      }
    }
  }
  return placed;
}

function place(hosts: PlacementsByHost, host: string, placement: Placement): void {
  const placements = hosts.get(host);
  if (placements === undefined) {
    hosts.set(host, [placement]);
    return;
  }
  // A rule that attaches twice, by port and by name say, attaches once; its placements follow one another.
  const last = placements[placements.length - 1]!;
  if (last.plan !== placement.plan || last.listener !== placement.listener) placements.push(placement);
}

function compileBuckets(
  listeners: ReadonlyArray<Listener>,
  placements: PlacementsByHost,
  { plans, asWritten }: { plans: PlanCache; asWritten: boolean },
): ReadonlyMap<string, HostBucket> {
  const group = listeners.map((listener) => listener.key).join(' ');
  const last = plans.buckets(group);
  const buckets = new Map<string, HostBucket>();
  for (const [hostname, placed] of placements) {
    const held = last?.get(hostname);
    const same = held?.madeFrom(placed, asWritten);
    buckets.set(hostname, same ? held! : new HostBucket(hostname, placed, asWritten));
  }
  plans.keepBuckets(group, buckets);
  return buckets;
}

const STRICTNESS = ['Reject', 'Normalize', 'Keep'] as const;

/** Of listeners that are served as one, the strictest. */
function pathFormOf(listeners: ReadonlyArray<Listener>, config: TableInput['config']): PathForm {
  const forms = listeners.map(({ key }) => {
    const policy = config?.get('Policy', policyKey('ClientTraffic', key));
    return (policy?.type === 'ClientTraffic' && policy.spec.pathForm) || 'Normalize';
  });
  return STRICTNESS.find((form) => forms.includes(form)) ?? 'Normalize';
}

function hostnameOf(listener: Listener): string {
  return listener.hostname?.toLowerCase() || ANY_HOST;
}

export class CompiledTable implements RouteTable {
  readonly #groups: HostIndex<ListenerGroup>;
  readonly #scan: PathScan;
  readonly #buckets: HostBucket[] = [];
  #match: RouteMatch | null = null;

  constructor(groups: HostIndex<ListenerGroup>, scan: PathScan) {
    this.#groups = groups;
    this.#scan = scan;
  }

  match(head: Head, serverName: string): RouteMatch | null {
    const group = this.#groups.first(head);
    if (group === undefined || this.#misdirected(group, head, serverName)) return null;
    const buckets = this.#buckets;
    const count = group.hosts.collect(head, buckets);
    if (count === 0) return null;
    this.#scan.read(head);
    for (let i = 0; i < count; i++) {
      const candidate = buckets[i]!.find(head, this.#scan);
      if (candidate !== null) return this.#answer(candidate, head);
    }
    return null;
  }

  pathForm(head: Head): PathForm {
    return this.#groups.first(head)?.pathForm ?? 'Normalize';
  }

  serves(head: Head, serverName: string): boolean {
    const group = this.#groups.first(head);
    return group === undefined || !this.#misdirected(group, head, serverName);
  }

  /** What `match` looks at for this head, in its order. For explanations. */
  consider(head: Head, serverName: string): Consideration {
    const group = this.#groups.first(head);
    const served = [...this.#groups.values()];
    if (group === undefined) return { group, served, misdirected: false, candidates: [] };
    if (this.#misdirected(group, head, serverName)) return { group, served, misdirected: true, candidates: [] };
    const buckets: HostBucket[] = [];
    group.hosts.collect(head, buckets);
    return { group, served, misdirected: false, candidates: buckets.flatMap((bucket) => bucket.ordered()) };
  }

  /** Another listener than the one that serves the request's host was chosen when the connection was made. */
  #misdirected(group: ListenerGroup, head: Head, serverName: string): boolean {
    if (serverName === '' || sameName(head.hostStart, head.hostEnd, serverName)) return false;
    return this.#groups.named(serverName) !== group;
  }

  #answer(candidate: Candidate, head: Head): RouteMatch {
    const { plan, match, listener } = candidate;
    const matchedPrefix = match.path.type === 'PathPrefix' ? match.pathText.length : head.pathEnd - head.pathStart;
    const answer = this.#match;
    if (answer === null) {
      return (this.#match = { plan, matchedPrefix, listener: listener.key, listenerPort: listener.port });
    }
    answer.plan = plan;
    answer.matchedPrefix = matchedPrefix;
    answer.listener = listener.key;
    answer.listenerPort = listener.port;
    return answer;
  }
}

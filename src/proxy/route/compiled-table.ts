/** The routes of one socket. Immutable; the next one is made by `nextTable` and shares what did not change. */
import type { Listener, PathForm } from '../../config/index.ts';
import type { FilterChain } from '../filter/index.ts';
import { renewAllowance } from '../ground/allowance.ts';
import { isGrpc } from '../ground/grpc-call.ts';
import { type Head, sameName } from '../ground/head.ts';
import type { HostBucket } from './bucket.ts';
import type { Candidate } from './candidate.ts';
import type { ClientRules } from './client-rules.ts';
import { type ConnectionRules, strictestOf } from './connection-rules.ts';
import { HostIndex } from './host-index.ts';
import { PathScan } from './path-scan.ts';
import type { RouteMatch, RouteTable } from './table.ts';

/** Listeners of one hostname; of different Gateways where there are several, and then served as one. */
export interface ListenerGroup {
  readonly hostname: string;
  readonly listeners: ReadonlyArray<Listener>;
  readonly hosts: HostIndex<HostBucket>;
  readonly pathForm: PathForm;
  /** Most header lines of a request; 0: none says. */
  readonly headerLines: number;
  /** Null: no policy says anything of requests. */
  readonly client: ClientRules | null;
  /** Null: none says anything of connections. */
  readonly connection: ConnectionRules | null;
  /** Act before the route is chosen; null: none. */
  readonly filters: FilterChain | null;
  /** Of its deepest prefix and its longest path, or more. */
  readonly depth: number;
  readonly longest: number;
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

export class CompiledTable implements RouteTable {
  static readonly EMPTY = new CompiledTable([], new HostIndex<ListenerGroup>(new Map()), new PathScan(0, 0));

  /** As they were given. */
  readonly listeners: ReadonlyArray<Listener>;
  readonly groups: HostIndex<ListenerGroup>;
  readonly scan: PathScan;
  readonly mostHeaderLines: number;
  readonly hasClientRules: boolean;
  readonly hasFilters: boolean;
  readonly #allRules: ConnectionRules | null;
  readonly #buckets: HostBucket[] = [];
  #match: RouteMatch | null = null;

  constructor(listeners: ReadonlyArray<Listener>, groups: HostIndex<ListenerGroup>, scan: PathScan) {
    this.listeners = listeners;
    this.groups = groups;
    this.scan = scan;
    this.#allRules = strictestOf(groups.values().map(({ connection }) => connection));
    this.hasClientRules = groups.values().some(({ client }) => client !== null);
    this.hasFilters = groups.values().some(({ filters }) => filters !== null);
    this.mostHeaderLines = groups.values().reduce((most, { headerLines }) => Math.max(most, headerLines), 0);
  }

  match(head: Head, serverName: string): RouteMatch | null {
    renewAllowance();
    const group = this.groups.first(head);
    if (group === undefined || this.#misdirected(group, head, serverName)) return null;
    const buckets = this.#buckets;
    const count = group.hosts.collect(head, buckets);
    if (count === 0) return null;
    this.scan.read(head);
    for (let i = 0; i < count; i++) {
      const candidate = buckets[i]!.find(head, this.scan);
      if (candidate !== null) return this.#answer(candidate, head);
    }
    return null;
  }

  listener(head: Head): Listener | undefined {
    return this.groups.first(head)?.listeners[0];
  }

  filters(head: Head): FilterChain | null {
    const filters = this.groups.first(head)?.filters ?? null;
    // They may look through the request, and the route is chosen after them.
    if (filters !== null) renewAllowance();
    return filters;
  }

  pathForm(head: Head): PathForm {
    return this.groups.first(head)?.pathForm ?? 'Normalize';
  }

  clientRules(head: Head): ClientRules | null {
    return this.groups.first(head)?.client ?? null;
  }

  connectionRules(serverName: string): ConnectionRules | null {
    return serverName === '' ? this.#allRules : (this.groups.named(serverName)?.connection ?? null);
  }

  headerLines(head: Head): number {
    return this.groups.first(head)?.headerLines ?? 0;
  }

  serves(head: Head, serverName: string): boolean {
    const group = this.groups.first(head);
    return group === undefined || !this.#misdirected(group, head, serverName);
  }

  wantsGrpc(head: Head, serverName: string): boolean {
    const group = this.groups.first(head);
    if (group === undefined || isGrpc(head) || this.#misdirected(group, head, serverName)) return false;
    const buckets: HostBucket[] = [];
    return group.hosts.collect(head, buckets) > 0 && buckets.every(({ onlyGrpc }) => onlyGrpc);
  }

  /** What `match` looks at for this head, in its order. For explanations. */
  consider(head: Head, serverName: string): Consideration {
    const group = this.groups.first(head);
    const served = this.groups.values();
    if (group === undefined) return { group, served, misdirected: false, candidates: [] };
    if (this.#misdirected(group, head, serverName)) return { group, served, misdirected: true, candidates: [] };
    const buckets: HostBucket[] = [];
    group.hosts.collect(head, buckets);
    return { group, served, misdirected: false, candidates: buckets.flatMap((bucket) => bucket.ordered()) };
  }

  /** Another listener than the one that serves the request's host was chosen when the connection was made. */
  #misdirected(group: ListenerGroup, head: Head, serverName: string): boolean {
    if (serverName === '' || sameName(head.hostStart, head.hostEnd, serverName)) return false;
    return this.groups.named(serverName) !== group;
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

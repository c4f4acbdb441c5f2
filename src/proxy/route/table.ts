/**
 * What routing gives the exchange. The table is built whole from config objects and swapped as one reference;
 * requests under way keep the plan they matched.
 */
import type { PathForm, RouteRule } from '../../config/index.ts';
import type { FilterChain, HeaderPatch } from '../filter/index.ts';
import type { Head } from '../ground/head.ts';
import type { RouteRow } from '../http/stats.ts';
import type { ClientRules } from './client-rules.ts';
import type { ConnectionRules } from './connection-rules.ts';

/** A RouteRule, compiled. Reused while its canonical hash stays the same. */
export interface RoutePlan {
  readonly rule: RouteRule;
  /** Header changes of the rule; NONE where there are none. */
  readonly requestPatch: HeaderPatch;
  readonly responsePatch: HeaderPatch;
  /** Filters that do more than change headers, in order; null where there are none. */
  readonly filters: FilterChain | null;
  /** Chosen among by weight; empty where the rule has none (500, unless a filter answers). */
  readonly backends: ReadonlyArray<PlannedBackend>;
  /** Whose turn it is, by weight; null where no backend has a weight. Lives as long as the plan. */
  readonly choice: { next(): PlannedBackend | null };
  /** Sum of the weights. */
  readonly totalWeight: number;
}

export interface PlannedBackend {
  /** Key of a Backend, or '' where `broken`. */
  readonly key: string;
  readonly weight: number;
  readonly broken: string | undefined;
  /** The rule's patches followed by the backend's own. */
  readonly requestPatch: HeaderPatch;
  readonly responsePatch: HeaderPatch;
  readonly filters: FilterChain | null;
  /** Where the exchange counts requests to it; kept here so that no look-up is needed. Null before the first. */
  row: RouteRow | null;
}

/** The answer of `match`: one object a table, overwritten by each call. */
export interface RouteMatch {
  plan: RoutePlan;
  /** Length of the path prefix that matched (see FilterScope.matchedPrefix). */
  matchedPrefix: number;
  /** Key of the listener that took the request, and its port as written. */
  listener: string;
  listenerPort: number;
}

/** Routes of all listeners that share one socket. */
export interface RouteTable {
  /**
   * The rule for this request, by the spec's precedence, or null: no listener or no rule takes it.
   * `serverName` is the SNI of a TLS connection, or ''. What may be looked through for the request is counted from here
   * on; throws Overdrawn where that is too much.
   */
  match(head: Head, serverName: string): RouteMatch | null;
  /** The listener that a request for this host reaches, whether a route takes it or not; undefined: none. */
  listener(head: Head): { readonly key: string; readonly port: number } | undefined;
  /** Some listener has filters that act before the route is chosen. */
  readonly hasFilters: boolean;
  /** Those of this request's host, of all listeners that are served as one; null: none. */
  filters(head: Head): FilterChain | null;
  /** How paths that are not in normal form are served for this request's host. To be settled before `match`. */
  pathForm(head: Head): PathForm;
  /** Some policy says something of requests, and what it is for this one's host. */
  readonly hasClientRules: boolean;
  clientRules(head: Head): ClientRules | null;
  /** For a connection by its server name; without one, the strictest of all listeners. Null: no policy says. */
  connectionRules(serverName: string): ConnectionRules | null;
  /** Most header lines that any listener takes by a policy of its own; 0: none says. */
  readonly mostHeaderLines: number;
  /** Most for this request's host; 0: no policy says. */
  headerLines(head: Head): number;
  /** This is no call of gRPC, and all routes for its host, of which there is one, take nothing else. */
  wantsGrpc(head: Head, serverName: string): boolean;
  /**
   * False where another listener of this socket serves the request's host than the one that the SNI chose: the
   * request is misdirected (421). True where it is the same one, where there is no SNI, and where no listener serves
   * the host (then `match` finds nothing: 404).
   */
  serves(head: Head, serverName: string): boolean;
}

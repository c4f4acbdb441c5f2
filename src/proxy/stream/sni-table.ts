/**
 * Which listener takes a TLS connection, by server name, and which rule of it. One table for each bound port, built
 * whole from config objects and swapped as one reference.
 *
 * The spec's order: first the listener with the most specific hostname that fits, then, among the TLSRoutes attached
 * to that listener only (and TCPRoutes, where TLS ends here), the most specific hostname. Exact before wildcard, longer wildcard before shorter, any last.
 */
import type { Listener, RouteRule } from '../../config/index.ts';
import { precedes, type StreamPlan } from './stream-plan.ts';

export interface SniChoice {
  readonly listener: Listener;
  /** Passthrough: relay by `plan`. Terminate: end TLS; then relay by `plan`, or HTTP where the listener is HTTPS. */
  readonly mode: 'Passthrough' | 'Terminate';
  /** Undefined: an HTTPS listener. */
  readonly plan: StreamPlan | undefined;
}

export interface SniTable {
  /** `serverName` is lower case, or '' where the client sent none. Null: nothing takes the connection. */
  choose(serverName: string): SniChoice | null;
}

export interface SniTableInput {
  /** The HTTPS and TLS listeners that share the port. */
  listeners: ReadonlyArray<Listener>;
  rules: Iterable<RouteRule>;
  /** Called once for each rule on each listener it is attached to. */
  planOf(rule: RouteRule, listener: string): StreamPlan;
}

interface ListenerEntry {
  readonly listener: Listener;
  readonly mode: SniChoice['mode'];
  /** Choices by hostname; null for HTTPS. */
  readonly routes: HostnameTable<SniChoice> | null;
  readonly whole: SniChoice;
}

export function compileSniTable(input: SniTableInput): SniTable {
  const listeners = new HostnameTable<ListenerEntry>();
  const routes = new Map<string, HostnameTable<SniChoice>>();
  for (const listener of input.listeners) {
    const mode = listener.tls?.mode ?? 'Terminate';
    const table = listener.protocol === 'HTTPS' ? null : new HostnameTable<SniChoice>();
    if (table !== null) routes.set(listener.key, table);
    const whole: SniChoice = { listener, mode, plan: undefined };
    listeners.add(listener.hostname ?? '*', { listener, mode, routes: table, whole });
  }
  addRoutes(input, routes);
  return {
    choose(serverName) {
      const entry = listeners.find(serverName);
      if (entry === undefined) return null;
      return entry.routes === null ? entry.whole : (entry.routes.find(serverName) ?? null);
    },
  };
}

function addRoutes(input: SniTableInput, tables: ReadonlyMap<string, HostnameTable<SniChoice>>): void {
  const byKey = new Map(input.listeners.map((listener) => [listener.key, listener]));
  const rules = [...input.rules].filter(({ route }) => route.kind === 'TLSRoute' || route.kind === 'TCPRoute');
  // The first one added for a hostname is kept: so the rules come in the order of their precedence.
  for (const rule of rules.sort((a, b) => (precedes(a, b) ? -1 : 1))) {
    for (const attachment of rule.attachments) {
      const listener = byKey.get(attachment.listener);
      const table = tables.get(attachment.listener);
      if (listener === undefined || table === undefined) continue;
      // What is passed through is no stream of TCP that anybody here can read.
      if (rule.route.kind === 'TCPRoute' && listener.tls?.mode === 'Passthrough') continue;
      const plan = input.planOf(rule, listener.key);
      const choice: SniChoice = { listener, mode: listener.tls?.mode ?? 'Terminate', plan };
      // The name fits the listener's hostname already, so the route's own say the same as the intersections, and
      // more: which route is the more specific where the listener narrows both to one name.
      for (const hostname of attachment.routeHostnames ?? attachment.hostnames) table.add(hostname, choice);
    }
  }
}

/** Values by hostname, wildcard (`*.example.com`) or `*`. The first value added for a hostname is kept. */
export class HostnameTable<T> {
  readonly #exact = new Map<string, T>();
  /** By what follows the `*`: `.example.com`. */
  readonly #suffixes = new Map<string, T>();
  #any: T | undefined = undefined;

  add(hostname: string, value: T): void {
    if (hostname === '*') this.#any ??= value;
    else if (hostname.startsWith('*.')) keepFirst(this.#suffixes, hostname.slice(1), value);
    else keepFirst(this.#exact, hostname, value);
  }

  find(name: string): T | undefined {
    const exact = this.#exact.get(name);
    if (exact !== undefined) return exact;
    if (this.#suffixes.size > 0) {
      // From the first dot on, so that the longest suffix is met first. A wildcard stands for one label or more.
      for (let dot = name.indexOf('.', 1); dot > 0; dot = name.indexOf('.', dot + 1)) {
        const value = this.#suffixes.get(name.slice(dot));
        if (value !== undefined) return value;
      }
    }
    return this.#any;
  }
}

function keepFirst<T>(map: Map<string, T>, key: string, value: T): void {
  if (!map.has(key)) map.set(key, value);
}

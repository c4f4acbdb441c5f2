/** A TCPRoute, TLSRoute or UDPRoute rule, compiled: which backend the next connection or session goes to. */
import type { RouteKind, RouteRule } from '../../config/index.ts';
import type { ConnectTls } from '../ground/driver.ts';
import { WeightedChoice } from '../route/weight.ts';
import type { EndpointPicker } from './endpoint-picker.ts';

export interface StreamBackend {
  /** Key of the Backend. */
  readonly key: string;
  readonly picker: EndpointPicker;
  /** TLS to the endpoints, from BackendTLSPolicy. */
  readonly tls?: ConnectTls;
  /** Version of the PROXY header that is sent to the endpoints. */
  readonly proxyProtocol?: 1 | 2;
}

export interface StreamPlan {
  /** Key of the Listener, and of the RouteRule. */
  readonly listener: string;
  readonly route: string;
  /** By weight, exact over time. Undefined: this one belongs to a reference that does not resolve, or there is none. */
  next(): StreamBackend | undefined;
}

/** The Backend with this key, or undefined where the data plane does not know it. */
export type BackendLookup = (key: string) => StreamBackend | undefined;

export function compileStreamPlan(rule: RouteRule, listener: string, backendOf: BackendLookup): StreamPlan {
  const choice = new WeightedChoice(rule.broken === undefined ? rule.backends : []);
  return {
    listener,
    route: rule.key,
    next() {
      const chosen = choice.next();
      if (chosen?.backend === undefined || chosen.broken !== undefined) return undefined;
      return backendOf(chosen.backend);
    },
  };
}

/**
 * Plans by rule and listener. A rule that is still the same object keeps its plan when a table is built anew, and with
 * it the place in the order of its backends: so weights stay exact however often the config around it changes.
 */
export class StreamPlans {
  readonly #backendOf: BackendLookup;
  readonly #plans = new WeakMap<RouteRule, Map<string, StreamPlan>>();

  constructor(backendOf: BackendLookup) {
    this.#backendOf = backendOf;
  }

  planOf(rule: RouteRule, listener: string): StreamPlan {
    let plans = this.#plans.get(rule);
    if (plans === undefined) this.#plans.set(rule, (plans = new Map()));
    let plan = plans.get(listener);
    if (plan === undefined) plans.set(listener, (plan = compileStreamPlan(rule, listener, this.#backendOf)));
    return plan;
  }
}

/** The rule that serves a TCP or UDP listener: the first of the route that has precedence, or undefined. */
export function ruleForListener(rules: Iterable<RouteRule>, listener: string, kind: RouteKind): RouteRule | undefined {
  let best: RouteRule | undefined;
  for (const rule of rules) {
    if (rule.route.kind !== kind || !rule.attachments.some((attachment) => attachment.listener === listener)) continue;
    if (best === undefined || precedes(rule, best)) best = rule;
  }
  return best;
}

/** The spec's tie break: the older route, then the one first by namespace/name, then the earlier rule. */
export function precedes(a: RouteRule, b: RouteRule): boolean {
  const createdA = createdAt(a);
  const createdB = createdAt(b);
  if (createdA !== createdB) return createdA < createdB;
  const nameA = `${a.route.namespace}/${a.route.name}`;
  const nameB = `${b.route.namespace}/${b.route.name}`;
  if (nameA !== nameB) return nameA < nameB;
  return a.index < b.index;
}

/** An object without a creation time (standalone files) comes after those that have one. */
function createdAt(rule: RouteRule): number {
  const created = Date.parse(rule.created);
  return Number.isNaN(created) ? Number.POSITIVE_INFINITY : created;
}

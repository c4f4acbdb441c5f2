/** RouteRules compiled into plans, each once for all tables and versions that hold it. */
import { isDeepStrictEqual } from 'node:util';
import type { Listener, RouteRule, WeightedBackend } from '../../config/index.ts';
import { type CompiledFilters, compileFilters, HeaderPatch } from '../filter/index.ts';
import type { HostBucket } from './bucket.ts';
import { PlannedMatch } from './candidate.ts';
import type { PlannedBackend, RoutePlan } from './table.ts';
import { WeightedChoice } from './weight.ts';

/** What the table's own files know of a plan beyond what the exchange sees. */
export interface CompiledPlan extends RoutePlan {
  readonly matches: ReadonlyArray<PlannedMatch>;
  /** Creation in milliseconds; rules without a timestamp count as the youngest. */
  readonly created: number;
  /** `namespace/name` of the route. */
  readonly routeName: string;
}

const NO_FILTERS: CompiledFilters = {
  requestPatch: HeaderPatch.NONE,
  responsePatch: HeaderPatch.NONE,
  filters: null,
};

/**
 * Keeps plans while their rules stay the same, and the last table's buckets of each listener, so that a changed rule
 * costs the compilation of itself and of the hosts it serves. One for a data plane, shared by its tables.
 */
export class PlanCache {
  /** By rule key, with the object that last asked for the plan: it may be an equal copy of the plan's own. */
  readonly #plans = new Map<string, { rule: RouteRule; plan: CompiledPlan }>();
  /** By the keys of listeners that share a hostname on a socket; then by hostname. */
  readonly #buckets = new Map<string, ReadonlyMap<string, HostBucket>>();

  /**
   * The rule's plan, made now if its object is new and not equal to what is held under its key. Throws
   * DMN_CONFIG_INVALID for what cannot be compiled, and then still holds the last good plan.
   */
  plan(rule: RouteRule): RoutePlan {
    return this.compiled(rule);
  }

  /** As `plan`, for the table's own files. */
  compiled(rule: RouteRule): CompiledPlan {
    const held = this.#plans.get(rule.key);
    if (held?.rule === rule) return held.plan;
    const plan = held !== undefined && isDeepStrictEqual(held.rule, rule) ? held.plan : compilePlan(rule);
    this.#plans.set(rule.key, { rule, plan });
    return plan;
  }

  /** Forgets what is held for rules and listeners other than these. */
  retain(live: { rules: Iterable<RouteRule>; listeners: Iterable<Listener> }): void {
    const rules = new Set([...live.rules].map((rule) => rule.key));
    for (const key of this.#plans.keys()) if (!rules.has(key)) this.#plans.delete(key);
    const listeners = new Set([...live.listeners].map((listener) => listener.key));
    for (const group of this.#buckets.keys()) {
      if (!group.split(' ').every((key) => listeners.has(key))) this.#buckets.delete(group);
    }
  }

  /** Buckets of the last table that was compiled for these listeners (keys, sorted, separated by spaces). */
  buckets(group: string): ReadonlyMap<string, HostBucket> | undefined {
    return this.#buckets.get(group);
  }

  keepBuckets(group: string, buckets: ReadonlyMap<string, HostBucket>): void {
    this.#buckets.set(group, buckets);
  }
}

function compilePlan(rule: RouteRule): CompiledPlan {
  // A broken rule answers 500 whatever its filters would do: a redirect must not hide that something is missing.
  const own = rule.broken === undefined ? compileFilters(rule.filters) : NO_FILTERS;
  const backends = rule.broken === undefined ? rule.backends.map((backend) => planBackend(backend, own)) : [];
  const created = rule.created === '' ? Number.NaN : Date.parse(rule.created);
  return {
    rule,
    ...own,
    backends,
    totalWeight: backends.reduce((sum, backend) => sum + backend.weight, 0),
    choice: new WeightedChoice(backends),
    matches: rule.matches.map((match, index) => new PlannedMatch(match, { index, broken: rule.broken !== undefined })),
    created: Number.isNaN(created) ? Number.POSITIVE_INFINITY : created,
    routeName: `${rule.route.namespace}/${rule.route.name}`,
  };
}

function planBackend(backend: WeightedBackend, rule: CompiledFilters): PlannedBackend {
  const own = backend.broken === undefined ? compileFilters(backend.filters) : NO_FILTERS;
  return {
    key: backend.backend ?? '',
    weight: backend.weight,
    broken: backend.broken,
    requestPatch: rule.requestPatch.followedBy(own.requestPatch),
    responsePatch: rule.responsePatch.followedBy(own.responsePatch),
    filters: own.filters,
    row: null,
  };
}

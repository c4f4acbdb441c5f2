/** RouteRules compiled into plans, each once for all tables and versions that hold it. */
import { isDeepStrictEqual } from 'node:util';
import type { RouteRule, WeightedBackend } from '../../config/index.ts';
import { type CompiledFilters, compileFilters, HeaderPatch } from '../filter/index.ts';
import { PlannedMatch } from './planned-match.ts';
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

/** Keeps plans while their rules stay the same. One for a data plane, shared by its tables. */
export class PlanCache {
  /** What is served, by rule key. A plan's own rule may be an equal copy of the one that last asked for it. */
  readonly #served = new Map<string, CompiledPlan>();
  /** Compiled and not served yet, by rule key. */
  readonly #next = new Map<string, CompiledPlan>();

  /**
   * The rule's plan, made now if it does not equal what is held under its key. Throws DMN_CONFIG_INVALID for what
   * cannot be compiled, and then still holds the last good plan.
   */
  plan(rule: RouteRule): RoutePlan {
    return this.compiled(rule);
  }

  /** As `plan`, for the table's own files. */
  compiled(rule: RouteRule): CompiledPlan {
    for (const held of [this.#next.get(rule.key), this.#served.get(rule.key)]) {
      if (held !== undefined && (held.rule === rule || isDeepStrictEqual(held.rule, rule))) return held;
    }
    const plan = compilePlan(rule);
    this.#next.set(rule.key, plan);
    return plan;
  }

  served(key: string): CompiledPlan | undefined {
    return this.#served.get(key);
  }

  /** What is served from now on under this key; undefined: nothing. */
  serve(key: string, plan: CompiledPlan | undefined): void {
    this.#next.delete(key);
    if (plan === undefined) this.#served.delete(key);
    else this.#served.set(key, plan);
  }
}

function compilePlan(rule: RouteRule): CompiledPlan {
  // A broken rule answers 500 whatever its filters would do: a redirect must not hide that something is missing.
  const own = rule.broken === undefined ? compileFilters(rule.filters) : NO_FILTERS;
  const backends = rule.broken === undefined ? rule.backends.map((backend) => planBackend(backend, own)) : [];
  const grpc = rule.route.kind === 'GRPCRoute';
  const created = rule.created === '' ? Number.NaN : Date.parse(rule.created);
  return {
    rule,
    ...own,
    backends,
    totalWeight: backends.reduce((sum, backend) => sum + backend.weight, 0),
    choice: new WeightedChoice(backends),
    matches: rule.matches.map(
      (match, index) => new PlannedMatch(match, { index, broken: rule.broken !== undefined, grpc }),
    ),
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
    // Of answers, too, the narrower one has the last word: what a backend sets would else be lost where its rule sets it.
    responsePatch: rule.responsePatch.followedBy(own.responsePatch),
    filters: own.filters,
    row: null,
  };
}

/**
 * Policies that act on requests, beside the plans and not in them: a policy that changes compiles no route again, and a
 * route that changes no policy. What guards and cannot be used denies.
 */
import type { Policy } from '../../config/index.ts';
import { DaemunError } from '../../observe/index.ts';
import { FilterChain } from './chain.ts';
import { ANSWERED, type CompiledFilter, type FilterScope, type Verdict } from './filter.ts';
import type { FilterStep } from './order.ts';

/** A policy as far as it matters here. */
export interface AttachedPolicy {
  readonly key: string;
  readonly type: string;
  /** A Listener, RouteRule or Backend: what is attached further out is spread over those in translation. */
  readonly target: { readonly kind: string; readonly key: string };
}

/** Throws a DaemunError for what cannot be used. */
export type PolicyFilter = (policy: AttachedPolicy) => CompiledFilter;

/** One line a type; null: others serve it (listen/, server/, route/, upstream/). */
export const POLICY_FILTERS: Readonly<Record<Policy['type'], PolicyFilter | null>> = {
  ClientTraffic: null,
  BackendTraffic: null,
};

/** What a plan, or one of its backends, has of its own. */
interface Planned {
  readonly rule: { readonly key: string };
  readonly filters: FilterChain | null;
}
interface PlannedBackend {
  readonly key: string;
  readonly filters: FilterChain | null;
}

interface Compiled {
  policy: AttachedPolicy;
  filter: CompiledFilter;
}

/** Of one version of the config. */
class Attached {
  readonly #byTarget: ReadonlyMap<string, FilterChain>;
  /** As they are asked for: by plan and listener, or by backend. */
  readonly #joined = new WeakMap<Planned | PlannedBackend, Map<string, FilterChain | null>>();

  constructor(byTarget: ReadonlyMap<string, FilterChain>) {
    this.#byTarget = byTarget;
  }

  at(kind: string, key: string): FilterChain | undefined {
    return this.#byTarget.get(targetKey(kind, key));
  }

  ofPlan(plan: Planned, listener: string): FilterChain | null {
    const known = this.#known(plan);
    let chain = known.get(listener);
    if (chain === undefined) {
      chain = around(this.at('Listener', listener), around(this.at('RouteRule', plan.rule.key), plan.filters));
      known.set(listener, chain);
    }
    return chain;
  }

  ofBackend(planned: PlannedBackend): FilterChain | null {
    const known = this.#known(planned);
    let chain = known.get('');
    if (chain === undefined) known.set('', (chain = around(this.at('Backend', planned.key), planned.filters)));
    return chain;
  }

  #known(planned: Planned | PlannedBackend): Map<string, FilterChain | null> {
    let known = this.#joined.get(planned);
    if (known === undefined) this.#joined.set(planned, (known = new Map()));
    return known;
  }
}

/** Of the next config: made, and not in place yet. */
export interface PreparedPolicies {
  swap(): void;
}

export class Policies {
  readonly #filters: Readonly<Record<string, PolicyFilter | null>>;
  /** By policy key: an unchanged policy keeps its filter, and with it what the filter remembers. */
  #compiled = new Map<string, Compiled>();
  /** Null while no policy acts on requests. */
  #attached: Attached | null = null;

  constructor(filters: Readonly<Record<string, PolicyFilter | null>> = POLICY_FILTERS) {
    this.#filters = filters;
  }

  /** Throws a DaemunError for a policy that cannot be used. */
  check(policy: AttachedPolicy): void {
    this.#make(policy);
  }

  /** It acts on requests, so that it must not be missing where it cannot be used. */
  guards({ type }: AttachedPolicy): boolean {
    return this.#filters[type] !== null;
  }

  /** All policies of the next config. One that cannot be used denies what it would act on. */
  prepare(policies: Iterable<AttachedPolicy>): PreparedPolicies {
    const compiled = new Map<string, Compiled>();
    const byTarget = new Map<string, CompiledFilter[]>();
    for (const policy of policies) {
      if (!this.guards(policy)) continue;
      const held = this.#compiled.get(policy.key);
      const filter = held?.policy === policy ? held.filter : this.#filterOf(policy);
      compiled.set(policy.key, { policy, filter });
      const target = targetKey(policy.target.kind, policy.target.key);
      const others = byTarget.get(target);
      if (others === undefined) byTarget.set(target, [filter]);
      else others.push(filter);
    }
    const chains = new Map([...byTarget].map(([target, filters]) => [target, FilterChain.of(filters)!]));
    return {
      swap: () => {
        this.#compiled = compiled;
        this.#attached = chains.size === 0 ? null : new Attached(chains);
      },
    };
  }

  #filterOf(policy: AttachedPolicy): CompiledFilter {
    try {
      return this.#make(policy);
    } catch (error) {
      if (error instanceof DaemunError) return new Unusable(policy.type);
      throw error;
    }
  }

  #make(policy: AttachedPolicy): CompiledFilter {
    const make = this.#filters[policy.type];
    if (make) return make(policy);
    throw new DaemunError('DMN_CONFIG_INVALID', `no such policy: ${policy.type}`);
  }

  /** All filters that requests of this listener meet on their way through this plan; the plan's own where no other is. */
  filtersOf(plan: Planned, listener: string): FilterChain | null {
    return this.#attached === null ? plan.filters : this.#attached.ofPlan(plan, listener);
  }

  /** Those of a backend that was chosen, with what is attached to it. */
  filtersOfBackend(planned: PlannedBackend): FilterChain | null {
    return this.#attached === null ? planned.filters : this.#attached.ofBackend(planned);
  }

  /** Those that requests meet that no route takes. */
  ofListener(listener: string): FilterChain | null {
    return this.#attached?.at('Listener', listener) ?? null;
  }

  /** None acts on requests, so that nobody need be asked about. */
  get none(): boolean {
    return this.#attached === null;
  }
}

function around(outer: FilterChain | undefined, inner: FilterChain | null): FilterChain | null {
  return outer === undefined ? inner : outer.around(inner);
}

function targetKey(kind: string, key: string): string {
  return `${kind} ${key}`;
}

/** In the place of a guard that cannot be used. */
class Unusable implements CompiledFilter {
  readonly type: string;
  readonly step: FilterStep = 'address-access';

  constructor(type: string) {
    this.type = type;
  }

  onRequest(scope: FilterScope): Verdict {
    scope.deny({ status: 500, reason: 'policy_invalid', message: 'A policy of this route cannot be used.' });
    return ANSWERED;
  }
}

/**
 * Policies that act on requests, beside the plans and not in them: a policy that changes compiles no route again, and a
 * route that changes no policy. What guards and cannot be used denies.
 */
import type {
  Acting,
  CacheSettings,
  ClientCertificateSettings,
  Credential,
  Policy,
  Stacked,
} from '../../config/index.ts';
import { DaemunError } from '../../observe/index.ts';
import { atOnce } from '../ground/slice.ts';
import { type DecisionCounter, type PolicyDecision, PolicyState } from '../state/index.ts';
import { accessFilters } from './access.ts';
import { accessLogFilters } from './access-log.ts';
import { answerHeaderFilters, answerRewriteFilters, directResponseFilters, errorPageFilters } from './answer.ts';
import { authenticationFilters, takeCredentials } from './authentication/index.ts';
import { bodySizeFilters } from './body-size.ts';
import { cacheFilters } from './cache/index.ts';
import { certificatePageFilters } from './certificate-page.ts';
import { FilterChain } from './chain.ts';
import { compressionFilters } from './compression.ts';
import { crossSiteFilters } from './cross-site.ts';
import { errorServiceFilters } from './error-service.ts';
import { faultFilters } from './fault.ts';
import { ANSWERED, type CompiledFilter, type FilterScope, type Verdict } from './filter.ts';
import { IDENTITY } from './identity.ts';
import { type FilterStep, stepNumber } from './order.ts';
import { rateLimitFilters } from './rate-limit.ts';
import { rewriteFilters } from './rewrite.ts';
import type { StreamChain, StreamFilter } from './stream-filter.ts';
import { actsOnStreams, StreamPolicies, streamFilters, unusable } from './stream-policies.ts';
import { noteAct } from './watch.ts';

/** A policy as far as it matters here. */
export interface AttachedPolicy {
  readonly key: string;
  readonly type: string;
  /** A Listener, RouteRule or Backend: what is attached further out is spread over those in translation. */
  readonly target: { readonly kind: string; readonly key: string };
  readonly spec?: object;
}

/** Throws a DaemunError for what cannot be used. `state`: what outlives the filters. */
export type PolicyFilter = (policy: AttachedPolicy, state: PolicyState) => CompiledFilter | CompiledFilter[];

/** One line a type; null: others serve it (listen/, server/, route/, upstream/). */
export const POLICY_FILTERS: Readonly<Record<Policy['type'], PolicyFilter | null>> = {
  ClientTraffic: null,
  // The spec is of the type that stands beside it.
  ClientCertificates: ({ spec }, state) => certificatePageFilters(spec as ClientCertificateSettings, state),
  BackendTraffic: null,
  RateLimit: stack(rateLimitFilters),
  Access: stack(accessFilters),
  CrossSite: stack(crossSiteFilters),
  BodySize: stack(bodySizeFilters),
  Authentication: stack(authenticationFilters),
  Fault: stack(faultFilters),
  Rewrite: stack(rewriteFilters),
  AnswerHeaders: stack(answerHeaderFilters),
  ErrorPages: stack(errorPageFilters),
  ErrorService: stack(errorServiceFilters),
  DirectResponse: stack(directResponseFilters),
  AnswerRewrite: stack(answerRewriteFilters),
  AccessLogging: stack(accessLogFilters),
  Compression: stack(compressionFilters),
  Cache: stack(cacheFilters),
  StreamAccess: null,
  StreamLimits: null,
};

/** Filters of all policies that act, each by itself. */
function stack<S>(make: (act: Acting<S>, settings: S, state: PolicyState) => CompiledFilter[]): PolicyFilter {
  return ({ type, spec }, state) =>
    // The spec is of the type that stands beside it.
    (spec as Stacked<S>).acts.flatMap((act, _at, acts) => {
      const made = (settings: S): CompiledFilter[] => named(acts.length, act, () => make(act, settings, state));
      const filters = act.settings === undefined ? [new Unusable(type, state, act)] : made(act.settings);
      for (const [at, filter] of filters.entries()) noteAct(filter, { ...act, type, at });
      return filters;
    });
}

/** Of several that act together, which of them cannot be used: all are told of it. */
function named<T>(acts: number, { source }: Acting<unknown>, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (acts < 2 || !(error instanceof DaemunError)) throw error;
    throw new DaemunError(error.code, `${source.replace('/', ' ')}: ${error.message}`, { cause: error });
  }
}

const NO_CREDENTIALS: ReadonlyMap<string, Credential> = new Map();

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
  filters: readonly CompiledFilter[];
  /** Where no request is read. */
  streams: readonly StreamFilter[];
}

/** Of one version of the config. */
class Attached {
  readonly #byTarget: ReadonlyMap<string, FilterChain>;
  /** As they are asked for: by plan and listener, or by backend. */
  readonly #joined = new WeakMap<Planned | PlannedBackend | FilterChain, Map<string, FilterChain | null>>();

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
      const own = this.at('RouteRule', plan.rule.key);
      chain = around(without(this.at('Listener', listener), own), around(own, plan.filters));
      known.set(listener, chain);
    }
    return chain;
  }

  /** What acts before `first` on all requests of the listener, whatever their rule, and then that. */
  before(first: FilterChain, listener: string): FilterChain {
    const known = this.#known(first);
    let chain = known.get(listener);
    if (!chain) {
      const own = this.at('Listener', listener)?.filters ?? [];
      const early = own.filter(({ yields, step }) => yields !== true && isEarly(step));
      chain = FilterChain.of(early)?.around(first) ?? first;
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

  /** What a copy that goes there meets: an answer that is kept is none of its. */
  ofCopies(key: string): FilterChain | null {
    const own = this.at('Backend', key);
    if (own === undefined) return null;
    const known = this.#known(own);
    let chain = known.get('copies');
    if (chain === undefined) {
      known.set('copies', (chain = FilterChain.of(own.filters.filter(({ step }) => step !== 'cache'))));
    }
    return chain;
  }

  #known(planned: Planned | PlannedBackend | FilterChain): Map<string, FilterChain | null> {
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
  /** Null while none acts where no request is read. */
  #streams: StreamPolicies | null = null;

  readonly #state: PolicyState;
  /** Whether the config has a rule of this key, or a listener (`Listener/key`). */
  isRule: (key: string) => boolean = () => true;
  /** Of policies that were looked at and are not in place yet, so that none is compiled twice. */
  readonly #checked = new WeakMap<AttachedPolicy, Omit<Compiled, 'policy'>>();

  constructor(
    filters: Readonly<Record<string, PolicyFilter | null>> = POLICY_FILTERS,
    state: PolicyState = new PolicyState(),
  ) {
    this.#filters = filters;
    this.#state = state;
  }

  /** Throws a DaemunError for a policy that cannot be used. */
  check(policy: AttachedPolicy): void {
    this.#checked.set(policy, this.#make(policy));
  }

  /** It acts on requests, or where none is read, so that it must not be missing where it cannot be used. */
  guards(policy: AttachedPolicy): boolean {
    return this.#filters[policy.type] !== null || actsOnStreams(policy);
  }

  /** As `preparing`, in one go. */
  prepare(policies: Iterable<AttachedPolicy>, credentials?: ReadonlyMap<string, Credential>): PreparedPolicies {
    return atOnce(this.preparing(policies, credentials));
  }

  /**
   * All policies of the next config, one a step. One that cannot be used denies what it would act on. Costs what there
   * is, and not only what changed: of thousands some milliseconds, in slices.
   */
  *preparing(
    policies: Iterable<AttachedPolicy>,
    credentials: ReadonlyMap<string, Credential> = NO_CREDENTIALS,
  ): Generator<void, PreparedPolicies, void> {
    const compiled = new Map<string, Compiled>();
    const byTarget = new Map<string, CompiledFilter[]>();
    const streams = new Map<string, StreamFilter[]>();
    const sources = new Set<string>();
    const caching = new Set<string>();
    for (const policy of policies) {
      if (!this.guards(policy)) continue;
      const held = this.#compiled.get(policy.key);
      const own = held?.policy === policy ? held : { policy, ...this.#filtersOf(policy) };
      if (policy.type === 'Cache' && held?.policy !== policy) yield* this.#obey(policy);
      compiled.set(policy.key, own);
      for (const source of sourcesOf(policy)) {
        sources.add(source);
        if (policy.type === 'Cache') caching.add(source);
      }
      const target = targetKey(policy.target.kind, policy.target.key);
      add(byTarget, target, own.filters);
      add(streams, target, own.streams);
      yield;
    }
    const chains = new Map<string, FilterChain>();
    for (const [target, filters] of byTarget) {
      const chain = FilterChain.of(filters);
      if (chain !== null) chains.set(target, chain);
      yield;
    }
    return {
      swap: () => {
        if (credentials !== this.#state.credentials) takeCredentials(this.#state, credentials);
        this.#compiled = compiled;
        this.#attached = chains.size === 0 ? null : new Attached(chains);
        this.#streams = streams.size === 0 ? null : new StreamPolicies(streams);
        this.#state.counts.isServed = (policy) => sources.has(policy) || this.isRule(policy);
        // Whoever keeps no more hears of no change: what it kept is no good when it comes back.
        this.#state.answers.keepOnly((policy) => caching.has(policy));
      },
    };
  }

  /** Before the version is in place that asks for it: once it is acknowledged, it is done. */
  *#obey({ spec }: AttachedPolicy): Generator<void, void, void> {
    for (const { source, settings } of (spec as Stacked<CacheSettings>).acts) {
      if (settings !== undefined) yield* this.#state.answers.obey(source, settings.purges ?? []);
    }
  }

  #filtersOf(policy: AttachedPolicy): Omit<Compiled, 'policy'> {
    try {
      return this.#checked.get(policy) ?? this.#make(policy);
    } catch (error) {
      if (!(error instanceof DaemunError)) throw error;
      // Of what cannot be read nobody knows where it would act: it denies both.
      const { type } = policy;
      return { filters: [new Unusable(type, this.#state)], streams: [unusable(type, this.#state)] };
    }
  }

  #make(policy: AttachedPolicy): Omit<Compiled, 'policy'> {
    if (actsOnStreams(policy)) return { filters: [], streams: streamFilters(policy, this.#state) };
    const make = this.#filters[policy.type];
    if (make) return { filters: [make(policy, this.#state)].flat(), streams: [] };
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

  /** Those that a copy of a request meets on its way to this backend. */
  filtersOfCopies(key: string): FilterChain | null {
    return this.#attached?.ofCopies(key) ?? null;
  }

  /** A copy is whoever's the request is: to one run of filters what another found out of who asks. */
  makeKnown(copy: Pick<FilterScope, 'keep'>, of: Pick<FilterScope, 'kept'>): void {
    const who = of.kept(IDENTITY);
    if (who !== undefined) copy.keep(IDENTITY, who);
  }

  /** What requests of this listener meet before their route is chosen: `first`, and before it what forbids without asking. */
  beforeRoute(first: FilterChain, listener: string): FilterChain {
    return this.#attached === null ? first : this.#attached.before(first, listener);
  }

  /** What acts on a connection or session that this rule takes from this listener, where no request is read. */
  streamChain(listener: string, rule: string): StreamChain | null {
    return this.#streams === null ? null : this.#streams.of(listener, rule);
  }

  /** Those that requests meet that no route takes. */
  ofListener(listener: string): FilterChain | null {
    return this.#attached?.at('Listener', listener) ?? null;
  }

  /** Of a rule or a listener (`Listener/key`), whose filters decide as policies do. */
  counter(rule: string, filter: string, decision: PolicyDecision): DecisionCounter {
    return this.#state.counts.counter(rule, filter, decision);
  }

  /** None acts on requests, so that nobody need be asked about. */
  get none(): boolean {
    return this.#attached === null;
  }
}

function add<T>(lists: Map<string, T[]>, target: string, items: readonly T[]): void {
  if (items.length === 0) return;
  const others = lists.get(target);
  if (others === undefined) lists.set(target, [...items]);
  else others.push(...items);
}

function isEarly(step: FilterStep): boolean {
  return stepNumber(step) < stepNumber('authentication');
}

function around(outer: FilterChain | undefined, inner: FilterChain | null): FilterChain | null {
  return outer === undefined ? inner : outer.around(inner);
}

/** What gives way to what the rule has does not act there. */
function without(outer: FilterChain | undefined, inner: FilterChain | undefined): FilterChain | undefined {
  if (outer === undefined || inner === undefined) return outer;
  const taken = new Set(inner.filters.filter(({ yields }) => yields === true).map(({ type }) => type));
  if (!outer.filters.some(({ type, yields }) => yields === true && taken.has(type))) return outer;
  return FilterChain.of(outer.filters.filter(({ type, yields }) => yields !== true || !taken.has(type))) ?? undefined;
}

/** Users' policies that a config policy stands for. */
function sourcesOf({ spec }: AttachedPolicy): string[] {
  // A controller of another release may send kinds whose specs are of another form.
  if (typeof spec !== 'object') return [];
  if ('source' in spec) return [String(spec.source)];
  return 'acts' in spec ? (spec as Stacked<unknown>).acts.map(({ source }) => source) : [];
}

function targetKey(kind: string, key: string): string {
  return `${kind} ${key}`;
}

/** In the place of a guard that cannot be used. */
class Unusable implements CompiledFilter {
  readonly type: string;
  readonly step: FilterStep = 'address-access';
  readonly yields: boolean;
  readonly #denied: DecisionCounter;

  constructor(type: string, { counts }: PolicyState, act?: Acting<unknown>) {
    this.type = type;
    this.yields = act?.holds === 'Default';
    this.#denied = counts.counter(act?.source ?? type, '', 'unusable');
  }

  onRequest(scope: FilterScope): Verdict {
    scope.tell(this.#denied);
    scope.deny({ status: 500, reason: 'policy_invalid', message: 'A policy of this route cannot be used.' });
    return ANSWERED;
  }
}

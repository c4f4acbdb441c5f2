/**
 * Policies that act where no request is read, by listener and rule: what policies.ts is for requests. A policy that
 * changes keeps what it counted, and connections under way keep the decision that they came in by.
 */
import type { Acting, Policy, Stacked } from '../../config/index.ts';
import { DaemunError } from '../../observe/index.ts';
import type { DecisionCounter, PolicyState } from '../state/index.ts';
import { StreamAccessFilter } from './stream-access.ts';
import { StreamChain, type StreamFilter, type StreamPass, type StreamRefusal } from './stream-filter.ts';
import { StreamLimiter } from './stream-limiter.ts';

/** A policy as far as it matters here. */
export interface StreamPolicy {
  readonly type: string;
  readonly spec?: object;
}

type MakeFilter = (act: Acting<never>, settings: never, state: PolicyState) => StreamFilter;

/** One line a type; one without a line does not act here. */
const STREAM_POLICIES: Readonly<Partial<Record<Policy['type'], MakeFilter>>> = {
  StreamAccess: (act, settings, state) => new StreamAccessFilter(act, settings, state),
  StreamLimits: (act, settings, state) => new StreamLimiter(act, settings, state),
};

export function actsOnStreams({ type }: StreamPolicy): boolean {
  return Object.hasOwn(STREAM_POLICIES, type);
}

/** Throws a DaemunError for what cannot be used. */
export function streamFilters({ type, spec }: StreamPolicy, state: PolicyState): StreamFilter[] {
  const make = STREAM_POLICIES[type as Policy['type']];
  if (make === undefined) throw new DaemunError('DMN_CONFIG_INVALID', `no such policy: ${type}`);
  // The spec is of the type that stands beside it.
  return (spec as Stacked<never>).acts.map((act) =>
    act.settings === undefined ? unusable(type, state, act) : make(act as Acting<never>, act.settings as never, state),
  );
}

/** In the place of a guard that cannot be used. */
export function unusable(type: string, { counts }: PolicyState, act?: Acting<unknown>): StreamFilter {
  return new Unusable(type, act?.holds === 'Default', counts.counter(act?.source ?? type, '', 'unusable'));
}

class Unusable implements StreamFilter {
  readonly type: string;
  readonly step = 'address-access';
  readonly yields: boolean;
  readonly #denied: DecisionCounter;

  constructor(type: string, yields: boolean, denied: DecisionCounter) {
    this.type = type;
    this.yields = yields;
    this.#denied = denied;
  }

  onStream(_arrival: object, pass: StreamPass): StreamRefusal {
    pass.tell(this.#denied);
    return 'policy_invalid';
  }
}

/** Those of one version of the config. */
export class StreamPolicies {
  readonly #byTarget: ReadonlyMap<string, readonly StreamFilter[]>;
  /** By listener, then by rule: as they are asked for. */
  readonly #chains = new Map<string, Map<string, StreamChain | null>>();

  /** `byTarget`: by kind and key of what they are attached to. */
  constructor(byTarget: ReadonlyMap<string, readonly StreamFilter[]>) {
    this.#byTarget = byTarget;
  }

  of(listener: string, rule: string): StreamChain | null {
    let chains = this.#chains.get(listener);
    if (chains === undefined) this.#chains.set(listener, (chains = new Map()));
    let chain = chains.get(rule);
    if (chain === undefined) {
      const own = this.#byTarget.get(`RouteRule ${rule}`) ?? [];
      chains.set(rule, (chain = StreamChain.of(this.#byTarget.get(`Listener ${listener}`) ?? [], own)));
    }
    return chain;
  }
}

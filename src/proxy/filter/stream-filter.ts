/**
 * What acts where no request is read: on a connection of TCP, or of TLS that is relayed, and on a UDP session. It is asked
 * once, when its listener and its rule are known and before a backend is chosen; nothing is done for what comes after.
 */
import type { DecisionCounter } from '../state/policy-counts.ts';
import type { ArrivalScope } from './limit-key.ts';
import { type FilterStep, stepNumber } from './order.ts';

/** What is known of it: the client as a PROXY header tells it, where one is believed. */
export type StreamArrival = ArrivalScope;

/** As in the access log. */
export type StreamRefusal = 'access_denied' | 'rate_limited' | 'policy_invalid' | 'filter_failed';

export interface StreamFilter {
  /** Of its policy. */
  readonly type: string;
  readonly step: FilterStep;
  /** Of a listener: not where the rule has a policy of its type that would give way, too. */
  readonly yields: boolean;
  /** ''; it may pass. One that throws has not let it pass. */
  onStream(arrival: StreamArrival, pass: StreamPass): StreamRefusal | '';
}

/** What was decided of one, and what is to be given back when it ends. */
export class StreamPass {
  /** Why it may not pass; '': it may. */
  refusal: StreamRefusal | '' = '';
  /** Of several decisions the last. */
  told: DecisionCounter | null = null;
  #ends: Array<() => void> | null = null;

  tell(decision: DecisionCounter): void {
    decision.value++;
    this.told = decision;
  }

  /** For the access log: the policy that decided, and what. */
  get noted(): { policy: string; decision: string } | null {
    if (this.told === null) return null;
    const { policy, rule, decision } = this.told;
    return { policy: rule === '' ? policy : `${policy}#${rule}`, decision };
  }

  atEnd(giveBack: () => void): void {
    this.#ends ??= [];
    this.#ends.push(giveBack);
  }

  end(): void {
    const ends = this.#ends;
    this.#ends = null;
    for (const giveBack of ends ?? []) giveBack();
  }
}

export class StreamChain {
  readonly filters: readonly StreamFilter[];

  private constructor(filters: readonly StreamFilter[]) {
    this.filters = filters.toSorted((a, b) => stepNumber(a.step) - stepNumber(b.step));
  }

  /** Those of a listener and of a rule, as they act together; null: there are none. */
  static of(listener: readonly StreamFilter[], rule: readonly StreamFilter[]): StreamChain | null {
    const taken = new Set(rule.filter(({ yields }) => yields).map(({ type }) => type));
    const outer = listener.filter(({ type, yields }) => !yields || !taken.has(type));
    return outer.length + rule.length === 0 ? null : new StreamChain([...outer, ...rule]);
  }

  judge(arrival: StreamArrival): StreamPass {
    const pass = new StreamPass();
    for (const filter of this.filters) {
      pass.refusal = ask(filter, arrival, pass);
      if (pass.refusal === '') continue;
      pass.end();
      break;
    }
    return pass;
  }
}

function ask(filter: StreamFilter, arrival: StreamArrival, pass: StreamPass): StreamRefusal | '' {
  try {
    return filter.onStream(arrival, pass);
  } catch {
    return 'filter_failed';
  }
}

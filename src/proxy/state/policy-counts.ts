/** What policies decided, counted by policy, by the rule of it that decided, and by what came of it. */
import { Grace, type MetricsSnapshot } from '../../observe/index.ts';

/** What a policy did to a request. Dry runs and shadows say what would have been, and let it pass. */
export type PolicyDecision =
  | 'allowed'
  | 'denied'
  | 'limited'
  | 'would-limit'
  | 'would-deny'
  | 'delayed'
  | 'rewritten'
  | 'aborted'
  | 'answered'
  | 'anonymous'
  | 'cache-hit'
  | 'cache-stale'
  | 'cache-miss'
  | 'cache-late'
  | 'cache-bypass'
  | 'failed-open'
  | 'failed-closed'
  | 'failed-local'
  | 'unusable';

export interface DecisionCounter {
  readonly policy: string;
  readonly rule: string;
  readonly decision: PolicyDecision;
  value: number;
}

export class PolicyCounts {
  readonly #counters = new Map<string, DecisionCounter>();
  readonly #grace = new Grace();
  /** Whether the config has this policy. */
  isServed: (policy: string) => boolean = () => true;

  /** One that outlives the config that asked for it. `policy`: `Kind/namespace/name`; `rule`: what of it, or ''. */
  counter(policy: string, rule: string, decision: PolicyDecision): DecisionCounter {
    const key = `${policy} ${rule} ${decision}`;
    let counter = this.#counters.get(key);
    if (counter === undefined) this.#counters.set(key, (counter = { policy, rule, decision, value: 0 }));
    return counter;
  }

  families(): MetricsSnapshot {
    for (const [key, { policy }] of this.#counters) {
      if (!this.#grace.keeps(key, this.isServed(policy))) this.#counters.delete(key);
    }
    const series = Array.from(this.#counters.values(), ({ policy, rule, decision, value }) => ({
      labels: { policy, rule, decision },
      value,
    }));
    return [
      {
        name: 'daemun_policy_decisions_total',
        help: 'Decisions of policies by policy, by the rule of it that decided, and by what was decided',
        type: 'counter',
        series,
      },
    ];
  }
}

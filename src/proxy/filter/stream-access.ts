/** Access where no request is read: who may connect. Deny comes before allow, and what is not clear is refused. */
import type { Acting, StreamAccessSettings } from '../../config/index.ts';
import type { DecisionCounter, PolicyState } from '../state/index.ts';
import { CompiledClientRule } from './client-rule.ts';
import type { StreamArrival, StreamFilter, StreamPass, StreamRefusal } from './stream-filter.ts';

export class StreamAccessFilter implements StreamFilter {
  readonly type = 'StreamAccess';
  readonly step = 'address-access';
  readonly yields: boolean;
  readonly #shadow: boolean;
  readonly #deny: ReadonlyArray<{ rule: CompiledClientRule; denied: DecisionCounter }>;
  readonly #allow: readonly CompiledClientRule[];
  /** By no rule that allows. */
  readonly #denied: DecisionCounter;
  /** It asks for what no connection has; null: it does not. */
  readonly #unknown: DecisionCounter | null;

  /** Throws DMN_CONFIG_INVALID for what cannot be compiled. */
  constructor(
    { source, holds }: Acting<StreamAccessSettings>,
    { deny, allow, shadow, unknown }: StreamAccessSettings,
    { counts, countries }: PolicyState,
  ) {
    this.yields = holds === 'Default';
    this.#shadow = shadow;
    const decision = shadow ? 'would-deny' : 'denied';
    this.#deny = deny.map((one) => ({
      rule: new CompiledClientRule(one, countries),
      denied: counts.counter(source, one.name, decision),
    }));
    this.#allow = allow.map((one) => new CompiledClientRule(one, countries));
    this.#denied = counts.counter(source, '', decision);
    this.#unknown = unknown.length === 0 ? null : counts.counter(source, '', shadow ? 'would-deny' : 'unusable');
  }

  onStream({ clientAddress }: StreamArrival, pass: StreamPass): StreamRefusal | '' {
    const denied = this.#unknown ?? this.#refusing(clientAddress);
    if (denied === null) return '';
    pass.tell(denied);
    if (this.#shadow) return '';
    return denied === this.#unknown ? 'policy_invalid' : 'access_denied';
  }

  #refusing(client: string): DecisionCounter | null {
    for (const { rule, denied } of this.#deny) if (rule.takesClient(client, true)) return denied;
    const allow = this.#allow;
    return allow.length === 0 || allow.some((rule) => rule.takesClient(client, false)) ? null : this.#denied;
  }
}

/** Access: who may ask for what. Deny comes before allow, and what is not clear is refused. */
import type { AccessSettings, Acting } from '../../config/index.ts';
import type { DecisionCounter, PolicyState } from '../state/index.ts';
import { CompiledAccessRule, needsIdentity } from './access-rule.ts';
import { ANSWERED, CONTINUE, type CompiledFilter, type FilterScope, type Verdict } from './filter.ts';
import type { FilterStep } from './order.ts';

/** Throws DMN_CONFIG_INVALID for what cannot be compiled. */
export function accessFilters(
  act: Acting<AccessSettings>,
  settings: AccessSettings,
  state: PolicyState,
): CompiledFilter[] {
  const late = settings.allow.some(needsIdentity);
  if (!late && !settings.deny.some(needsIdentity))
    return [new AccessFilter(act, settings, { state, step: 'address-access' })];
  // What needs not know who asks is refused before anybody is asked.
  const early = {
    ...settings,
    deny: settings.deny.filter((one) => !needsIdentity(one)),
    allow: late ? [] : settings.allow,
  };
  const rest = { ...settings, deny: settings.deny.filter(needsIdentity), allow: late ? settings.allow : [] };
  return [
    new AccessFilter(act, early, { state, step: 'address-access' }),
    new AccessFilter(act, rest, { state, step: 'claim-access' }),
  ];
}

class AccessFilter implements CompiledFilter {
  readonly type = 'Access';
  readonly step: FilterStep;
  readonly yields: boolean;
  readonly #settings: AccessSettings;
  readonly #deny: ReadonlyArray<{ rule: CompiledAccessRule; denied: DecisionCounter }>;
  readonly #allow: readonly CompiledAccessRule[];
  /** By no rule that allows. */
  readonly #denied: DecisionCounter;

  constructor(
    { source, holds }: Acting<AccessSettings>,
    settings: AccessSettings,
    { state: { counts, countries }, step }: { state: PolicyState; step: FilterStep },
  ) {
    this.step = step;
    this.yields = holds === 'Default';
    this.#settings = settings;
    const decision = settings.shadow ? 'would-deny' : 'denied';
    this.#deny = settings.deny.map((one) => ({
      rule: new CompiledAccessRule(one, 'Any', countries),
      denied: counts.counter(source, one.name, decision),
    }));
    this.#allow = settings.allow.map((one) => new CompiledAccessRule(one, 'Whole', countries));
    this.#denied = counts.counter(source, '', decision);
  }

  onRequest(scope: FilterScope): Verdict {
    const denied = this.#refusing(scope);
    if (denied === null) return CONTINUE;
    scope.tell(denied);
    const { shadow, statusCode, body } = this.#settings;
    if (shadow) return CONTINUE;
    const message = 'Access to this is not allowed.';
    scope.deny({ status: statusCode, reason: 'access_denied', message, ...(body ? { body } : {}) });
    return ANSWERED;
  }

  details(scope: FilterScope, words: (rule: string) => string): string[] {
    const rule = this.#allow.find((one) => one.takes(scope, false));
    return rule === undefined ? [] : [`allowed by ${words(rule.name)}`];
  }

  #refusing(scope: FilterScope): DecisionCounter | null {
    for (const { rule, denied } of this.#deny) if (rule.takes(scope, true)) return denied;
    const allow = this.#allow;
    if (allow.length === 0) return null;
    for (let i = 0; i < allow.length; i++) if (allow[i]!.takes(scope, false)) return null;
    return this.#denied;
  }
}

/** Rules that cannot be compiled. */
import { isDeepStrictEqual } from 'node:util';
import type { RouteRule } from '../../config/index.ts';
import { DaemunError } from '../../observe/index.ts';
import type { PlanCache } from './plan.ts';

/** Why a rule cannot be compiled; undefined where it can. */
export function ruleFault(plans: PlanCache, rule: RouteRule): DaemunError | undefined {
  try {
    plans.plan(rule);
    return undefined;
  } catch (error) {
    if (error instanceof DaemunError) return error;
    throw error;
  }
}

/**
 * What serves instead of a rule that cannot be compiled; undefined: the form that is held. A last good form stays only
 * where it takes the same requests. Else they would fall through to a rule that guards them less, so that a stand-in
 * takes them and answers 500.
 */
export function standIn(rule: RouteRule, held: RouteRule | undefined, fault: DaemunError): RouteRule | undefined {
  if (held !== undefined && isDeepStrictEqual(claims(held), claims(rule))) return undefined;
  return { ...rule, broken: fault.message };
}

function claims({ matches, attachments }: RouteRule): unknown {
  return { matches, attachments };
}

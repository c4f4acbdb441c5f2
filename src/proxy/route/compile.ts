/** Config objects into the RouteTable of one socket. */
import type { Listener, RouteRule, Snapshot } from '../../config/index.ts';
import { atOnce } from '../ground/slice.ts';
import { CompiledTable } from './compiled-table.ts';
import type { CompiledPlan, PlanCache } from './plan.ts';
import { nextTable } from './table-draft.ts';

export interface TableInput {
  /** HTTP and HTTPS listeners that share the socket. */
  listeners: ReadonlyArray<Listener>;
  /** Rules of HTTPRoutes and GRPCRoutes; attachments to other listeners are ignored. */
  rules: Iterable<RouteRule>;
  plans: PlanCache;
  /** Where the listeners' policies are found; absent: there are none. */
  config?: Pick<Snapshot, 'get'>;
}

/**
 * A table from nothing. Throws DMN_CONFIG_INVALID for a rule that cannot be compiled; callers try `plans.plan(rule)`
 * first, rule by rule, and leave the bad ones out.
 */
export function compileTable({ listeners, rules, plans, config }: TableInput): CompiledTable {
  const keys = new Set(listeners.map(({ key }) => key));
  const attached: CompiledPlan[] = [];
  for (const rule of rules) {
    if (rule.attachments.some(({ listener }) => keys.has(listener))) attached.push(plans.compiled(rule));
  }
  return atOnce(nextTable(CompiledTable.EMPTY, { listeners, config, gone: [], come: [], all: () => attached }));
}

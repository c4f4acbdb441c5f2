export { compileTable, type TableInput } from './compile.ts';
export type { CompiledTable } from './compiled-table.ts';
export { type ExplainedCandidate, explainMatch, type MatchExplanation } from './explain.ts';
export { type PlainRequest, plainHead } from './plain-request.ts';
export { PlanCache } from './plan.ts';
export { ruleFault, standIn } from './quarantine.ts';
export { type PreparedRoutes, RouteBook } from './route-book.ts';
export type { PlannedBackend, RouteMatch, RoutePlan, RouteTable } from './table.ts';
export { WeightedChoice } from './weight.ts';

/** One match of one rule on one hostname of one listener: what is found, ordered and tried for a request. */
import type { Listener } from '../../config/index.ts';
import type { CompiledPlan } from './plan.ts';
import type { PlannedMatch } from './planned-match.ts';

export interface Candidate {
  readonly plan: CompiledPlan;
  readonly match: PlannedMatch;
  readonly listener: Pick<Listener, 'key' | 'port'>;
  /** The hostname by whose specificity the route is ordered. */
  readonly hostname: string;
}

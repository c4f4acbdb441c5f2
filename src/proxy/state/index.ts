export { BackendState } from './backend-state.ts';
export {
  EndpointHealth,
  FIRST_EVICTION,
  LONGEST_EVICTION,
  MAX_FAILURES,
  MAX_UNANSWERED,
  type Setback,
  TRIAL_INTERVAL,
} from './endpoint-health.ts';
export { Kept } from './kept.ts';
export { ProxyState } from './proxy-state.ts';
export { RetryBudget } from './retry-budget.ts';

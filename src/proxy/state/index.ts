export { BackendState } from './backend-state.ts';
export {
  EndpointHealth,
  FIRST_EVICTION,
  LONGEST_EVICTION,
  type Setback,
} from './endpoint-health.ts';
export { ProxyState } from './proxy-state.ts';
export { RetryBudget } from './retry-budget.ts';

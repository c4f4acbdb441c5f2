export { BackendState } from './backend-state.ts';
export type { Buckets } from './buckets.ts';
export { CountryDatabase } from './country-database.ts';
export {
  EndpointHealth,
  FIRST_EVICTION,
  type HealthGroup,
  LONGEST_EVICTION,
  type Setback,
  USUAL_OUTLIERS,
} from './endpoint-health.ts';
export { FETCH_TIMEOUT, MAX_FETCHED_BYTES } from './fetch-text.ts';
export { type KeyHolder, KeySource } from './key-source.ts';
export type { AskedBackend, Fetched, Fetcher } from './outbound.ts';
export type { DecisionCounter, PolicyDecision } from './policy-counts.ts';
export { PolicyState } from './policy-state.ts';
export { ProxyState } from './proxy-state.ts';
export { RetryBudget } from './retry-budget.ts';
export type { SharedMemory } from './shared-table.ts';
export type { StoredAnswer } from './stored-answer.ts';
export type { AnswerStore, ComingAnswer, Fetch, GoOn, StoredPlace } from './stored-answers.ts';
export { TroubleWatch } from './trouble-watch.ts';
export type { Underway, UnderwayKey } from './underway.ts';
export { SharedVerdicts, type Verdict, type VerdictKey, type Verdicts } from './verdicts.ts';
export { VerifiedCache } from './verified-cache.ts';

export type { FilterChain } from './chain.ts';
export { compressorUse } from './compressor-memory.ts';
export { type Arrival, ConnectionChain, type ConnectionFilter, type ConnectionRefusal } from './connection.ts';
export { ConnectionLimit } from './connection-limit.ts';
export { CONNECTION_POLICIES, type ConnectionPolicies, type ConnectionPort } from './connection-policies.ts';
export {
  ANSWERED,
  type AnswerScope,
  type Attempt,
  type BodyOutput,
  type BodySource,
  type BodyTransform,
  CONTINUE,
  type CompiledFilter,
  type Denial,
  FILTER_TIMEOUT,
  type FilterScope,
  type HeaderPair,
  type KeptAnswer,
  type KeptState,
  LATER,
  MAX_COLLECTED_BYTES,
  type MakeTransform,
  type Outcome,
  type Reply,
  type Slot,
  type SubAnswer,
  type SubFailure,
  type SubRequest,
  slot,
  type Verdict,
  type Waiting,
} from './filter.ts';
export { HeaderPatch } from './header-patch.ts';
export { type FilterStep, ORDER } from './order.ts';
export { type AttachedPolicy, POLICY_FILTERS, Policies, type PolicyFilter } from './policies.ts';
export { type CompiledFilters, compileFilters } from './registry.ts';
export type { StreamChain, StreamPass } from './stream-filter.ts';

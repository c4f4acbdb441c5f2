export type { Aim } from './aim.ts';
export { Backends, type PreparedBackends } from './backends.ts';
export {
  CONNECT_TIMEOUT,
  DEFAULT_ENDPOINT_LIMITS,
  type EndpointLimits,
  type EndpointPool,
  type EndpointTarget,
  type OpenWaiter,
  type PoolFactory,
  type ProxyVersion,
  UPSTREAM_IDLE_TIMEOUT,
  type UpstreamWorld,
} from './connection.ts';
export { EndpointGate, type GateRules, GuardedDriver, type OwnSocket } from './endpoint-gate.ts';
export { ConnectionPool, type PooledConnection } from './pool.ts';
export type { SteeredRequest } from './steered-request.ts';
export { overloaded, WaitingRoom } from './waiting-room.ts';

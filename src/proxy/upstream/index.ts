export { Backends } from './backends.ts';
export {
  CONNECT_TIMEOUT,
  type EndpointPool,
  type EndpointTarget,
  type OpenWaiter,
  type PoolFactory,
  type ProxyVersion,
  UPSTREAM_IDLE_TIMEOUT,
  type UpstreamWorld,
} from './connection.ts';
export { ConnectionPool, type PooledConnection } from './pool.ts';
export { WaitingRoom } from './waiting-room.ts';

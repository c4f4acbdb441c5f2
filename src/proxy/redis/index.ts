export { limitKey, type RedisClient } from './client.ts';
export { RedisClients } from './clients.ts';
export type { Dialer } from './settings.ts';
export { type Asking, ROUNDING_US, type Taken } from './take.ts';

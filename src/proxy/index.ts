/** The data plane: config deltas in, acknowledgements out, traffic between. */
import type { Proxy, ProxyOptions } from './proxy.ts';
import { DataPlane } from './server/data-plane.ts';

export type { AccessEntry } from '../observe/index.ts';
export type { HttpLimits } from './http/index.ts';
export type { GivenSocket } from './listen/index.ts';
export type { Proxy, ProxyOptions } from './proxy.ts';

/** Throws RangeError for an option that makes no sense, such as a trusted hop that is no network. */
export function createProxy(options: ProxyOptions): Proxy {
  return new DataPlane(options);
}

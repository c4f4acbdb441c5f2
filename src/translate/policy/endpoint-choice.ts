/** How a BackendTrafficPolicy has endpoints chosen. */
import type { BackendTrafficPolicy } from '../../api/index.ts';
import type { LoadBalancing } from '../../config/index.ts';
import { milliseconds } from '../../value/duration.ts';

type Asked = NonNullable<BackendTrafficPolicy['spec']['loadBalancing']>;

export function loadBalancingOf({ type, consistentHash, slowStart, zone, weights }: Asked): LoadBalancing {
  const settings: LoadBalancing = { type };
  if (consistentHash !== undefined) settings.hash = consistentHash;
  const window = slowStart === undefined ? 0 : (milliseconds(slowStart.window) ?? 0);
  if (window > 0) settings.slowStart = window;
  if (zone !== undefined) settings.zone = zone;
  if (weights !== undefined) settings.weights = weights;
  return settings;
}

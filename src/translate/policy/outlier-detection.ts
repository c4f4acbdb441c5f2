/** When a BackendTrafficPolicy has endpoints passed over. */
import type { BackendTrafficPolicy } from '../../api/index.ts';
import type { OutlierDetection } from '../../config/index.ts';
import { milliseconds } from '../../value/duration.ts';

type Asked = NonNullable<BackendTrafficPolicy['spec']['outlierDetection']>;

export function outlierDetectionOf({ baseEjectionTime, maxEjectionTime, ...counts }: Asked): OutlierDetection {
  const settings: OutlierDetection = { ...counts };
  const [base, most] = [baseEjectionTime, maxEjectionTime].map((one) => one && milliseconds(one));
  if (base) settings.baseEjectionTime = base;
  if (most) settings.maxEjectionTime = most;
  return settings;
}

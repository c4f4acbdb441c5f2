/** The address that stands for all endpoints of a Service. */
import type { Service } from '../../api/index.ts';

/** Undefined: it has none, as headless ones, or no API server has been at it. */
export function addressOf({ spec: { clusterIP, clusterIPs } }: Service): string | undefined {
  const address = clusterIPs?.[0] ?? clusterIP ?? '';
  return address === '' || address === 'None' ? undefined : address;
}

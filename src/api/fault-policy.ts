import type { HTTPRouteMatch } from './http-route.ts';
import type { RequestPolicy } from './request-policy.ts';

/** Trouble made on purpose, to see who bears it. */
export interface FaultPolicy extends RequestPolicy<Faults> {
  kind: 'FaultPolicy';
}

export interface Faults {
  when?: HTTPRouteMatch[];
  /** `percentage`: of requests; absent: all. */
  delay?: { duration: string; percentage?: number };
  abort?: { statusCode: number; percentage?: number };
}

/** How a data plane asks endpoints by itself how they do, besides what requests say of them. */
import * as v from 'valibot';
import { object } from './shape.ts';

export interface HealthCheck {
  question: HealthQuestion;
  /** Milliseconds between the beginnings of two looks at an endpoint. */
  interval: number;
  /** Milliseconds that a look may take. */
  timeout: number;
  /** By how much of it, at most, an interval is longer or shorter, by chance. */
  jitterPercent: number;
  /** Good looks in a row that bring an endpoint back, and bad ones that take it out. */
  healthyThreshold: number;
  unhealthyThreshold: number;
  /** Of an endpoint that nobody has looked at. Unhealthy: one good look brings it in. */
  initialState: 'Healthy' | 'Unhealthy';
  /** Where fewer of the endpoints than this are healthy all are used; 0: never. */
  panicThresholdPercent: number;
}

export type HealthQuestion = HttpHealthQuestion | GrpcHealthQuestion | { type: 'TCP' };

export interface HttpHealthQuestion {
  type: 'HTTP';
  method: 'GET' | 'HEAD';
  /** With its query. */
  path: string;
  /** Absent: the server name of the backend's TLS, or the endpoint's address and port. */
  host?: string;
  /** Both ends count. */
  statuses: StatusRange[];
}

/** grpc.health.v1.Health/Check. */
export interface GrpcHealthQuestion {
  type: 'GRPC';
  /** '': the server as a whole. */
  service: string;
  host?: string;
}

interface StatusRange {
  from: number;
  to: number;
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const atLeastOne = v.pipe(count, v.minValue(1));
const percent = v.pipe(count, v.maxValue(100));
/** What is put into a head as it is. */
const PATH = /^\/[\x21-\x7e]*$/;
const AUTHORITY = /^[\x21-\x7e]+$/;
const host = v.optional(v.pipe(v.string(), v.regex(AUTHORITY)));

export const healthCheck = object<HealthCheck>({
  question: v.variant('type', [
    object<HttpHealthQuestion>({
      type: v.literal('HTTP'),
      method: v.picklist(['GET', 'HEAD']),
      path: v.pipe(v.string(), v.regex(PATH)),
      host,
      statuses: v.array(object<StatusRange>({ from: count, to: count })),
    }),
    object<GrpcHealthQuestion>({ type: v.literal('GRPC'), service: v.string(), host }),
    object<{ type: 'TCP' }>({ type: v.literal('TCP') }),
  ]),
  interval: atLeastOne,
  timeout: atLeastOne,
  jitterPercent: percent,
  healthyThreshold: atLeastOne,
  unhealthyThreshold: atLeastOne,
  initialState: v.picklist(['Healthy', 'Unhealthy']),
  panicThresholdPercent: percent,
});

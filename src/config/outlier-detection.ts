/** When endpoints are passed over for what requests meet there. */
import * as v from 'valibot';
import { object } from './shape.ts';

/** Absent: what holds where no policy says anything. Counts of 0: never for that. */
export interface OutlierDetection {
  /** Nobody is passed over for anything. */
  disabled?: boolean;
  /** Answers 500, 502, 503 and 504, and requests without an answer, in a row. */
  consecutiveErrors?: number;
  /** The same without 500; absent: not counted by themselves. */
  consecutiveGatewayErrors?: number;
  /** As consecutiveErrors, where the last of them had no answer at all. */
  consecutiveUnanswered?: number;
  /** Milliseconds of the first time, doubled with each that follows, up to the longest. */
  baseEjectionTime?: number;
  maxEjectionTime?: number;
  /** Of a backend's endpoints, for what requests meet: those that take no connections do not count. */
  maxEjectionPercent?: number;
}

const count = v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)));
const time = v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)));

export const outlierDetection = object<OutlierDetection>({
  disabled: v.optional(v.boolean()),
  consecutiveErrors: count,
  consecutiveGatewayErrors: count,
  consecutiveUnanswered: count,
  baseEjectionTime: time,
  maxEjectionTime: time,
  maxEjectionPercent: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(100))),
});

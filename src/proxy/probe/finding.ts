/** What a look at an endpoint has found, as one number: so that workers can tell each other of it. */
import type { Failure } from '../ground/codec.ts';

/** This machine could not look: nothing was found out. */
export const NOTHING: number = -1;
/** All is well. */
export const FINE = 0;
/** Between 100 and 599: it answered with this status, which is not one of those expected. */
/** Added to a status of gRPC with which the call ended, and to what the health service says. */
const GRPC_STATUS = 1_000;
const SERVING_STATUS = 2_000;
/** Its answer is not one of the health service. */
export const ANSWER_MALFORMED = 50;

const FAILURES: readonly Failure[] = [
  'connect_refused',
  'connect_timeout',
  'tls_failed',
  'reset',
  'closed_early',
  'protocol_error',
  'timeout',
  'overloaded',
  'draining',
];

const SERVING: Readonly<Record<number, string>> = { 0: 'unknown', 2: 'not_serving', 3: 'service_unknown' };

export function failureFinding(why: Failure): number {
  return FAILURES.indexOf(why) + 1;
}

export function grpcFinding(status: number): number {
  return GRPC_STATUS + status;
}

/** SERVING is 1. */
export function servingFinding(status: number): number {
  return status === 1 ? FINE : SERVING_STATUS + status;
}

/** A word for metrics. */
export function findingWord(finding: number): string {
  if (finding === FINE) return 'fine';
  if (finding === ANSWER_MALFORMED) return 'malformed';
  if (finding >= SERVING_STATUS) return SERVING[finding - SERVING_STATUS] ?? 'unknown';
  if (finding >= GRPC_STATUS) return `grpc_${finding - GRPC_STATUS}`;
  if (finding >= 100) return `status_${finding}`;
  return FAILURES[finding - 1] ?? 'unknown';
}

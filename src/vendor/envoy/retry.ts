import type { BackendTrafficPolicy } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import { compact } from '../suggest/compact.ts';
import { duration } from '../suggest/quantity.ts';

type Retry = NonNullable<BackendTrafficPolicy['spec']['retry']>;
type Cause = NonNullable<Retry['causes']>[number];

/** What Envoy Gateway does where nobody says. */
const ATTEMPTS = 2;
const USUAL = ['connect-failure', 'refused-stream', 'unavailable', 'cancelled', 'retriable-status-codes'];
const USUAL_CODES = [503];

const CAUSES: Readonly<Record<string, Cause[]>> = {
  'connect-failure': ['ConnectFailure'],
  reset: ['Reset'],
  'reset-before-request': ['ConnectFailure'],
  'refused-stream': ['Reset'],
  '5xx': ['ConnectFailure', 'Reset'],
  'gateway-error': [],
};
const CODES: Readonly<Record<string, number[]>> = {
  '5xx': [500, 501, 502, 503, 504],
  'gateway-error': [502, 503, 504],
  'retriable-4xx': [409],
};
const GRPC: Readonly<Record<string, string>> = {
  cancelled: 'Cancelled',
  'deadline-exceeded': 'DeadlineExceeded',
  internal: 'Internal',
  'resource-exhausted': 'ResourceExhausted',
  unavailable: 'Unavailable',
};

export function retry(asked: Fields | undefined): Retry | undefined {
  if (asked === undefined) return undefined;
  const attempts = asked.number('numRetries', { ours: 'retry.attempts' }) ?? ATTEMPTS;
  asked.lost('numAttemptsPerPriority', 'endpoints have no priorities');
  const on = asked.object('retryOn');
  const triggers = on?.texts('triggers', { ours: 'retry.causes, codes and grpcCodes' }) ?? USUAL;
  const listed = on?.numbers('httpStatusCodes', { ours: 'retry.codes' }) ?? (on === undefined ? USUAL_CODES : []);
  const each = asked.object('perRetry');
  const backoff = each?.object('backOff');
  backoff?.lost('maxInterval', 'the time between tries doubles: retry.timeout ends them');
  const codes = [
    ...triggers.flatMap((one) => CODES[one] ?? []),
    ...(triggers.includes('retriable-status-codes') ? listed : []),
  ];
  return compact<Retry>({
    attempts,
    causes: [...new Set(triggers.flatMap((one) => CAUSES[one] ?? []))],
    codes: [...new Set(codes)],
    grpcCodes: triggers.flatMap((one) => GRPC[one] ?? []),
    nonIdempotent: true,
    ...(each === undefined ? {} : { perTryTimeout: duration(each, 'timeout', { ours: 'retry.perTryTimeout' }) }),
    ...(backoff === undefined ? {} : { backoff: duration(backoff, 'baseInterval', { ours: 'retry.backoff' }) }),
  } as Retry);
}

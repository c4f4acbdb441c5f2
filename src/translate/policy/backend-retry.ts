/** How a BackendTrafficPolicy has requests tried again, and how long they may take. */
import type { BackendTrafficPolicy } from '../../api/index.ts';
import type { BackendTraffic, RetriedFailure, Retry } from '../../config/index.ts';
import { milliseconds } from '../../value/duration.ts';

type Spec = BackendTrafficPolicy['spec'];
type AskedRetry = NonNullable<Spec['retry']>;

const FAILURES: Readonly<Record<NonNullable<AskedRetry['causes']>[number], RetriedFailure>> = {
  ConnectFailure: 'Connect',
  Reset: 'Reset',
  Timeout: 'Timeout',
  InvalidAnswer: 'Protocol',
};
/** What is tried again where a policy does not say: what says that nobody answered. */
const USUAL: RetriedFailure[] = ['Connect', 'Reset'];

const GRPC_CODES: Readonly<Record<string, number>> = {
  Cancelled: 1,
  Unknown: 2,
  DeadlineExceeded: 4,
  ResourceExhausted: 8,
  Aborted: 10,
  Internal: 13,
  Unavailable: 14,
};

export function retryOf(asked: AskedRetry): Retry {
  const { attempts, causes, codes = [], grpcCodes, nonIdempotent, backoff, perTryTimeout, timeout } = asked;
  const retry: Retry = { attempts, codes, failures: causes?.map((one) => FAILURES[one]) ?? USUAL };
  if (grpcCodes !== undefined) retry.grpcCodes = grpcCodes.flatMap((name) => GRPC_CODES[name] ?? []);
  if (nonIdempotent !== true) retry.idempotentOnly = true;
  const wait = backoff === undefined ? undefined : milliseconds(backoff);
  if (wait !== undefined) retry.backoff = wait;
  return { ...retry, ...present({ perTry: timeOf(perTryTimeout), within: timeOf(timeout) }) };
}

export function timeoutsOf({
  connect,
  read,
  send,
  request,
}: NonNullable<Spec['timeouts']>): BackendTraffic['spec']['timeouts'] {
  return present({ connect: timeOf(connect), read: timeOf(read), send: timeOf(send), request: timeOf(request) });
}

export function connectionOf({
  idleTimeout,
  ...counts
}: NonNullable<Spec['connection']>): BackendTraffic['spec']['connection'] {
  return { ...counts, ...present({ idleTimeout: timeOf(idleTimeout) }) };
}

export function refreshOf({ minRefresh, maxRefresh }: NonNullable<Spec['dns']>): BackendTraffic['spec']['dns'] {
  return present({ minRefresh: timeOf(minRefresh), maxRefresh: timeOf(maxRefresh) });
}

/** 0s is no limit of one's own, as for a rule's times. */
function timeOf(duration: string | undefined): number | undefined {
  return (duration === undefined ? undefined : milliseconds(duration)) || undefined;
}

function present<T extends object>(settings: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const some = Object.entries(settings).filter(([, value]) => value !== undefined);
  // Without the members that are undefined it is what it was.
  return Object.fromEntries(some) as { [K in keyof T]?: NonNullable<T[K]> };
}

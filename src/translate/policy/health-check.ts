/** How a BackendTrafficPolicy has endpoints asked how they do. */
import type { BackendHealthCheck } from '../../api/index.ts';
import type { HealthCheck, HealthQuestion } from '../../config/index.ts';
import { milliseconds } from '../../value/duration.ts';

/** Where a policy does not say. */
const USUAL = {
  interval: 5_000,
  timeout: 1_000,
  jitterPercent: 10,
  healthyThreshold: 2,
  unhealthyThreshold: 3,
  initialState: 'Healthy',
  panicThresholdPercent: 50,
} as const;
/** A redirect is no answer to this question, and is never followed. */
const USUAL_STATUSES = [{ from: 200, to: 299 }];

export function healthCheckOf(asked: BackendHealthCheck): HealthCheck {
  const { type: _, http: _http, grpc: _grpc, interval, timeout, ...settings } = asked;
  const times = { interval: timeOf(interval) ?? USUAL.interval, timeout: timeOf(timeout) };
  return {
    ...USUAL,
    ...settings,
    question: questionOf(asked),
    interval: times.interval,
    timeout: times.timeout ?? Math.min(USUAL.timeout, times.interval),
  };
}

function questionOf({ type = 'HTTP', http = {}, grpc = {} }: BackendHealthCheck): HealthQuestion {
  switch (type) {
    case 'HTTP': {
      const { method = 'GET', path = '/', host, statuses } = http;
      const ranges = statuses?.map(({ from, to = from }) => ({ from, to })) ?? USUAL_STATUSES;
      return { type, method, path, ...(host === undefined ? {} : { host }), statuses: ranges };
    }
    case 'GRPC':
      return { type, service: grpc.service ?? '', ...(grpc.host === undefined ? {} : { host: grpc.host }) };
    case 'TCP':
      return { type };
  }
}

function timeOf(duration: string | undefined): number | undefined {
  return duration === undefined ? undefined : milliseconds(duration);
}

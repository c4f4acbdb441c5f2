import type { BackendHealthCheck, BackendTrafficPolicy } from '../../api/index.ts';
import { milliseconds } from '../../value/duration.ts';
import type { Fields } from '../fields.ts';
import { compact } from '../suggest/compact.ts';
import { duration } from '../suggest/quantity.ts';

type Outliers = NonNullable<BackendTrafficPolicy['spec']['outlierDetection']>;
type Statuses = NonNullable<NonNullable<BackendHealthCheck['http']>['statuses']>;

interface Health {
  healthCheck?: BackendHealthCheck | undefined;
  outlierDetection?: Outliers | undefined;
}

/** What Envoy Gateway does where nobody says. */
const USUAL_CHECK = { interval: '3s', healthyThreshold: 1 };
const USUAL_STATUSES = [200];
const USUAL_OUTLIERS = {
  consecutiveErrors: 5,
  consecutiveUnanswered: 5,
  baseEjectionTime: '30s',
  maxEjectionTime: '300s',
  maxEjectionPercent: 10,
};
/** Milliseconds, as ours has it at least. */
const SHORTEST_INTERVAL = 100;
/** Of ours: statuses of answers, and how many ranges of them. */
const STATUSES = { least: 200, most: 599, ranges: 16 };

export function health(asked: Fields | undefined): Health {
  if (asked === undefined) return {};
  const healthCheck = active(asked.object('active'));
  const outlierDetection = passive(asked.object('passive'));
  const ours = 'healthCheck.panicThresholdPercent';
  if (healthCheck === undefined) {
    asked.lost('panicThreshold', 'it is of active checks: outlierDetection.maxEjectionPercent bounds the passive ones');
    return { outlierDetection };
  }
  const panic = asked.number('panicThreshold', { ours });
  return {
    healthCheck: panic === undefined ? healthCheck : { ...healthCheck, panicThresholdPercent: panic },
    outlierDetection,
  };
}

function active(check: Fields | undefined): BackendHealthCheck | undefined {
  if (check === undefined) return undefined;
  check.lost('initialJitter', 'looks are spread by healthCheck.jitterPercent');
  check.lost('healthCheckLog', 'daemun status and the log name who fails');
  const isElsewhere = check.object('overrides')?.has('port');
  check.object('overrides')?.lost('port', 'endpoints are asked at the port that requests go to: no check is written');
  check.object('tcp')?.lost('send', 'a connection that opens is well');
  check.object('tcp')?.lost('receive', 'a connection that opens is well');
  const type = check.oneOf('type', ['HTTP', 'TCP', 'GRPC'], { ours: 'healthCheck.type' });
  const http = httpCheck(check.object('http'));
  const service = check.object('grpc')?.text('service', { ours: 'healthCheck.grpc.service' });
  const times = checkTimes(check);
  const counts = {
    healthyThreshold: check.number('healthyThreshold', { ours: 'healthCheck.healthyThreshold' }),
    unhealthyThreshold: check.number('unhealthyThreshold', { ours: 'healthCheck.unhealthyThreshold' }),
  };
  // Whoever answers at another port may know nothing of the question at its own.
  if (type === undefined || isElsewhere) return undefined;
  return compact<BackendHealthCheck>({
    type,
    ...(type === 'HTTP' ? { http } : {}),
    ...(type === 'GRPC' ? { grpc: { service } } : {}),
    ...times,
    ...counts,
    healthyThreshold: counts.healthyThreshold ?? USUAL_CHECK.healthyThreshold,
  } as BackendHealthCheck);
}

function checkTimes(check: Fields): { interval: string; timeout?: string } {
  let interval = duration(check, 'interval', { ours: 'healthCheck.interval' }) ?? USUAL_CHECK.interval;
  if (milliseconds(interval)! < SHORTEST_INTERVAL) {
    interval = `${SHORTEST_INTERVAL}ms`;
    check.refuse('interval', `${interval} is the least`);
  }
  const timeout = duration(check, 'timeout', { ours: 'healthCheck.timeout' });
  if (timeout === undefined) return { interval };
  if (milliseconds(timeout)! <= milliseconds(interval)!) return { interval, timeout };
  check.refuse('timeout', 'a look ends before the next one begins: it is as long as interval');
  return { interval, timeout: interval };
}

function httpCheck(http: Fields | undefined): BackendHealthCheck['http'] {
  http?.lost('expectedResponse', 'bodies are not looked at: answer another status');
  http?.lost('requestBody', 'no body is sent');
  http?.lost('retriableStatuses', 'unhealthyThreshold says how many looks in a row fail');
  const asked = http?.text('method', { ours: 'healthCheck.http.method' });
  const method = asked?.toUpperCase();
  const known = method === 'GET' || method === 'HEAD';
  if (asked !== undefined && !known) http!.refuse('method', `${asked} is not served: GET and HEAD are`);
  const listed = http?.numbers('expectedStatuses', { ours: 'healthCheck.http.statuses' });
  const statuses = ranges((listed ?? USUAL_STATUSES).filter((one) => one >= STATUSES.least && one <= STATUSES.most));
  if (listed?.some((one) => one < STATUSES.least || one > STATUSES.most) || statuses.length > STATUSES.ranges) {
    http!.refuse('expectedStatuses', `${STATUSES.ranges} ranges within ${STATUSES.least} to ${STATUSES.most} at most`);
  }
  return compact({
    path: http?.text('path', { ours: 'healthCheck.http.path' }),
    method: known ? method : undefined,
    host: http?.text('hostname', { ours: 'healthCheck.http.host' }),
    statuses: statuses.slice(0, STATUSES.ranges),
  }) as BackendHealthCheck['http'];
}

function ranges(statuses: readonly number[]): Statuses {
  const all: Statuses = [];
  for (const status of [...new Set(statuses)].toSorted((a, b) => a - b)) {
    const last = all.at(-1);
    if (last !== undefined && (last.to ?? last.from) === status - 1) last.to = status;
    else all.push({ from: status });
  }
  return all;
}

function passive(check: Fields | undefined): Outliers | undefined {
  if (check === undefined) return undefined;
  const at = 'outlierDetection';
  check.lost('interval', 'it is counted with each request');
  check.lost('failurePercentageThreshold', 'failures in a row are counted, and not parts of all');
  check.lost('alwaysEjectOneEndpoint', 'one that takes no connection is always passed over');
  const isSplit = check.flag('splitExternalLocalOriginErrors', { ours: `${at}.consecutiveUnanswered` });
  const baseEjectionTime = duration(check, 'baseEjectionTime', {
    ours: `${at}.baseEjectionTime`,
    differs: 'it is doubled each time',
  });
  const base = baseEjectionTime ?? USUAL_OUTLIERS.baseEjectionTime;
  const isLong = milliseconds(base)! > milliseconds(USUAL_OUTLIERS.maxEjectionTime)!;
  const consecutiveErrors =
    check.number('consecutive5XxErrors', { ours: `${at}.consecutiveErrors` }) ?? USUAL_OUTLIERS.consecutiveErrors;
  return compact<Outliers>({
    consecutiveErrors,
    consecutiveUnanswered: unanswered(check, isSplit === true) ?? consecutiveErrors,
    ...gatewayErrors(check),
    baseEjectionTime: base,
    maxEjectionTime: isLong ? base : USUAL_OUTLIERS.maxEjectionTime,
    maxEjectionPercent:
      check.number('maxEjectionPercent', { ours: `${at}.maxEjectionPercent` }) ?? USUAL_OUTLIERS.maxEjectionPercent,
  });
}

/** Where they are not told apart there, one that does not answer counts as one that answers 500. */
function unanswered(check: Fields, isSplit: boolean): number | undefined {
  const name = 'consecutiveLocalOriginFailures';
  if (isSplit) {
    return (
      check.number(name, { ours: 'outlierDetection.consecutiveUnanswered' }) ?? USUAL_OUTLIERS.consecutiveUnanswered
    );
  }
  check.number(name, { differs: 'it says nothing there without splitExternalLocalOriginErrors' });
  return undefined;
}

function gatewayErrors(check: Fields): Pick<Outliers, 'consecutiveGatewayErrors'> {
  const count = check.number('consecutiveGatewayErrors', { ours: 'outlierDetection.consecutiveGatewayErrors' });
  return count === undefined ? {} : { consecutiveGatewayErrors: count };
}

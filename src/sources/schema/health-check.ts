import type { BackendHealthCheck } from '../../api/index.ts';
import { milliseconds } from '../../value/duration.ts';
import { duration, preciseHostname } from './format.ts';
import { celRule, integer, list, object, oneOf, optional, required, rule, text } from './schema.ts';

/** Milliseconds: oftener nobody is asked, whatever a policy says. */
export const SHORTEST_CHECK_INTERVAL = 100;

type StatusRange = NonNullable<NonNullable<BackendHealthCheck['http']>['statuses']>[number];

const path = text({
  min: 1,
  max: 1024,
  format: {
    is: 'a path from "/" on, with its query, of visible characters and without a fragment',
    matches: (value) => /^\/[!"$-~]*$/.test(value),
    openApi: { pattern: '^/[!"$-~]*$' },
  },
});

const service = text({
  max: 255,
  format: {
    is: 'a service of gRPC such as shop.Cart',
    matches: (value) => /^[A-Za-z0-9_./-]*$/.test(value),
    openApi: { pattern: '^[A-Za-z0-9_./-]*$' },
  },
});

const statusRange = object(
  { from: required(integer({ min: 200, max: 599 })), to: optional(integer({ min: 200, max: 599 })) },
  {
    rules: [
      celRule(
        '!has(self.to) || self.to >= self.from',
        rule<StatusRange>('must not be below from', ({ from, to = from }) => to >= from, 'to'),
      ),
    ],
  },
);

const long = (text: string | undefined, most = Number.POSITIVE_INFINITY): number =>
  text === undefined ? most : (milliseconds(text) ?? most);

export const backendHealthCheck = object(
  {
    type: optional(oneOf('HTTP', 'GRPC', 'TCP'), 'HTTP'),
    http: optional(
      object({
        method: optional(oneOf('GET', 'HEAD')),
        path: optional(path),
        host: optional(preciseHostname),
        statuses: optional(list(statusRange, { min: 1, max: 16 })),
      }),
    ),
    grpc: optional(object({ service: optional(service), host: optional(preciseHostname) })),
    interval: optional(duration),
    timeout: optional(duration),
    jitterPercent: optional(integer({ min: 0, max: 100 })),
    healthyThreshold: optional(integer({ min: 1, max: 100 })),
    unhealthyThreshold: optional(integer({ min: 1, max: 100 })),
    initialState: optional(oneOf('Healthy', 'Unhealthy')),
    panicThresholdPercent: optional(integer({ min: 0, max: 100 })),
  },
  {
    rules: [
      celRule(
        "(!has(self.http) || self.type == 'HTTP') && (!has(self.grpc) || self.type == 'GRPC')",
        rule<BackendHealthCheck>(
          'must not have http or grpc beside another type: http is of HTTP, grpc of GRPC',
          ({ type, http, grpc }) => (http === undefined || type === 'HTTP') && (grpc === undefined || type === 'GRPC'),
          'type',
        ),
      ),
      celRule(
        `!has(self.interval) || duration(self.interval) >= duration('${SHORTEST_CHECK_INTERVAL}ms')`,
        rule<BackendHealthCheck>(
          `must be ${SHORTEST_CHECK_INTERVAL}ms or more`,
          ({ interval }) => long(interval) >= SHORTEST_CHECK_INTERVAL,
          'interval',
        ),
      ),
      celRule(
        "!has(self.timeout) || (duration(self.timeout) > duration('0s') && duration(self.timeout) <= duration(has(self.interval) ? self.interval : '5s'))",
        rule<BackendHealthCheck>(
          'must be more than 0s, and not longer than interval (5s where it does not say)',
          ({ timeout, interval = '5s' }) =>
            timeout === undefined || (long(timeout) > 0 && long(timeout) <= long(interval)),
          'timeout',
        ),
      ),
    ],
  },
);

import type { BackendTrafficPolicy, PolicyTargetReference } from '../../api/index.ts';
import { milliseconds } from '../../value/duration.ts';
import { endpointTls } from './endpoint-tls.ts';
import { cidr, duration, headerName } from './format.ts';
import { backendHealthCheck } from './health-check.ts';
import { policyTargetReference, targetsAreDistinct } from './reference.ts';
import { celRule, flag, integer, list, object, oneOf, optional, required, rule } from './schema.ts';
import { backendSession } from './session-persistence.ts';

const takesServices = celRule(
  'self.all(ref, ref.group == "" && ref.kind == "Service")',
  rule<PolicyTargetReference[]>('must name Services, with group "" (sectionName: the name of one port)', (refs) =>
    refs.every(({ group, kind }) => group === '' && kind === 'Service'),
  ),
);

type Outliers = NonNullable<BackendTrafficPolicy['spec']['outlierDetection']>;
type Refresh = NonNullable<BackendTrafficPolicy['spec']['dns']>;
type Balancing = NonNullable<BackendTrafficPolicy['spec']['loadBalancing']>;
type Hashing = NonNullable<Balancing['consistentHash']>;
type HashPart = Hashing['keys'][number];

const hashPart = object(
  {
    type: required(oneOf('ClientAddress', 'Header', 'Cookie', 'Query', 'Path', 'Uri', 'Host')),
    name: optional(headerName),
  },
  {
    rules: [
      celRule(
        "has(self.name) == (self.type in ['Header', 'Cookie', 'Query'])",
        rule<HashPart>(
          'must be there with Header, Cookie and Query, and not with the others',
          ({ type, name }) => (name !== undefined) === (type === 'Header' || type === 'Cookie' || type === 'Query'),
          'name',
        ),
      ),
    ],
  },
);

/** Connections without a request that a policy may have kept for one endpoint. */
const MOST_IDLE = 65_536;

const retry = object({
  attempts: required(integer({ min: 0, max: 100 })),
  causes: optional(list(oneOf('ConnectFailure', 'Reset', 'Timeout', 'InvalidAnswer'), { max: 4, unique: 'set' })),
  codes: optional(list(integer({ min: 400, max: 599 }), { max: 64, unique: 'set' })),
  grpcCodes: optional(
    list(oneOf('Cancelled', 'Unknown', 'DeadlineExceeded', 'ResourceExhausted', 'Aborted', 'Internal', 'Unavailable'), {
      max: 7,
      unique: 'set',
    }),
  ),
  nonIdempotent: optional(flag),
  backoff: optional(duration),
  perTryTimeout: optional(duration),
  timeout: optional(duration),
  budget: optional(
    object({ percent: optional(integer({ min: 0, max: 100 })), perSecond: optional(integer({ min: 0, max: 10_000 })) }),
  ),
});

const loadBalancing = object(
  {
    type: required(oneOf('RoundRobin', 'LeastRequest', 'Random', 'ConsistentHash')),
    consistentHash: optional(
      object(
        {
          keys: required(list(hashPart, { min: 1, max: 8 })),
          maxLoadPercent: optional(integer({ min: 0, max: 10_000 })),
          subsetSize: optional(integer({ min: 1, max: 64 })),
        },
        {
          rules: [
            celRule(
              '!has(self.maxLoadPercent) || self.maxLoadPercent == 0 || self.maxLoadPercent >= 100',
              rule<Hashing>(
                'must be 100 or more, or 0 for no bound: an even share is 100',
                ({ maxLoadPercent = 0 }) => maxLoadPercent === 0 || maxLoadPercent >= 100,
                'maxLoadPercent',
              ),
            ),
          ],
        },
      ),
    ),
    slowStart: optional(object({ window: required(duration) })),
    zone: optional(oneOf('PreferLocal')),
    weights: optional(
      list(
        object({
          networks: required(list(cidr, { min: 1, max: 256, unique: 'set' })),
          weight: required(integer({ min: 1, max: 1_000 })),
        }),
        { min: 1, max: 64 },
      ),
    ),
  },
  {
    rules: [
      celRule(
        "has(self.consistentHash) == (self.type == 'ConsistentHash')",
        rule<Balancing>(
          'must be there with type ConsistentHash, and only there: it says what the hash is taken of',
          ({ type, consistentHash }) => (consistentHash !== undefined) === (type === 'ConsistentHash'),
          'consistentHash',
        ),
      ),
    ],
  },
);

const inARow = integer({ min: 0, max: 10_000 });
const long = (text: string): number => milliseconds(text) ?? 0;

/** Where a policy says nothing: as the data planes have it. */
const USUAL_EJECTION = { base: '1s', most: '30s' };

const outlierDetection = object(
  {
    disabled: optional(flag),
    consecutiveErrors: optional(inARow),
    consecutiveGatewayErrors: optional(inARow),
    consecutiveUnanswered: optional(inARow),
    baseEjectionTime: optional(duration),
    maxEjectionTime: optional(duration),
    maxEjectionPercent: optional(integer({ min: 0, max: 100 })),
  },
  {
    rules: [
      celRule(
        `(!has(self.baseEjectionTime) || duration(self.baseEjectionTime) > duration('0s')) && duration(has(self.maxEjectionTime) ? self.maxEjectionTime : '${USUAL_EJECTION.most}') >= duration(has(self.baseEjectionTime) ? self.baseEjectionTime : '${USUAL_EJECTION.base}')`,
        rule<Outliers>(
          'must be more than 0s, and not longer than maxEjectionTime (1s and 30s where they do not say)',
          ({ baseEjectionTime = USUAL_EJECTION.base, maxEjectionTime = USUAL_EJECTION.most }) =>
            long(baseEjectionTime) > 0 && long(maxEjectionTime) >= long(baseEjectionTime),
          'baseEjectionTime',
        ),
      ),
    ],
  },
);

/** Oftener no name server is asked, whatever a policy says. */
const SHORTEST_REFRESH = '1s';
/** Where a policy says nothing: as the data planes have it. */
const USUAL_REFRESH = { least: '5s', most: '300s' };

const nameRefresh = object(
  { minRefresh: optional(duration), maxRefresh: optional(duration) },
  {
    rules: [
      celRule(
        `duration(has(self.minRefresh) ? self.minRefresh : '${USUAL_REFRESH.least}') >= duration('${SHORTEST_REFRESH}') && duration(has(self.maxRefresh) ? self.maxRefresh : '${USUAL_REFRESH.most}') >= duration(has(self.minRefresh) ? self.minRefresh : '${USUAL_REFRESH.least}')`,
        rule<Refresh>(
          'must be 1s or more, and not longer than maxRefresh (5s and 300s where they do not say)',
          ({ minRefresh = USUAL_REFRESH.least, maxRefresh = USUAL_REFRESH.most }) =>
            long(minRefresh) >= long(SHORTEST_REFRESH) && long(maxRefresh) >= long(minRefresh),
          'minRefresh',
        ),
      ),
    ],
  },
);

export const backendTrafficPolicySpec = object({
  targetRefs: required(list(policyTargetReference, { min: 1, max: 16, rules: [...targetsAreDistinct, takesServices] })),
  proxyProtocol: optional(oneOf('V1', 'V2')),
  circuitBreaker: optional(
    object({
      maxConnections: optional(integer({ min: 1 })),
      maxPendingRequests: optional(integer({ min: 0 })),
      maxRequests: optional(integer({ min: 1 })),
      maxRetries: optional(integer({ min: 0 })),
    }),
  ),
  timeouts: optional(
    object({
      connect: optional(duration),
      read: optional(duration),
      send: optional(duration),
      request: optional(duration),
    }),
  ),
  connection: optional(
    object({
      idleTimeout: optional(duration),
      maxRequests: optional(integer({ min: 1 })),
      maxIdle: optional(integer({ min: 0, max: MOST_IDLE })),
    }),
  ),
  retry: optional(retry),
  tls: optional(endpointTls),
  loadBalancing: optional(loadBalancing),
  sessionPersistence: optional(backendSession),
  healthCheck: optional(backendHealthCheck),
  outlierDetection: optional(outlierDetection),
  dns: optional(nameRefresh),
  destination: optional(oneOf('Endpoints', 'ServiceAddress')),
  httpVersion: optional(oneOf('HTTP1', 'HTTP2', 'Auto')),
});

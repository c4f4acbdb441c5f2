import type { AnyResource } from '../../api/index.ts';
import { milliseconds } from '../../value/duration.ts';
import type { Fields } from '../fields.ts';
import { ownPolicy } from '../ours.ts';
import { behind } from '../suggest/behind.ts';
import { compact } from '../suggest/compact.ts';
import { duration, quantity } from '../suggest/quantity.ts';
import { referenceTo } from '../suggest/target.ts';
import type { VendorKind, VendorPlace } from '../suggest/vendor-kind.ts';
import { claimLines } from './claim-line.ts';
import { ENVOY_GROUP } from './group.ts';
import { health } from './health-check.ts';
import { loadBalancing, sessions } from './load-balancer.ts';
import { rateLimits } from './rate-limit.ts';
import { retry } from './retry.ts';

/** The first status of an error. */
const CLIENT_ERROR = 400;

/** What has nothing like it here, and why. */
const LOST: Readonly<Record<string, string>> = {
  tcpKeepalive: 'connections to endpoints are closed when they are idle: connection.idleTimeout',
  connection: 'buffers are bounded, and have no size to set',
  http2: 'windows are made as they are needed',
  bandwidthLimit: 'bytesPerSecond of a RateLimitPolicy limits each answer by itself',
  admissionControl: 'circuitBreaker of a BackendTrafficPolicy limits what is under way',
  httpUpgrade: 'WebSocket is always passed on, and CONNECT never',
  telemetry: 'metrics have the names of routes and Services',
  metrics: 'metrics have the names of routes and Services',
  routeStatName: 'metrics have the names of routes and Services',
  tracing: 'no spans are made: traceparent is passed on, and the access log has request id and times',
};

/** Endpoints are asked themselves where nobody says otherwise. */
const DESTINATIONS: Readonly<Record<string, string>> = { Endpoint: 'Endpoints', Service: 'ServiceAddress' };

export const backendTraffic: VendorKind = {
  group: ENVOY_GROUP,
  kind: 'BackendTrafficPolicy',
  suggest(spec, place) {
    const { namespace, name, targets } = place;
    spec.text('mergeType', { differs: 'what stands nearer is taken setting by setting' });
    for (const [field, why] of Object.entries(LOST)) spec.lost(field, why);
    const settings = compact({
      ...spread(spec.object('loadBalancer')),
      retry: retry(spec.object('retry')),
      proxyProtocol: spec.object('proxyProtocol')?.oneOf('version', ['V1', 'V2'], { ours: 'proxyProtocol' }),
      ...breakers(spec.object('circuitBreaker')),
      ...timeouts(spec.object('timeout')),
      ...health(spec.object('healthCheck')),
      dns: dns(spec.object('dns')),
      httpVersion: spoken(spec, place),
      destination: DESTINATIONS[spec.oneOf('routingType', ['Endpoint', 'Service'], { ours: 'destination' }) ?? ''],
    });
    const objects: AnyResource[] = [];
    const targetRefs = targets.map(referenceTo);
    const attach = (
      kind: 'RateLimitPolicy' | 'FaultPolicy' | 'ResponsePolicy' | 'AccessPolicy',
      what?: object,
    ): void => {
      if (what !== undefined && targets.length > 0) {
        objects.push(ownPolicy(kind, { namespace, name }, { targetRefs, ...what }));
      }
    };
    attach('RateLimitPolicy', rateLimits(spec.object('rateLimit'), targets, claimLines(place)));
    attach('FaultPolicy', faults(spec.object('faultInjection')));
    attach('ResponsePolicy', compact({ compression: compression(spec), errorPages: errorPages(spec) }));
    const buffer = spec.object('requestBuffer');
    const maxBodyBytes =
      buffer &&
      quantity(buffer, 'limit', {
        ours: 'AccessPolicy maxBodyBytes',
        differs: 'the body is counted and passed on as it comes',
      });
    attach('AccessPolicy', compact({ maxBodyBytes }));
    return { objects: [...(behind(spec, place, withConnection(settings)).objects ?? []), ...objects] };
  },
};

type Settings = Record<string, unknown>;

/** Wherever TLS is spoken Envoy Gateway takes what ALPN settles, if it is not told to speak as clients do. */
function spoken(spec: Fields, { namespace, targets, site }: VendorPlace): 'Auto' | undefined {
  const asked = spec.flag('useClientProtocol') === true;
  if (!targets.some((target) => site.servicesBehind(namespace, target).some((name) => site.hasTls(namespace, name)))) {
    if (asked) spec.refuse('useClientProtocol', "appProtocol of the Service's port says what is spoken without TLS");
    return undefined;
  }
  const ours = 'httpVersion: Auto';
  const differs = 'each endpoint is spoken to in what it agrees to by ALPN, whatever the client speaks';
  spec.findings.push(
    asked
      ? { field: 'spec.useClientProtocol', fate: 'Differs', ours, why: differs }
      : { field: 'spec.targetRefs', fate: 'Same', ours: `${ours}, where a BackendTLSPolicy has TLS spoken` },
  );
  return 'Auto';
}

function spread(balancer: Fields | undefined): Settings {
  const sessionPersistence = sessions(balancer);
  const balancing = loadBalancing(balancer);
  if (sessionPersistence === undefined) return { loadBalancing: balancing };
  // Whoever has a session needs no hash.
  const { consistentHash: _, ...rest } = balancing ?? { type: 'RoundRobin' as const };
  const type = rest.type === 'ConsistentHash' ? ('LeastRequest' as const) : rest.type;
  return { loadBalancing: { ...rest, type }, sessionPersistence };
}

/** Two places speak of the connection. */
function withConnection(settings: Settings | undefined): Settings | undefined {
  if (settings === undefined) return undefined;
  const { idle, perConnection, ...rest } = settings as { idle?: string; perConnection?: number } & Settings;
  const connection = compact({ idleTimeout: idle, maxRequests: perConnection });
  return connection === undefined ? rest : { ...rest, connection };
}

/** Of limits that Envoy has for a Service as a whole. */
const EACH = 'it holds for each endpoint, in each worker';

function breakers(breaker: Fields | undefined): Settings {
  if (breaker === undefined) return {};
  const at = 'circuitBreaker';
  const connections = [
    breaker.number('maxConnections', { ours: `${at}.maxConnections`, differs: EACH }),
    breaker.object('perEndpoint')?.number('maxConnections', { ours: `${at}.maxConnections` }),
  ].filter((one) => one !== undefined);
  breaker.lost('retryBudget', 'write retry.budget');
  return {
    circuitBreaker: {
      maxConnections: connections.length === 0 ? undefined : Math.min(...connections),
      maxPendingRequests: breaker.number('maxPendingRequests', { ours: `${at}.maxPendingRequests`, differs: EACH }),
      maxRequests: breaker.number('maxParallelRequests', { ours: `${at}.maxRequests`, differs: EACH }),
      maxRetries: breaker.number('maxParallelRetries', { ours: `${at}.maxRetries` }),
    },
    perConnection: breaker.number('maxRequestsPerConnection', { ours: 'connection.maxRequests' }),
  };
}

function timeouts(timeout: Fields | undefined): Settings {
  const [tcp, http] = [timeout?.object('tcp'), timeout?.object('http')];
  http?.lost('maxConnectionDuration', 'a connection has no age: connection.maxRequests ends it');
  http?.lost('maxStreamDuration', 'timeouts.request ends a request, and timeouts.read one that is silent');
  return {
    timeouts: {
      connect: tcp && duration(tcp, 'connectTimeout', { ours: 'timeouts.connect' }),
      request: http && duration(http, 'requestTimeout', { ours: 'timeouts.request' }),
      read:
        http &&
        duration(http, 'streamIdleTimeout', {
          ours: 'timeouts.read',
          differs: 'it is the time between two pieces of an answer',
        }),
    },
    idle: http && duration(http, 'connectionIdleTimeout', { ours: 'connection.idleTimeout' }),
  };
}

/** Envoy heeds the times of records where nobody says otherwise, and so does ours. */
function dns(asked: Fields | undefined): Settings | undefined {
  asked?.lost('lookupFamily', 'all addresses of a name are used');
  if (asked?.flag('respectDnsTtl', { ours: 'dns' }) !== false) {
    asked?.lost('dnsRefreshRate', 'how long a record holds says the record: dns.minRefresh and maxRefresh bound it');
    return undefined;
  }
  const every = duration(asked, 'dnsRefreshRate', { ours: 'dns.minRefresh and maxRefresh' }) ?? '30s';
  if (milliseconds(every)! < 1000) asked.refuse('dnsRefreshRate', '1s is the least');
  if (milliseconds(every)! < 1000) return { minRefresh: '1s', maxRefresh: '1s' };
  return { minRefresh: every, maxRefresh: every };
}

function faults(fault: Fields | undefined): object | undefined {
  const [delay, abort] = [fault?.object('delay'), fault?.object('abort')];
  abort?.lost('grpcStatus', 'write a status of HTTP');
  return compact({
    delay: delay && {
      duration: duration(delay, 'fixedDelay', { ours: 'FaultPolicy delay.duration' }),
      percentage: percentage(delay),
    },
    abort: abort && {
      statusCode: abortStatus(abort),
      percentage: percentage(abort),
    },
  });
}

/** Envoy answers with any status. */
function abortStatus(abort: Fields): number | undefined {
  const status = abort.number('httpStatus', { ours: 'FaultPolicy abort.statusCode' });
  if (status === undefined || (status >= CLIENT_ERROR && status < 600)) return status;
  abort.refuse('httpStatus', 'a fault is an error, 400 to 599: directResponse of a ResponsePolicy answers otherwise');
  return undefined;
}

/** What is less than one of a hundred is not nobody. */
function percentage(fields: Fields): number | undefined {
  const value = fields.number('percentage');
  if (value === undefined) return undefined;
  const whole = value > 0 ? Math.max(1, Math.round(value)) : 0;
  fields.number(
    'percentage',
    whole === value ? { ours: 'percentage' } : { ours: 'percentage', differs: `is a whole number here: ${whole}` },
  );
  return whole;
}

const ALGORITHMS: Readonly<Record<string, string>> = { Gzip: 'gzip', Brotli: 'br', Zstd: 'zstd' };

/** Bytes, where nobody says. */
const LEAST_COMPRESSED = 30;
const LEAST_OF_ALL = 'the least of all algorithms holds for each';

function compression(spec: Fields): object | undefined {
  const all = [...spec.objects('compression'), ...spec.objects('compressor')];
  if (all.length === 0) return undefined;
  const least: number[] = [];
  const algorithms = all.flatMap((one) => {
    for (const name of ['gzip', 'brotli', 'zstd']) one.object(name);
    const ours = 'ResponsePolicy compression.minimumBytes';
    least.push(quantity(one, 'minContentLength', { ours, differs: LEAST_OF_ALL }) ?? LEAST_COMPRESSED);
    return (
      ALGORITHMS[
        one.oneOf('type', ['Gzip', 'Brotli', 'Zstd'], { ours: 'ResponsePolicy compression.algorithms' }) ?? ''
      ] ?? []
    );
  });
  return compact({ algorithms: [...new Set(algorithms)], minimumBytes: Math.min(...least) });
}

function errorPages(spec: Fields): object[] | undefined {
  const pages = spec.objects('responseOverride').flatMap((override) => {
    const match = override.object('match');
    match?.lost('responseHeaders', 'pages are chosen by status');
    const codes = (match?.objects('statusCodes') ?? []).flatMap(statusCodes);
    override.lost('redirect', 'the status stays: write a RequestRedirect filter');
    override.lost('source', 'pages are for all answers with the status, whoever gave them');
    const response = override.object('response');
    response?.lost('statusCode', 'the status stays');
    response?.lost('header', 'write a ResponseHeaderModifier filter');
    const contentType = response?.text('contentType', { ours: 'ResponsePolicy errorPages[].contentType' });
    const body = response?.object('body');
    body?.text('type');
    body?.lost('valueRef', 'write the text itself, or a backendRef to a Service that has it');
    const inline = body?.text('inline', { ours: 'ResponsePolicy errorPages[].body' });
    if (inline === undefined || codes.length === 0) return [];
    return [{ codes, ...(contentType === undefined ? {} : { contentType }), body: inline }];
  });
  return pages.length === 0 ? undefined : pages;
}

function statusCodes(one: Fields): number[] {
  one.text('type');
  const value = one.number('value', { ours: 'ResponsePolicy errorPages[].codes' });
  const range = one.object('range');
  const [start, end] = [range?.number('start'), range?.number('end')];
  const all = value !== undefined ? [value] : [];
  for (let code = start ?? 1; code <= (end ?? 0); code++) all.push(code);
  const served = all.filter((code) => code >= CLIENT_ERROR && code < 600);
  if (served.length < all.length) one.refuse('value', 'pages are for errors, 400 to 599');
  return served;
}

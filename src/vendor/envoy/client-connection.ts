import type { ClientTrafficPolicy } from '../../api/index.ts';
import { milliseconds } from '../../value/duration.ts';
import type { Fate, Fields } from '../fields.ts';
import { compact } from '../suggest/compact.ts';
import { duration, quantity } from '../suggest/quantity.ts';

type Spec = ClientTrafficPolicy['spec'];

/** What ours takes. */
const STREAMS = { least: 1, most: 1024 };
const STREAM_WINDOW = { least: 65_535, most: 16_777_216 };
const HEAD_BYTES = { least: 256, most: 32_768 };
const CONNECTION_WINDOW = { least: 65_535, most: 67_108_864 };

/** Of Envoy 0 is without end, which nothing here is. */
function endingDuration(fields: Fields, name: string, fate: Fate): string | undefined {
  const text = duration(fields, name, fate);
  if (text === undefined || milliseconds(text) !== 0) return text;
  fields.refuse(name, 'nothing is waited for without end: what the data plane was started with holds');
  return undefined;
}

interface Times {
  idleTimeout?: string | undefined;
  headTimeout?: string | undefined;
}

export function clientTimes(timeout: Fields | undefined): Times {
  timeout?.lost('tcp', 'connections of TCPRoutes are idle for an hour at most');
  const http = timeout?.object('http');
  http?.lost('streamIdleTimeout', 'timeouts.read of a BackendTrafficPolicy, and --stream-idle-timeout');
  const head = http && endingDuration(http, 'requestHeadersReceivedTimeout', { ours: 'headers.timeout' });
  if (head !== undefined) {
    http!.lost(
      'requestReceivedTimeout',
      'headers.timeout is for the head; body.timeout is the time between two pieces',
    );
  }
  return {
    idleTimeout: http && endingDuration(http, 'idleTimeout', { ours: 'keepAlive.idleTimeout' }),
    headTimeout:
      head ??
      (http &&
        endingDuration(http, 'requestReceivedTimeout', {
          ours: 'headers.timeout',
          differs: 'it is for the head; body.timeout is the time between two pieces of a body',
        })),
  };
}

export function clientHttp2(http2: Fields | undefined): Spec['http2'] {
  if (http2 === undefined) return undefined;
  http2.lost('onInvalidMessage', 'a stream that breaks the protocol is reset, and a connection that does is closed');
  const keepalive = http2.object('connectionKeepalive');
  keepalive?.lost('intervalJitter', 'pings are sent after so long without a frame');
  keepalive?.lost('idleInterval', 'pings are sent after so long without a frame');
  keepalive?.lost('connectionIdleInterval', 'pings are sent after so long without a frame');
  const interval = keepalive && endingDuration(keepalive, 'interval', { ours: 'http2.ping.interval' });
  const timeout = keepalive && endingDuration(keepalive, 'timeout', { ours: 'http2.ping.timeout' });
  const streams = http2.number('maxConcurrentStreams', { ours: 'http2.maxConcurrentStreams' });
  const [stream, connection] = ['initialStreamWindowSize', 'initialConnectionWindowSize'] as const;
  return compact({
    maxConcurrentStreams: within(http2, 'maxConcurrentStreams', { value: streams, ...STREAMS }),
    streamWindow: within(http2, stream, {
      value: quantity(http2, stream, { ours: 'http2.streamWindow' }),
      ...STREAM_WINDOW,
    }),
    connectionWindow: within(http2, connection, {
      value: quantity(http2, connection, { ours: 'http2.connectionWindow' }),
      ...CONNECTION_WINDOW,
    }),
    ...(interval === undefined ? {} : { ping: { interval, timeout } }),
  }) as Spec['http2'];
}

export function headBytes(headers: Fields | undefined): number | undefined {
  const name = 'maxRequestHeaderLimit';
  const value = headers && quantity(headers, name, { ours: 'headers.maxBytes' });
  return headers && within(headers, name, { value, ...HEAD_BYTES });
}

interface Bounded {
  value: number | undefined;
  least: number;
  most: number;
}

/** The nearest that ours takes, told. */
function within(fields: Fields, name: string, { value, least, most }: Bounded): number | undefined {
  if (value === undefined || (value >= least && value <= most)) return value;
  fields.refuse(name, `${least} to ${most} are served`);
  return Math.min(most, Math.max(least, value));
}

/** Flags for the limits of the data plane that users set; `docs/reference/limits.md` lists all limits. */
import { Option } from 'commander';
import type { ProxyOptions } from '../proxy/index.ts';
import { duration, usage } from './option.ts';

export interface LimitFlags {
  maxBodyBytes?: number;
  maxHeaderLines?: number;
  maxConnections?: number;
  maxListenerConnections?: number;
  maxBackendConnections?: number;
  maxPendingRequests?: number;
  headTimeout?: number;
  keepAliveTimeout?: number;
  streamIdleTimeout?: number;
}

// The defaults stand in the data plane, which is too much to load for --help; a test holds the two together.
export function limitOptions(): Option[] {
  return [
    new Option('--max-body-bytes <n>', 'largest body of a request, in bytes (413); 0: no limit (default: 0)').argParser(
      usage((text) => bytes(text)),
    ),
    new Option('--max-header-lines <n>', 'header lines of a request (431), 1024 at most (default: 128)').argParser(
      usage((text) => count(text, 1, 1024)),
    ),
    new Option(
      '--max-connections <n>',
      'connections of clients at a time in each worker, above which they are refused; 0: no limit (default: 65536)',
    ).argParser(usage((text) => count(text))),
    new Option(
      '--max-listener-connections <n>',
      'the same for the port of one listener (503 where it is HTTP); 0: no limit (default: 32768)',
    ).argParser(usage((text) => count(text))),
    new Option(
      '--max-backend-connections <n>',
      'connections of a worker to one endpoint of a backend (default: 1024)',
    ).argParser(usage((text) => count(text, 1))),
    new Option(
      '--max-pending-requests <n>',
      'requests of a worker that may wait for a connection to one endpoint (503) (default: 16384)',
    ).argParser(usage((text) => count(text))),
    new Option(
      '--head-timeout <duration>',
      'how long the head of a request may take from its first byte (408) (default: 15s)',
    ).argParser(usage((text) => timeout(text))),
    new Option(
      '--keep-alive-timeout <duration>',
      'how long a connection without a request is kept (default: 1m15s)',
    ).argParser(usage((text) => timeout(text))),
    new Option(
      '--stream-idle-timeout <duration>',
      'how long a request may go on without a byte either way (504) (default: 5m)',
    ).argParser(usage((text) => timeout(text))),
  ];
}

/** Only the limits that were given. */
export function limitsOf(flags: LimitFlags): NonNullable<ProxyOptions['limits']> {
  const { maxBodyBytes, maxHeaderLines, maxConnections, maxListenerConnections } = flags;
  const { maxBackendConnections, maxPendingRequests, headTimeout, keepAliveTimeout, streamIdleTimeout } = flags;
  return {
    ...(maxBodyBytes === undefined ? {} : { maxBodyBytes }),
    ...(maxHeaderLines === undefined ? {} : { maxHeaderLines }),
    ...(maxConnections === undefined ? {} : { maxConnections }),
    ...(maxListenerConnections === undefined ? {} : { maxListenerConnections }),
    ...(maxBackendConnections === undefined ? {} : { maxBackendConnections }),
    ...(maxPendingRequests === undefined ? {} : { maxPendingRequests }),
    ...(headTimeout === undefined ? {} : { headTimeout }),
    ...(keepAliveTimeout === undefined ? {} : { keepAliveTimeout }),
    ...(streamIdleTimeout === undefined ? {} : { streamIdleTimeout }),
  };
}

function bytes(text: string): number {
  return whole(text, 'a number of bytes, such as 10485760');
}

function count(text: string, least = 0, most = Number.MAX_SAFE_INTEGER): number {
  const number = whole(text, 'a number, such as 10000');
  if (number < least) throw new Error(`must be ${least} at least`);
  if (number > most) throw new Error(`must be ${most} at most`);
  return number;
}

function whole(text: string, what: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number)) throw new Error(`"${text}" is not ${what}`);
  return number;
}

function timeout(text: string): number {
  const milliseconds = duration(text);
  if (milliseconds === 0)
    throw new Error('must be longer than 0: without it one client could hold a connection for ever');
  return milliseconds;
}

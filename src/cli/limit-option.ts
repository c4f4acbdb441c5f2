/** Flags for the limits of the data plane that users set; `docs/reference/limits.md` lists all limits. */
import { Option } from 'commander';
import type { ProxyOptions } from '../proxy/index.ts';
import { duration } from './duration.ts';
import { usage } from './option.ts';

export interface LimitFlags {
  maxBodyBytes?: number;
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
  const { maxBodyBytes, headTimeout, keepAliveTimeout, streamIdleTimeout } = flags;
  return {
    ...(maxBodyBytes === undefined ? {} : { maxBodyBytes }),
    ...(headTimeout === undefined ? {} : { headTimeout }),
    ...(keepAliveTimeout === undefined ? {} : { keepAliveTimeout }),
    ...(streamIdleTimeout === undefined ? {} : { streamIdleTimeout }),
  };
}

function bytes(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count)) {
    throw new Error(`"${text}" is not a number of bytes, such as 10485760`);
  }
  return count;
}

function timeout(text: string): number {
  const milliseconds = duration(text);
  if (milliseconds === 0)
    throw new Error('must be longer than 0: without it one client could hold a connection for ever');
  return milliseconds;
}

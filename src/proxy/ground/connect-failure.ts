/** Why a connection could not be opened, by what the driver says of it. */
import type { Failure } from './codec.ts';

/** Failures of this machine that say nothing about the endpoint that was to be reached. */
const LOCAL: ReadonlySet<string> = new Set([
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'ENOBUFS',
  // No local port is left to connect from.
  'EADDRNOTAVAIL',
  'EADDRINUSE',
]);

export function isLocalFault(error: NodeJS.ErrnoException | undefined): boolean {
  return error?.code !== undefined && LOCAL.has(error.code);
}

/** Without an error: the other side has closed it. */
export function connectFailure(error: NodeJS.ErrnoException | undefined): Failure {
  if (error === undefined) return 'closed_early';
  if (isLocalFault(error)) return 'limit';
  if (error.code === 'ETIMEDOUT') return 'connect_timeout';
  return /TLS|SSL|CERT|SIGNED/i.test(error.code ?? '') ? 'tls_failed' : 'connect_refused';
}

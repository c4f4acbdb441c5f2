/** Failures of this machine that say nothing about the endpoint that was to be reached. */
const CODES: ReadonlySet<string> = new Set([
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'ENOBUFS',
  // No local port is left to connect from.
  'EADDRNOTAVAIL',
  'EADDRINUSE',
]);

export function isLocalFault(error: NodeJS.ErrnoException | undefined): boolean {
  return error?.code !== undefined && CODES.has(error.code);
}

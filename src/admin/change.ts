/** What the admin API changes, and how it is told from what a web page has a browser send. */
import type { IncomingMessage } from 'node:http';
import type { AdminParts } from './parts.ts';
import { readPurge } from './purge-request.ts';

/** Bytes of what is asked for. */
export const MAX_CHANGE_BYTES: number = 32 * 1024;

/** Throws for what cannot be meant. What came of it; undefined: it is not done here. */
type ChangeEndpoint = (parts: AdminParts, asked: unknown) => Promise<unknown>;

/** Each by POST, with JSON. */
export const CHANGES: ReadonlyMap<string, ChangeEndpoint> = new Map<string, ChangeEndpoint>([
  [
    '/cache/purge',
    async (parts, asked) => {
      const purge = readPurge(asked);
      return parts.purge?.(purge);
    },
  ],
]);

/**
 * A browser says where a request comes from, and asks before it sends JSON to another site, which is answered 405: whoever
 * is on the machine has a browser, too, and no page may use it for this.
 */
export function whyUnsafe({ headers }: IncomingMessage): { status: number; message: string } | undefined {
  const site = headers['sec-fetch-site'];
  if (headers.origin !== undefined || (site !== undefined && site !== 'none')) {
    return { status: 403, message: 'web pages may change nothing here' };
  }
  const [type = ''] = (headers['content-type'] ?? '').split(';');
  if (type.trim().toLowerCase() === 'application/json') return undefined;
  return { status: 415, message: 'say what is asked for as application/json' };
}

export async function readChange(request: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > MAX_CHANGE_BYTES) throw new Error(`more than ${MAX_CHANGE_BYTES} bytes`);
    pieces.push(piece);
  }
  return JSON.parse(Buffer.concat(pieces).toString('utf8'));
}

/** The trailer section of a chunked body: collected over reads, judged whole. */
import { ARENA } from '../../ground/arena.ts';
import { FIELD_CLAIMED, FIELD_STRIDE, HeadTable } from '../../ground/head.ts';
import { TRAILER } from '../../ground/region.ts';
import { clearOptions } from './connection-option.ts';
import { BARE_CR, BARE_LF, INCOMPLETE, TRAILER_FORBIDDEN, TRAILERS_TOO_LARGE } from './fault.ts';
import { scanFields } from './fields.ts';
import { CR, LF } from './octets.ts';

/** Most bytes of a trailer section with its empty line. */
export const MAX_TRAILER_BYTES: number = 8 * 1024;

/**
 * Fields that may not come after a body: those for framing, routing, authentication, request modifiers, response
 * control and content (RFC 9110 6.5.1), and those that the proxy writes itself.
 */
const FORBIDDEN: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'cache-control',
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'date',
  'expect',
  'expires',
  'forwarded',
  'host',
  'keep-alive',
  'location',
  'max-forwards',
  'pragma',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'range',
  'retry-after',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'vary',
  'via',
  'warning',
  'www-authenticate',
  'x-real-ip',
  'x-request-id',
]);

const scratch = new HeadTable();

export class TrailerSection {
  #bytes: Buffer | undefined;
  #length = 0;
  readonly #ofResponse: boolean;
  /** The lines, each with CRLF and without the empty one, as latin1; '' until `feed` has read the section's end. */
  lines = '';

  constructor(ofResponse: boolean) {
    this.#ofResponse = ofResponse;
  }

  reset(): void {
    this.#bytes = undefined;
    this.#length = 0;
    this.lines = '';
  }

  /** Returns the byte after the section, INCOMPLETE (all bytes are taken) or a fault. */
  feed(start: number, end: number): number {
    const bytes = (this.#bytes ??= Buffer.allocUnsafe(MAX_TRAILER_BYTES));
    for (let p = start; p < end; p++) {
      if (this.#length === MAX_TRAILER_BYTES) return TRAILERS_TOO_LARGE;
      const octet = ARENA[p]!;
      const length = this.#length++;
      bytes[length] = octet;
      const afterCr = length > 0 && bytes[length - 1] === CR;
      if (octet !== LF) {
        if (afterCr) return BARE_CR;
        continue;
      }
      if (!afterCr) return BARE_LF;
      if (length >= 3 && bytes[length - 2] === LF) {
        const fault = this.#settle(bytes);
        return fault < 0 ? fault : p + 1;
      }
    }
    return INCOMPLETE;
  }

  #settle(bytes: Buffer): number {
    const end = TRAILER.load(bytes, 0, this.#length);
    ARENA[end] = 0;
    scratch.reset(TRAILER.start);
    scratch.status = this.#ofResponse ? 200 : 0;
    clearOptions();
    const outcome = scanFields(TRAILER.start, end, scratch);
    if (outcome !== end) return outcome < 0 ? outcome : BARE_CR;
    for (let i = 0; i < scratch.count; i++) {
      const at = i * FIELD_STRIDE;
      const name = ARENA.latin1Slice(scratch.fields[at]!, scratch.fields[at + 1]!).toLowerCase();
      const forbidden = FORBIDDEN.has(name) || name.startsWith('x-forwarded-') || scratch.drop[i] === FIELD_CLAIMED;
      if (forbidden) return TRAILER_FORBIDDEN;
    }
    this.#bytes = undefined;
    this.lines = ARENA.latin1Slice(TRAILER.start, end - 2);
    return 0;
  }
}

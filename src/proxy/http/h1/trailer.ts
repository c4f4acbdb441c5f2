/** The trailer section of a chunked body: collected over reads, judged whole. */
import { ARENA } from '../../ground/arena.ts';
import { FIELD_KEPT, FIELD_STRIDE, HeadTable } from '../../ground/head.ts';
import { TRAILER } from '../../ground/region.ts';
import { clearOptions } from './connection-option.ts';
import { BARE_CR, BARE_LF, INCOMPLETE, TRAILER_FORBIDDEN, TRAILERS_TOO_LARGE } from './fault.ts';
import { scanFields } from './fields.ts';
import { CR, LF } from './octets.ts';
import { belongsToHead } from './trailer-field.ts';

/** Most bytes of a trailer section with its empty line. */
export const MAX_TRAILER_BYTES: number = 8 * 1024;

const scratch = new HeadTable();

export class TrailerSection {
  #bytes: Buffer | undefined;
  #length = 0;
  /**
   * A backend's line that has no place behind a body is left out, as RFC 9110 6.5.1 has it: the body is whole, and nobody takes
   * the line for one of the head. A client's is refused: somebody behind us may.
   */
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
    let lines = '';
    for (let i = 0; i < scratch.count; i++) {
      const at = i * FIELD_STRIDE;
      const next = i + 1 < scratch.count ? scratch.fields[at + FIELD_STRIDE]! : end - 2;
      if (scratch.drop[i] === FIELD_KEPT && !belongsToHead(scratch.fields[at]!, scratch.fields[at + 1]!)) {
        lines += ARENA.latin1Slice(scratch.fields[at]!, next);
      } else if (!this.#ofResponse) {
        return TRAILER_FORBIDDEN;
      }
    }
    this.#bytes = undefined;
    this.lines = lines;
    return 0;
  }
}

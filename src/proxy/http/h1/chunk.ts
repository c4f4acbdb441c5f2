/** The chunked coding, taken off: a state machine over bytes in ARENA that goes on where the last read ended. */
import { ARENA } from '../../ground/arena.ts';
import {
  BARE_CR,
  BARE_LF,
  CHUNK_END_MISSING,
  CHUNK_EXTENSION_INVALID,
  CHUNK_EXTENSION_TOO_LONG,
  CHUNK_SIZE_INVALID,
  CHUNK_SIZE_TOO_LARGE,
} from './fault.ts';
import { BACKSLASH, CR, EQUALS, HEX, HTAB, LF, NOT_HEX, QUOTE, SEMICOLON, SP, TOKEN, VALUE } from './octets.ts';
import { TrailerSection } from './trailer.ts';

/** Most hexadecimal digits of a chunk size, leading zeros counted: sizes stay exact numbers. */
export const MAX_CHUNK_SIZE_DIGITS = 12;
/** Most bytes of all chunk extensions of one body. Extensions are checked and left out. */
export const MAX_CHUNK_EXTENSION_BYTES: number = 16 * 1024;

export interface ChunkSink {
  /** Bytes of the body, in ARENA. */
  onData(start: number, end: number): void;
}

const SIZE = 0;
const SIZE_LF = 1;
const DATA = 2;
const DATA_CR = 3;
const DATA_LF = 4;
/** After the last chunk's line: a CR ends the body, anything else begins a trailer line. */
const TRAILERS_OR_END = 5;
const END_LF = 6;
const TRAILERS = 7;
const DONE = 8;
/** From here on: within a chunk extension. */
const EXTENSION_NAME_FIRST = 9;
const EXTENSION_NAME = 10;
const EXTENSION_VALUE_FIRST = 11;
const EXTENSION_TOKEN = 12;
const EXTENSION_QUOTED = 13;
const EXTENSION_QUOTED_PAIR = 14;
const EXTENSION_QUOTED_END = 15;
/** White space that comes before a ';' (RFC 9112 7.1.1); before anything else it is refused. */
const EXTENSION_SPACE = 16;

const LAST_CHUNK = '0\r\n';

/** ARENA[start,end) seems to hold the end of a chunked body, with or without trailers. Only the decoder knows for sure. */
export function holdsLastChunk(start: number, end: number): boolean {
  const bytes = ARENA.subarray(start, end);
  // Of fewer bytes none is whole, and no slice of three can be made.
  if (bytes.length < LAST_CHUNK.length) return false;
  const first = bytes.latin1Slice(0, LAST_CHUNK.length) === LAST_CHUNK;
  const last = first ? 0 : bytes.indexOf('\r\n0\r\n', 0, 'latin1');
  // After the line of the last chunk comes an empty one, behind the trailers where there are some.
  return last !== -1 && bytes.includes('\r\n\r\n', last + 1, 'latin1');
}

export class ChunkDecoder {
  #state = SIZE;
  /** Of the chunk size being read. */
  #digits = 0;
  /** The chunk size being read, then what is left of its data. */
  #left = 0;
  #extensionBytes = 0;
  readonly #trailers: TrailerSection;

  constructor({ ofResponse = false }: { ofResponse?: boolean } = {}) {
    this.#trailers = new TrailerSection(ofResponse);
  }

  /** For the next body. */
  reset(): void {
    this.#state = SIZE;
    this.#digits = 0;
    this.#left = 0;
    this.#extensionBytes = 0;
    this.#trailers.reset();
  }

  /** The body and its trailer section were read whole. */
  get done(): boolean {
    return this.#state === DONE;
  }

  /** Trailer lines, each with CRLF, as latin1; '' where there are none. */
  get trailers(): string {
    return this.#trailers.lines;
  }

  /**
   * Decodes ARENA[start,end). Returns the number of bytes that belong to the body: all of them unless it is `done`.
   * Below zero: a fault, after which the decoder is of no use until `reset`.
   */
  feed(start: number, end: number, sink: ChunkSink): number {
    let p = start;
    while (p < end && this.#state !== DONE) {
      if (this.#state === DATA) {
        const stop = Math.min(end, p + this.#left);
        this.#left -= stop - p;
        if (this.#left === 0) this.#state = DATA_CR;
        sink.onData(p, stop);
        p = stop;
      } else if (this.#state === TRAILERS) {
        const next = this.#trailers.feed(p, end);
        if (next < 0) return next;
        if (next > 0) this.#state = DONE;
        p = next > 0 ? next : end;
      } else {
        const octet = ARENA[p]!;
        const fault = this.#state >= EXTENSION_NAME_FIRST ? this.#extension(octet) : this.#line(octet);
        if (fault < 0) return fault;
        // The first octet of a trailer line is read again, by the section.
        if (this.#state !== TRAILERS) p++;
      }
    }
    return p - start;
  }

  /** One octet of the lines between data. Returns 0 or a fault. */
  #line(octet: number): number {
    switch (this.#state) {
      case SIZE:
        return this.#size(octet);
      case SIZE_LF:
        if (octet !== LF) return BARE_CR;
        this.#state = this.#left === 0 ? TRAILERS_OR_END : DATA;
        return 0;
      case DATA_CR:
        if (octet !== CR) return CHUNK_END_MISSING;
        this.#state = DATA_LF;
        return 0;
      case DATA_LF:
        if (octet !== LF) return CHUNK_END_MISSING;
        this.#digits = 0;
        this.#state = SIZE;
        return 0;
      case TRAILERS_OR_END:
        this.#state = octet === CR ? END_LF : TRAILERS;
        return 0;
      default:
        if (octet !== LF) return BARE_CR;
        this.#state = DONE;
        return 0;
    }
  }

  #size(octet: number): number {
    const digit = HEX[octet]!;
    if (digit !== NOT_HEX) {
      if (this.#digits === MAX_CHUNK_SIZE_DIGITS) return CHUNK_SIZE_TOO_LARGE;
      this.#digits++;
      this.#left = this.#left * 16 + digit;
      return 0;
    }
    if (this.#digits === 0) return CHUNK_SIZE_INVALID;
    if (octet === CR) this.#state = SIZE_LF;
    else if (octet === SEMICOLON) this.#state = EXTENSION_NAME_FIRST;
    else if (octet === SP || octet === HTAB) this.#state = EXTENSION_SPACE;
    else return octet === LF ? BARE_LF : CHUNK_SIZE_INVALID;
    return 0;
  }

  /** One octet of `;name=value` or `;name="value"`, of the white space that the grammar calls bad only that before the ';'. */
  #extension(octet: number): number {
    if (++this.#extensionBytes > MAX_CHUNK_EXTENSION_BYTES) return CHUNK_EXTENSION_TOO_LONG;
    const next = nextInExtension(this.#state, octet);
    if (next < 0) return octet === LF ? BARE_LF : next;
    this.#state = next;
    return 0;
  }
}

/** State after `octet`, or CHUNK_EXTENSION_INVALID. */
function nextInExtension(state: number, octet: number): number {
  const isToken = TOKEN[octet] !== 0;
  switch (state) {
    case EXTENSION_NAME_FIRST:
      return isToken ? EXTENSION_NAME : CHUNK_EXTENSION_INVALID;
    case EXTENSION_NAME:
      if (isToken) return EXTENSION_NAME;
      return octet === EQUALS ? EXTENSION_VALUE_FIRST : afterExtension(octet);
    case EXTENSION_VALUE_FIRST:
      if (isToken) return EXTENSION_TOKEN;
      return octet === QUOTE ? EXTENSION_QUOTED : CHUNK_EXTENSION_INVALID;
    case EXTENSION_TOKEN:
      return isToken ? EXTENSION_TOKEN : afterExtension(octet);
    case EXTENSION_QUOTED:
      if (octet === QUOTE) return EXTENSION_QUOTED_END;
      if (octet === BACKSLASH) return EXTENSION_QUOTED_PAIR;
      return VALUE[octet] !== 0 ? EXTENSION_QUOTED : CHUNK_EXTENSION_INVALID;
    case EXTENSION_QUOTED_PAIR:
      return VALUE[octet] !== 0 ? EXTENSION_QUOTED : CHUNK_EXTENSION_INVALID;
    case EXTENSION_SPACE:
      if (octet === SEMICOLON) return EXTENSION_NAME_FIRST;
      return octet === SP || octet === HTAB ? EXTENSION_SPACE : CHUNK_EXTENSION_INVALID;
    default:
      return afterExtension(octet);
  }
}

function afterExtension(octet: number): number {
  if (octet === SEMICOLON) return EXTENSION_NAME_FIRST;
  if (octet === SP || octet === HTAB) return EXTENSION_SPACE;
  return octet === CR ? SIZE_LF : CHUNK_EXTENSION_INVALID;
}

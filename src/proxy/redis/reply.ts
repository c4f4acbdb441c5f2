/** What a Redis server says, read strictly: what is no RESP, or is larger than anything that is asked for, ends the connection. */
import { ARENA } from '../ground/arena.ts';

export type Reply = string | number | null | RefusedCall | Reply[];

/** The server's own `-CODE message`. */
export class RefusedCall {
  readonly code: string;
  readonly rest: string;

  constructor(line: string) {
    const space = line.indexOf(' ');
    this.code = space < 0 ? line : line.slice(0, space);
    this.rest = space < 0 ? '' : line.slice(space + 1);
  }
}

/** Bytes of one reply: the slots of a cluster of hundreds of nodes fit, and nothing else that is asked for is as long. */
export const MAX_REPLY_BYTES: number = 1024 * 1024;
/** Arrays within arrays. */
const MAX_DEPTH = 8;
/** Items of one array. */
const MAX_ITEMS = 65_536;

const CR = 13;
const LF = 10;

/** It is not all there yet. */
const MORE: unique symbol = Symbol('more');

export class ReplyReader {
  #rest: Buffer | null = null;
  #bytes: Buffer = ARENA;
  #at = 0;

  /** All replies that ARENA[start,end) completes. Throws a RangeError for what is none. */
  take(start: number, end: number): Reply[] {
    const fresh = ARENA.subarray(start, end);
    this.#bytes = this.#rest === null ? fresh : Buffer.concat([this.#rest, fresh]);
    this.#at = 0;
    const replies: Reply[] = [];
    let from = 0;
    for (;;) {
      const reply = this.#reply(0);
      if (reply === MORE) break;
      replies.push(reply);
      from = this.#at;
    }
    const left = this.#bytes.length - from;
    if (left > MAX_REPLY_BYTES) throw new RangeError('a reply is too long');
    this.#rest = left === 0 ? null : Buffer.from(this.#bytes.subarray(from));
    this.#bytes = ARENA;
    return replies;
  }

  #reply(depth: number): Reply | typeof MORE {
    const type = this.#bytes[this.#at];
    const line = this.#line();
    if (line === undefined || type === undefined) return MORE;
    switch (type) {
      case 0x2b: // +
        return line;
      case 0x2d: // -
        return new RefusedCall(line);
      case 0x3a: // :
        return numberOf(line, Number.MIN_SAFE_INTEGER);
      case 0x24: // $
        return this.#bulk(numberOf(line, -1));
      case 0x2a: // *
        return this.#array(numberOf(line, -1), depth);
      default:
        throw new RangeError('what came is no reply');
    }
  }

  /** Of the reply at the cursor, without its first byte; the cursor is behind it then. */
  #line(): string | undefined {
    const end = this.#bytes.indexOf(LF, this.#at);
    if (end < 0) return undefined;
    if (this.#bytes[end - 1] !== CR || end - 1 <= this.#at) throw new RangeError('a line ends in the middle');
    const line = this.#bytes.latin1Slice(this.#at + 1, end - 1);
    this.#at = end + 1;
    return line;
  }

  #bulk(length: number): string | null | typeof MORE {
    if (length === -1) return null;
    if (length > MAX_REPLY_BYTES) throw new RangeError('a reply is too long');
    const end = this.#at + length;
    if (this.#bytes.length < end + 2) return MORE;
    if (this.#bytes[end] !== CR || this.#bytes[end + 1] !== LF) throw new RangeError('a text has another length');
    const text = this.#bytes.toString('utf8', this.#at, end);
    this.#at = end + 2;
    return text;
  }

  #array(length: number, depth: number): Reply[] | null | typeof MORE {
    if (length === -1) return null;
    if (length > MAX_ITEMS || depth >= MAX_DEPTH) throw new RangeError('a reply is too long');
    const items: Reply[] = [];
    for (let i = 0; i < length; i++) {
      const item = this.#reply(depth + 1);
      if (item === MORE) return MORE;
      items.push(item);
    }
    return items;
  }
}

function numberOf(line: string, least: number): number {
  const number = /^-?\d{1,16}$/.test(line) ? Number(line) : Number.NaN;
  if (!Number.isSafeInteger(number) || number < least) throw new RangeError('a number is none');
  return number;
}

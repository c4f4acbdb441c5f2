/**
 * The only way to compose text in ARENA: a cursor writes up to its limit and not beyond it. A text that does not fit
 * whole is none: what follows it is dropped, and `finish` says so. So nothing runs over into another region, and
 * nothing is sent that was cut.
 */
import { strict as assert } from 'node:assert';
import { ARENA } from './arena.ts';

declare const finished: unique symbol;

/** What a cursor wrote and what fitted: ARENA[start,end). Only `finish` makes one, and it is the cursor itself. */
export interface Composed {
  readonly start: number;
  readonly end: number;
  readonly [finished]: true;
}

// A local name is folded into the code, an imported binding is read from a cell at every use.
const bytes = ARENA;
/** The two digits of each byte, the first in the low half. */
const HEX = Uint16Array.from({ length: 256 }, (_, byte) =>
  Buffer.from(byte.toString(16).padStart(2, '0')).readUInt16LE(),
);
/** Up to this many bytes a loop beats the built-in ways. */
const SHORT_TEXT = 16;
const SHORT_COPY = 20;
/** A limit that nothing fits. */
const FULL = -1;

export class Cursor {
  /** Where the text begins, and the byte after what is written of it. */
  start: number;
  end: number;
  readonly #regionStart: number;
  readonly #regionEnd: number;
  #limit: number;

  constructor(regionStart: number, regionEnd: number) {
    this.#regionStart = this.start = this.end = regionStart;
    this.#regionEnd = this.#limit = regionEnd;
  }

  /** Begins a text, at the region's start or behind what is kept there. */
  begin(at: number = this.#regionStart): this {
    return this.within(at, this.#regionEnd);
  }

  /** Begins a text that has exactly the place ARENA[at,limit). */
  within(at: number, limit: number): this {
    if (at < this.#regionStart || limit > this.#regionEnd) assert.fail('a text has its place within its region');
    this.start = this.end = at;
    this.#limit = limit;
    return this;
  }

  /** Leaves `count` more bytes free behind the text, for `useSpare`. */
  leave(count: number): void {
    if (this.#limit !== FULL) this.#limit -= count;
  }

  /** From now on all of the region may be used. */
  useSpare(): void {
    if (this.#limit !== FULL) this.#limit = this.#regionEnd;
  }

  /** Bytes that the region still has. */
  get room(): number {
    return this.#regionEnd - this.end;
  }

  /** The text, or null where it did not fit: then nothing of it is left, and another may begin in its place. */
  finish(): Composed | null {
    if (this.#limit !== FULL) return this as unknown as Composed;
    this.begin(this.start);
    return null;
  }

  /** Latin-1. */
  text(text: string): void {
    const { length } = text;
    const at = this.end;
    if (at + length > this.#limit) {
      this.#limit = FULL;
      return;
    }
    if (length > SHORT_TEXT) bytes.latin1Write(text, at, length);
    else for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i);
    this.end = at + length;
  }

  /** A copy of ARENA[start,end), which is not where the cursor is. */
  bytes(start: number, end: number): void {
    const length = end - start;
    const at = this.end;
    if (at + length > this.#limit) {
      this.#limit = FULL;
      return;
    }
    if (length > SHORT_COPY) bytes.copyWithin(at, start, end);
    else for (let i = 0; i < length; i++) bytes[at + i] = bytes[start + i]!;
    this.end = at + length;
  }

  byte(octet: number): void {
    if (this.end + 1 > this.#limit) this.#limit = FULL;
    else bytes[this.end++] = octet;
  }

  /** A 32-bit number as eight hexadecimal digits. */
  hex(number: number): void {
    const at = this.end;
    if (at + 8 > this.#limit) {
      this.#limit = FULL;
      return;
    }
    for (let i = 0; i < 4; i++) {
      const digits = HEX[(number >>> (24 - i * 8)) & 255]!;
      bytes[at + 2 * i] = digits;
      bytes[at + 2 * i + 1] = digits >>> 8;
    }
    this.end = at + 8;
  }
}

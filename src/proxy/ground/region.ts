/** Regions of ARENA that kept or made bytes are put into whole, a piece at a time where they are longer. */
import { strict as assert } from 'node:assert';
import {
  ARENA,
  BLOCK_END,
  BLOCK_START,
  HELD_END,
  HELD_START,
  JOIN_END,
  JOIN_START,
  KEPT_END,
  KEPT_START,
  MADE_END,
  MADE_START,
  TRAILER_END,
  TRAILER_LINES_END,
  TRAILER_LINES_START,
  TRAILER_START,
} from './arena.ts';

export class Region {
  readonly start: number;
  readonly end: number;
  readonly size: number;

  constructor(start: number, end: number) {
    this.start = start;
    this.end = end;
    this.size = end - start;
  }

  /** Copies source[from,to), which must fit, to the start of the region; answers the end there. */
  load(source: Buffer, from = 0, to: number = source.length): number {
    if (to - from > this.size) assert.fail('what is loaded fits its region');
    return this.start + source.copy(ARENA, this.start, from, to);
  }

  /** The same for latin-1 text. */
  loadText(text: string): number {
    if (text.length > this.size) assert.fail('what is loaded fits its region');
    return text === '' ? this.start : this.start + ARENA.latin1Write(text, this.start);
  }

  /** Hands `source` to `receiver`, a piece at a time; answers what the last call answered. */
  pass(source: Buffer, receiver: { sendBody(start: number, end: number): boolean }): boolean {
    let flowing = true;
    for (let at = 0; at < source.length; at += this.size) {
      flowing = receiver.sendBody(this.start, this.load(source, at, Math.min(source.length, at + this.size)));
    }
    return flowing;
  }
}

export const JOIN: Region = new Region(JOIN_START, JOIN_END);
export const BLOCK: Region = new Region(BLOCK_START, BLOCK_END);
export const HELD: Region = new Region(HELD_START, HELD_END);
export const KEPT: Region = new Region(KEPT_START, KEPT_END);
export const MADE: Region = new Region(MADE_START, MADE_END);
export const TRAILER: Region = new Region(TRAILER_START, TRAILER_END);
export const TRAILER_LINES: Region = new Region(TRAILER_LINES_START, TRAILER_LINES_END);

/** Moves ARENA[start,end) by `bytes` towards `limit`, which it must not pass. */
export function shift(start: number, end: number, by: { bytes: number; limit: number }): void {
  if (end + by.bytes > by.limit) assert.fail('what is moved stays in its region');
  ARENA.copyWithin(start + by.bytes, start, end);
}

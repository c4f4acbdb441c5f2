/**
 * Bytes that a connection must keep between reads: a head that is not complete, or requests that wait their turn.
 * They are read again through ARENA's JOIN region, a window at a time, so that a long backlog is not copied again
 * for each request in it.
 */
import { ARENA } from '../../ground/arena.ts';
import { JOIN } from '../../ground/region.ts';

const FIRST_CAPACITY = 1024;

export class KeptBytes {
  #buffer: Buffer | null = null;
  #start = 0;
  #end = 0;

  get size(): number {
    return this.#end - this.#start;
  }

  /** Keeps ARENA[start,end) alone; what was kept before is replaced. */
  keep(start: number, end: number): void {
    this.#start = 0;
    this.#end = 0;
    this.append(start, end);
  }

  append(start: number, end: number): void {
    const size = end - start;
    if (this.#buffer === null || this.#end + size > this.#buffer.length) this.#grow(size);
    ARENA.copy(this.#buffer!, this.#end, start, end);
    this.#end += size;
  }

  /** Copies up to `limit` bytes to JOIN without taking them; answers the end there. */
  window(limit: number): number {
    const size = Math.min(this.size, limit, JOIN.size);
    return this.#buffer === null ? JOIN.start : JOIN.load(this.#buffer, this.#start, this.#start + size);
  }

  /** Takes `bytes` off the front. */
  consume(bytes: number): void {
    this.#start += bytes;
    if (this.#start >= this.#end) this.clear();
  }

  /** Lets go of everything, so that an idle connection holds no buffer. */
  clear(): void {
    this.#buffer = null;
    this.#start = 0;
    this.#end = 0;
  }

  #grow(size: number): void {
    const kept = this.size;
    const buffer = Buffer.allocUnsafe(Math.max(FIRST_CAPACITY, (kept + size) * 2));
    this.#buffer?.copy(buffer, 0, this.#start, this.#end);
    this.#buffer = buffer;
    this.#start = 0;
    this.#end = kept;
  }
}

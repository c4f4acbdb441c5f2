/** A header block that came in several frames, put together. */
import { ARENA, COMPOSE_START } from '../arena.ts';
import { MAX_BLOCK_BYTES } from './decoder.ts';

/** CONTINUATION frames of one block. At 16 KiB each, four are enough for the largest block allowed. */
export const MAX_CONTINUATIONS = 16;

export class HeaderBlock {
  /** Stream whose block is under way, or 0. */
  streamId = 0;
  /** END_STREAM of the HEADERS frame. */
  endStream = false;
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;
  #frames = 0;

  begin(streamId: number, endStream: boolean): void {
    this.streamId = streamId;
    this.endStream = endStream;
    this.#length = this.#frames = 0;
  }

  /** False: too many frames or bytes. */
  add(start: number, end: number): boolean {
    const size = end - start;
    if (++this.#frames > MAX_CONTINUATIONS + 1 || this.#length + size > MAX_BLOCK_BYTES) return false;
    if (this.#length + size > this.#bytes.length) {
      const roomier = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#length + size));
      this.#bytes.copy(roomier, 0, 0, this.#length);
      this.#bytes = roomier;
    }
    ARENA.copy(this.#bytes, this.#length, start, end);
    this.#length += size;
    return true;
  }

  /** Moves the whole block to COMPOSE, which nobody uses before it is decoded; answers its end there. */
  join(): number {
    this.streamId = 0;
    const end = COMPOSE_START + this.#bytes.copy(ARENA, COMPOSE_START, 0, this.#length);
    this.#bytes = Buffer.alloc(0);
    return end;
  }
}

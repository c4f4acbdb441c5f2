/** Pieces of a body kept for who is not ready for them: a backend that is slow or may be asked again, a filter that waits. */
import { ARENA } from '../ground/arena.ts';
import type { Upstream } from '../ground/codec.ts';
import { KEPT } from '../ground/region.ts';

export class KeptBody {
  readonly #pieces: Buffer[] = [];
  bytes = 0;

  get empty(): boolean {
    return this.#pieces.length === 0;
  }

  /** Keeps a copy of ARENA[start,end). */
  add(start: number, end: number): void {
    this.keep(Buffer.from(ARENA.subarray(start, end)));
  }

  /** The same for bytes that are its own from now on. */
  keep(piece: Buffer): void {
    this.#pieces.push(piece);
    this.bytes += piece.length;
  }

  clear(): void {
    this.#pieces.length = 0;
    this.bytes = 0;
  }

  /** Calls back for each piece, put into ARENA. */
  each(call: (start: number, end: number) => void): void {
    const receiver = {
      sendBody: (start: number, end: number) => {
        call(start, end);
        return true;
      },
    };
    for (const piece of this.#pieces) KEPT.pass(piece, receiver);
  }

  /** The first `limit` bytes. */
  first(limit: number): Buffer {
    return Buffer.concat(this.#pieces).subarray(0, limit);
  }

  /** Sends every piece and keeps them; false: the last one went above the mark. */
  sendAll(up: Upstream): boolean {
    let flowing = true;
    for (const piece of this.#pieces) flowing = KEPT.pass(piece, up);
    return flowing;
  }

  /** Sends pieces while `up` takes them and lets go of them; false: it stopped taking. */
  drainTo(up: Upstream): boolean {
    while (this.#pieces.length > 0) {
      const piece = this.#pieces.shift()!;
      this.bytes -= piece.length;
      if (!KEPT.pass(piece, up)) return false;
    }
    return true;
  }
}

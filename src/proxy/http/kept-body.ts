/** Pieces of a request's body kept for a backend that is not connected, is slow, or may have to be asked again. */
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
    this.#pieces.push(Buffer.from(ARENA.subarray(start, end)));
    this.bytes += end - start;
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

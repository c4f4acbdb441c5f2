/** Pieces of a request's body kept for a backend that is not connected, is slow, or may have to be asked again. */
import { ARENA, COMPOSE_START } from '../ground/arena.ts';
import type { Upstream } from '../ground/codec.ts';

export class KeptBody {
  readonly #pieces: Buffer[] = [];
  bytes = 0;

  get empty(): boolean {
    return this.#pieces.length === 0;
  }

  /** Keeps a copy of ARENA[start,end), which is at most as long as the JOIN region. */
  add(start: number, end: number): void {
    this.#pieces.push(Buffer.from(ARENA.subarray(start, end)));
    this.bytes += end - start;
  }

  /** Sends every piece and keeps them; false: the last one went above the mark. */
  sendAll(up: Upstream): boolean {
    let flowing = true;
    for (const piece of this.#pieces) flowing = sendPiece(up, piece);
    return flowing;
  }

  /** Sends pieces while `up` takes them and lets go of them; false: it stopped taking. */
  drainTo(up: Upstream): boolean {
    while (this.#pieces.length > 0) {
      const piece = this.#pieces.shift()!;
      this.bytes -= piece.length;
      if (!sendPiece(up, piece)) return false;
    }
    return true;
  }
}

function sendPiece(up: Upstream, piece: Buffer): boolean {
  return up.sendBody(COMPOSE_START, COMPOSE_START + piece.copy(ARENA, COMPOSE_START));
}

/**
 * Deltas on a channel. A delta goes in pieces, the next one when the last was taken, so that its reader serves traffic
 * between two pieces however large the delta is.
 */
import { type ConfigObject, type ConfigRef, type Delta, refKey } from '../config/index.ts';

export interface Piece {
  version: number;
  upserts: ConfigObject[];
  removals: ConfigRef[];
  /** With this piece the delta is whole. */
  last: boolean;
}

/** Bytes of JSON in a piece, where it is ASCII; a larger object is a piece of its own. It is read in about the time of a request. */
export const PIECE_SIZE = 16 * 1024;

export function* piecesOf({ version, upserts, removals }: Delta): Generator<Piece, void> {
  let piece: Piece = { version, upserts: [], removals: [], last: false };
  let size = 0;
  const begin = (more: number): Piece | undefined => {
    size += more;
    if (size === more || size <= PIECE_SIZE) return undefined;
    const full = piece;
    piece = { version, upserts: [], removals: [], last: false };
    size = more;
    return full;
  };
  for (const ref of removals) {
    const full = begin(JSON.stringify(ref).length);
    if (full) yield full;
    piece.removals.push(ref);
  }
  for (const object of upserts) {
    const full = begin(JSON.stringify(object).length);
    if (full) yield full;
    piece.upserts.push(object);
  }
  yield { ...piece, last: true };
}

/** Steps as one: of an object that several name, the last has the word. Adding one costs what it holds, not what waits. */
export class Merge {
  #version = 0;
  readonly #upserts = new Map<string, ConfigObject>();
  readonly #removals = new Map<string, ConfigRef>();

  add({ version, upserts, removals }: Delta): void {
    this.#version = version;
    for (const ref of removals) {
      this.#upserts.delete(refKey(ref));
      this.#removals.set(refKey(ref), ref);
    }
    for (const object of upserts) {
      const at = refKey(object);
      this.#removals.delete(at);
      // Deleted first, so that it stands where it was sent last.
      this.#upserts.delete(at);
      this.#upserts.set(at, object);
    }
  }

  get delta(): Delta {
    return { version: this.#version, upserts: [...this.#upserts.values()], removals: [...this.#removals.values()] };
  }
}

export function merged(...steps: Delta[]): Delta {
  const merge = new Merge();
  for (const step of steps) merge.add(step);
  return merge.delta;
}

/** What one reader is still to be sent: a piece at a time, and steps that wait for their turn as one. */
export class Outbox {
  readonly #send: (piece: Piece) => void;
  #waiting: Merge | undefined;
  #pieces: Iterator<Piece, void> | undefined;

  constructor(send: (piece: Piece) => void) {
    this.#send = send;
  }

  /** The reader has taken everything. */
  get isEmpty(): boolean {
    return this.#pieces === undefined;
  }

  add(delta: Delta): void {
    // Alone it goes as it is.
    if (!this.#pieces) return this.#begin(delta);
    this.#waiting ??= new Merge();
    this.#waiting.add(delta);
  }

  /** The reader has taken the last piece. */
  taken(): void {
    const piece = this.#pieces?.next().value ?? undefined;
    if (piece) return this.#send(piece);
    this.#pieces = undefined;
    const delta = this.#waiting?.delta;
    this.#waiting = undefined;
    if (delta) this.#begin(delta);
  }

  #begin(delta: Delta): void {
    this.#pieces = piecesOf(delta);
    this.#send(this.#pieces.next().value!);
  }
}

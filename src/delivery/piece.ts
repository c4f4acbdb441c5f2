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

/** Two steps as one: of an object that both name, the second has the word. */
export function merged(first: Delta, second: Delta): Delta {
  const upserts = new Map(first.upserts.map((object) => [refKey(object), object]));
  const removals = new Map(first.removals.map((ref) => [refKey(ref), ref]));
  for (const ref of second.removals) {
    upserts.delete(refKey(ref));
    removals.set(refKey(ref), ref);
  }
  for (const object of second.upserts) {
    removals.delete(refKey(object));
    // Deleted first, so that it stands where it was sent last.
    upserts.delete(refKey(object));
    upserts.set(refKey(object), object);
  }
  return { version: second.version, upserts: [...upserts.values()], removals: [...removals.values()] };
}

/** What one reader is still to be sent: a piece at a time, and steps that wait for their turn as one. */
export class Outbox {
  readonly #send: (piece: Piece) => void;
  #waiting: Delta | undefined;
  #pieces: Iterator<Piece, void> | undefined;

  constructor(send: (piece: Piece) => void) {
    this.#send = send;
  }

  add(delta: Delta): void {
    this.#waiting = this.#waiting ? merged(this.#waiting, delta) : delta;
    if (!this.#pieces) this.#next();
  }

  /** The reader has taken the last piece. */
  taken(): void {
    this.#next();
  }

  #next(): void {
    let piece = this.#pieces?.next().value ?? undefined;
    if (piece === undefined) {
      this.#pieces = this.#waiting ? piecesOf(this.#waiting) : undefined;
      this.#waiting = undefined;
      piece = this.#pieces?.next().value ?? undefined;
    }
    if (piece) this.#send(piece);
  }
}

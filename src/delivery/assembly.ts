/** Pieces back to deltas. Objects are checked as they come, so that the last piece costs no more than the others. */
import { type Delta, readDelta } from '../config/index.ts';
import type { Piece } from './piece.ts';
import type { Rejection } from './rejections.ts';

/** A delta as it is to be applied, and what was set aside of it. */
export interface Received {
  delta: Delta;
  refused: Rejection[];
}

export class Assembly {
  #received: Received | undefined;

  /** The delta, with its last piece. Throws a TypeError for what is no piece of one. */
  take({ version, upserts, removals, last }: Piece): Received | undefined {
    const { delta, refused } = readDelta({ version, upserts, removals });
    this.#received ??= { delta: { version, upserts: [], removals: [] }, refused: [] };
    const received = this.#received;
    received.delta.upserts.push(...delta.upserts);
    received.delta.removals.push(...delta.removals);
    for (const object of refused) received.refused.push({ ...object, code: 'DMN_CONFIG_INVALID' });
    if (!last) return undefined;
    this.#received = undefined;
    return received;
  }
}

/**
 * What one proxy serves in another form than it was told. An acknowledgement speaks of its own delta only, but an
 * object that was rejected stays so until a new form of it comes.
 */
import { type Ack, type ConfigRef, type Delta, refKey } from '../config/index.ts';

export type Rejection = Ack['rejected'][number];

export class Rejections {
  readonly #held = new Map<string, Rejection>();

  /** A new form, or the end, of these objects: what was said of the old one is void. */
  replaced({ upserts, removals }: Delta): void {
    if (this.#held.size === 0) return;
    for (const ref of [...upserts, ...removals] as ConfigRef[]) this.#held.delete(refKey(ref));
  }

  /** The acknowledgement with all that is rejected, `refused` before the proxy saw it included. */
  complete(ack: Ack, refused: ReadonlyArray<Rejection> = []): Ack {
    for (const rejection of [...ack.rejected, ...refused]) this.#held.set(refKey(rejection), rejection);
    return { ...ack, rejected: [...this.#held.values()] };
  }
}

/**
 * What one proxy serves in another form than it was told. An acknowledgement speaks of its own delta only, but an
 * object that was rejected stays so until a new form of it comes.
 */
import type { Ack, ConfigKind, Delta } from '../config/index.ts';

export type Rejection = Ack['rejected'][number];

export class Rejections {
  /** By kind and key: a name made of both for each object of a large delta would hold up the thread that serves. */
  readonly #held = new Map<ConfigKind, Map<string, Rejection>>();

  /** A new form, or the end, of these objects: what was said of the old one is void. */
  replaced({ upserts, removals }: Delta): void {
    if (this.#held.size === 0) return;
    for (const { kind, key } of upserts) this.#held.get(kind)?.delete(key);
    for (const { kind, key } of removals) this.#held.get(kind)?.delete(key);
  }

  /** The acknowledgement with all that is rejected, `refused` before the proxy saw it included. */
  complete(ack: Ack, refused: ReadonlyArray<Rejection> = []): Ack {
    for (const rejection of [...ack.rejected, ...refused]) this.#ofKind(rejection.kind).set(rejection.key, rejection);
    return { ...ack, rejected: [...this.#held.values()].flatMap((held) => [...held.values()]) };
  }

  #ofKind(kind: ConfigKind): Map<string, Rejection> {
    const held = this.#held.get(kind) ?? new Map<string, Rejection>();
    this.#held.set(kind, held);
    return held;
  }
}

/** The streams that ended last, so that late frames for them can be told from frames out of place. */
const REMEMBERED = 256;

/** We reset it: the peer may not know yet, and what it sent meanwhile is ignored. */
export const RESET_BY_US = 1;
export const ENDED = 2;

export class ClosedStreams {
  #ids: Uint32Array | null = null;
  #how: Uint8Array | null = null;
  #next = 0;

  add(id: number, how: typeof RESET_BY_US | typeof ENDED): void {
    this.#ids ??= new Uint32Array(REMEMBERED);
    this.#how ??= new Uint8Array(REMEMBERED);
    this.#ids[this.#next] = id;
    this.#how[this.#next] = how;
    this.#next = (this.#next + 1) % REMEMBERED;
  }

  /** RESET_BY_US, ENDED, or 0 where it ended too long ago or never was. */
  how(id: number): number {
    const at = this.#ids?.lastIndexOf(id) ?? -1;
    return at < 0 ? 0 : this.#how![at]!;
  }
}

/** The streams that ended last, so that late frames for them can be told from frames out of place. */
const REMEMBERED = 256;

/** We reset it: the peer may not know yet, and what it sent meanwhile is ignored. */
export const RESET_BY_US = 1;
export const ENDED = 2;

export class ClosedStreams {
  /** Number of a stream × 4, and how it ended. */
  readonly #ended: number[] = [];
  #next = 0;

  add(id: number, how: typeof RESET_BY_US | typeof ENDED): void {
    this.#ended[this.#next] = id * 4 + how;
    this.#next = (this.#next + 1) % REMEMBERED;
  }

  /** The peer, too, has ended what we reset: nothing more of it can be on its way. */
  end(id: number): void {
    const at = this.#ended.indexOf(id * 4 + RESET_BY_US);
    if (at !== -1) this.#ended[at] = id * 4 + ENDED;
  }

  /** RESET_BY_US, ENDED, or 0 where it ended too long ago or never was. */
  how(id: number): number {
    const found = this.#ended.find((ended) => Math.floor(ended / 4) === id);
    return found === undefined ? 0 : found % 4;
  }
}

/**
 * How long rows of what is gone are still shown: a scrape or two must see their last values, and no more, since names
 * come and go for as long as a gateway runs.
 */

/** Milliseconds for which a row is shown after what it counts was found to be gone. */
export const ROW_GRACE = 300_000;
/** Rows of what is gone that are kept at most; more are dropped at once. */
export const MAX_GONE_ROWS = 10_000;

export class Grace {
  /** Since when what is gone is known to be. */
  readonly #goneAt = new Map<string, number>();

  /** Whether the row of this key stays; asked at each look at the rows. */
  keeps(key: string, live: boolean): boolean {
    if (live) {
      this.#goneAt.delete(key);
      return true;
    }
    const now = Date.now();
    const since = this.#goneAt.get(key);
    if (since === undefined) {
      if (this.#goneAt.size >= MAX_GONE_ROWS) return false;
      this.#goneAt.set(key, now);
      return true;
    }
    if (now - since < ROW_GRACE) return true;
    this.#goneAt.delete(key);
    return false;
  }
}

/**
 * What has come over a connection, cut into frames. Half a frame is kept in one piece of memory, however small the pieces are
 * in which it comes: each would else weigh more than what is in it.
 */

/** Bytes before a frame that say how long it is. */
export const HEADER = 4;

const NOTHING = Buffer.alloc(0);

export class Inbox {
  /** What has not been handed on; in memory of its own where it was put together. */
  #unread: Buffer = NOTHING;
  /** Where that begins in its own memory. */
  #start = 0;
  #own: Buffer | undefined;

  /** Bytes of memory in which a frame waits for its end. */
  get size(): number {
    return this.#unread.length === 0 ? 0 : (this.#own ?? this.#unread).length;
  }

  /** `limit`: of a frame. */
  add(chunk: Buffer, limit: number): void {
    const before = this.#unread.length;
    if (before === 0) {
      this.#unread = chunk;
      return;
    }
    const length = before + chunk.length;
    if (this.#own === undefined || this.#start + length > this.#own.length) {
      // Twice as much: each byte is moved a few times at most.
      const own = Buffer.allocUnsafeSlow(Math.max(length, Math.min(2 * length, HEADER + limit)));
      this.#unread.copy(own);
      this.#own = own;
      this.#start = 0;
    }
    chunk.copy(this.#own, this.#start + before);
    this.#unread = this.#own.subarray(this.#start, this.#start + length);
  }

  /** The next whole frame, valid until more is added; undefined: it is not here yet. Throws where it is longer than may be. */
  next(limit: number): Buffer | undefined {
    if (this.#unread.length < HEADER) return undefined;
    const size = this.#unread.readUInt32BE(0);
    if (size > limit) throw new RangeError(`a message of ${size} bytes is over the limit of ${limit}`);
    const end = HEADER + size;
    if (this.#unread.length < end) return undefined;
    const bytes = this.#unread.subarray(HEADER, end);
    this.#unread = this.#unread.subarray(end);
    this.#start += end;
    if (this.#unread.length === 0) this.clear();
    return bytes;
  }

  clear(): void {
    this.#unread = NOTHING;
    this.#own = undefined;
    this.#start = 0;
  }
}

/**
 * The send region of ARENA and who composes in it. One connection owns it at a time; when another begins, what the
 * first one collected goes out. So a response head and the first bytes of its body leave in one write, and no
 * connection needs a send buffer of its own while it is idle.
 */
import { SEND_END, SEND_START } from '../ground/arena.ts';
import { Cursor } from '../ground/cursor.ts';

export interface OutboxOwner {
  /** Sends ARENA[outbox.start, outbox.end) and calls `release`. */
  flush(): void;
}

class Outbox {
  readonly start = SEND_START;
  readonly cursor: Cursor = new Cursor(SEND_START, SEND_END);
  #owner: OutboxOwner | null = null;

  /** The byte after what is collected. */
  get end(): number {
    return this.cursor.end;
  }

  /** Makes `owner` the one that composes. The cursor is behind what it collected, and has at least `bytes` of room. */
  claim(owner: OutboxOwner, bytes: number): Cursor {
    if (this.#owner !== owner || this.cursor.room < bytes) {
      this.#owner?.flush();
      this.#owner = owner;
    }
    return this.cursor;
  }

  holds(owner: OutboxOwner): boolean {
    return this.#owner === owner;
  }

  release(): void {
    this.#owner = null;
    this.cursor.begin();
  }

  room(): number {
    return this.cursor.room;
  }
}

export const outbox: Outbox = new Outbox();

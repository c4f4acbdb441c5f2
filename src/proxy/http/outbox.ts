/**
 * The send region of ARENA and who composes in it. One connection owns it at a time; when another begins, what the
 * first one collected goes out. So a response head and the first bytes of its body leave in one write, and no
 * connection needs a send buffer of its own while it is idle.
 */
import { SEND_END, SEND_START } from '../ground/arena.ts';

export interface OutboxOwner {
  /** Sends ARENA[SEND_START, outbox.at) and calls `release`. */
  flush(): void;
}

class Outbox {
  /** Next free byte. */
  at = SEND_START;
  readonly start = SEND_START;
  #owner: OutboxOwner | null = null;

  /** Makes `owner` the one that composes; answers the next free byte. */
  claim(owner: OutboxOwner): number {
    if (this.#owner !== owner) {
      if (this.#owner !== null) this.#owner.flush();
      this.#owner = owner;
      this.at = SEND_START;
    }
    return this.at;
  }

  holds(owner: OutboxOwner): boolean {
    return this.#owner === owner;
  }

  release(): void {
    this.#owner = null;
    this.at = SEND_START;
  }

  room(): number {
    return SEND_END - this.at;
  }
}

export const outbox: Outbox = new Outbox();

/**
 * A client that has ended its side of the connection (`nc -N`) gets its answer. But who closes the whole connection ends
 * its side as well, and TCP tells the two apart only by what becomes of bytes that are sent: whoever is gone answers
 * them with a reset. So the first bytes of the answer, which are the same for all, go out one by one while it is waited
 * for. An answer under way shows it by itself; what is silent when the client ends counts as left after a while.
 */
import type { Deadline, DeadlineWheel } from '../../ground/deadline.ts';
import type { Link } from '../../ground/driver.ts';

/** Milliseconds from a client's end to the first byte that is sent ahead; doubled for each further one. */
export const FIRST_BYTE_AHEAD = 1_000;
/** Milliseconds without a byte of an answer that had begun when its client ended, after which the client counts as gone. */
export const SILENCE_AFTER_END = 10_000;
/** How each answer begins. */
const AHEAD = 'HTTP/1.1 ';

export interface Watch {
  link: Link;
  wheel: DeadlineWheel;
  /** Of the connection: when it is due, `look` is to be called. */
  deadline: Deadline;
}

export class EndedClient {
  readonly #watch: Watch;
  /** The answer under way has begun; and it had when the client ended. */
  #begun: boolean;
  #late: boolean;
  /** Something was sent since the last look. */
  moved = true;
  #ahead = 0;
  #patience = FIRST_BYTE_AHEAD;

  constructor(watch: Watch, begun: boolean) {
    this.#watch = watch;
    this.#begun = this.#late = begun;
  }

  /** It waits for an answer. */
  expect(): void {
    this.#begun = this.#late = false;
    this.#patience = FIRST_BYTE_AHEAD;
    this.lookLater();
  }

  begin(): void {
    this.#begun = true;
  }

  lookLater(): void {
    const { wheel, deadline } = this.#watch;
    if (!this.#begun) wheel.set(deadline, this.#patience);
    else if (this.#late) wheel.set(deadline, SILENCE_AFTER_END);
  }

  /** True: it is gone. That it is there is never sure. */
  look(): boolean {
    const { link } = this.#watch;
    if (this.#begun) {
      if (this.#late && !this.moved && link.pending === 0) return true;
      this.moved = false;
    } else {
      this.#patience *= 2;
      if (this.#ahead < AHEAD.length) link.send(AHEAD[this.#ahead++]!);
    }
    this.lookLater();
    return false;
  }

  /** How many bytes of what is about to be sent were sent ahead. */
  takeAhead(): number {
    const ahead = this.#ahead;
    this.#ahead = 0;
    this.moved = true;
    return ahead;
  }
}

/** What a filter holds of an exchange that it makes wait. */
import type { Denial, KeptAnswer, Reply, Waiting } from '../filter/index.ts';

/** Null: it may go on. */
export type Decision = { reply: Reply } | { kept: KeptAnswer } | { denial: Denial } | null;

export interface WaitHost {
  decided(wait: Wait): void;
}

export class Wait implements Waiting {
  readonly timeout: number;
  decision: Decision = null;
  #host: WaitHost | null;

  constructor(host: WaitHost, timeout: number) {
    this.#host = host;
    this.timeout = timeout;
  }

  proceed(): void {
    this.#decide(null);
  }

  respond(reply: Reply): void {
    this.#decide({ reply });
  }

  respondKept(kept: KeptAnswer): void {
    this.#decide({ kept });
  }

  deny(denial: Denial): void {
    this.#decide({ denial });
  }

  /** Nobody is interested in its decision any more. */
  abandon(): void {
    this.#host = null;
  }

  /** Told only after the caller has returned: it may be at work on bytes in ARENA. */
  #decide(decision: Decision): void {
    const host = this.#host;
    if (host === null) return;
    this.#host = null;
    this.decision = decision;
    queueMicrotask(() => host.decided(this));
  }
}

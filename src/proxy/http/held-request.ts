/** A request that a filter makes wait: its head, and what comes of its body meanwhile. */
import type { HeaderPatch } from '../filter/index.ts';
import type { Head } from '../ground/head.ts';
import { CountedBody } from './counted-body.ts';
import type { Collecting } from './filter-run.ts';
import { HeldHead } from './held-head.ts';

/** What is known of a request from its head and the match, for as long as it has not gone to a backend. */
export interface Matched {
  matchedPrefix: number;
  listenerPort: number;
  /** The client is a trusted hop. */
  trusted: boolean;
  /** No body follows the head. */
  bodyless: boolean;
}

export class HeldRequest {
  readonly body: CountedBody = new CountedBody();
  /** Lines after the body, each with CRLF. */
  trailers = '';
  readonly matched: Matched;
  #head: HeldHead;
  /** As the client sent it. */
  readonly #sent: HeldHead;
  #returned = false;

  constructor(head: Head, matched: Matched) {
    this.matched = matched;
    this.#sent = this.#head = new HeldHead(head);
  }

  /** Once, so that changes that follow each other close do not send it round and round. */
  mayReturn(): boolean {
    const first = !this.#returned;
    this.#returned = true;
    return first;
  }

  restore(): Head {
    return this.#head.restore();
  }

  /** From now on the head says what filters wrote before the route was chosen. False: there is no room for it. */
  write(patch: HeaderPatch): boolean {
    const written = this.#head.written(patch);
    if (written !== undefined) this.#head = written;
    return written !== undefined;
  }

  /** It begins anew, and nobody has written anything. */
  restoreSent(): Head {
    this.#head = this.#sent;
    return this.restore();
  }

  /** The filter collects a body that is not there yet. One of just the limit is whole only where nothing follows. */
  wants({ limit }: Collecting): boolean {
    return this.body.bytes <= limit;
  }

  /** Gives it to the filter: after whoever is at work on it in ARENA has returned. */
  give({ limit, done }: Collecting, complete: boolean): void {
    const bytes = this.body.first(limit);
    const whole = complete && this.body.bytes <= limit;
    queueMicrotask(() => done(bytes, whole));
  }
}

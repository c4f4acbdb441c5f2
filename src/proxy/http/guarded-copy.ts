/**
 * Copies of a request meet what guards the Service that they go to, as the request itself would there. Nobody waits for a copy:
 * one that somebody would have to be asked about, or that is refused or answered on its way, is not sent.
 */
import { CONTINUE, type FilterChain, type Policies } from '../filter/index.ts';
import type { ClientConnection } from '../ground/codec.ts';
import type { Head } from '../ground/head.ts';
import type { DecisionCounter } from '../state/index.ts';
import { type FilterHost, FilterRun } from './filter-run.ts';
import type { Matched } from './held-request.ts';
import type { SubExchange } from './sub-exchange.ts';

/** One copy that may go. */
export interface Copy {
  readonly backend: string;
  /** The request head as it is sent there, with its framing lines. */
  readonly head: string;
  /** Bytes of the body, beyond which it is given up; 0: any. */
  readonly maxBodyBytes: number;
  /** Counts that it was given up for that. */
  readonly bodyDenied?: DecisionCounter | undefined;
  /** It is over. */
  end?(): void;
}

/** What a guard makes of the request for its Service. */
export type CopyChanges = Pick<FilterRun, 'target' | 'authority' | 'dropped' | 'patchSinceRoute'>;

export class GuardedCopy implements FilterHost {
  readonly client: ClientConnection;
  readonly clientAddress: string;
  readonly requestId: string;
  readonly listener: string;
  readonly route: string;
  readonly backend: string;
  #maxBodyBytes = 0;
  #bodyDenied: DecisionCounter | undefined;
  readonly #head: Head;
  readonly #run: FilterRun;

  constructor(
    of: FilterHost,
    backend: string,
    { run, head, matched, policies }: { run: FilterRun; head: Head; matched: Matched; policies: Policies },
  ) {
    this.client = of.client;
    this.clientAddress = of.clientAddress;
    this.requestId = of.requestId;
    this.listener = of.listener;
    this.route = of.route;
    this.backend = backend;
    this.#head = head;
    this.#run = new FilterRun(this, { head, ...matched });
    policies.makeKnown(this.#run, run);
  }

  /** Undefined: it is not sent. */
  through(guards: FilterChain, compose: (changes: CopyChanges) => string | null): Copy | undefined {
    const head = this.#run.run(guards) === CONTINUE && this.#run.transforms === null ? compose(this.#run) : null;
    if (head === null) {
      this.#end();
      return undefined;
    }
    const { backend } = this;
    return { backend, head, maxBodyBytes: this.#maxBodyBytes, bodyDenied: this.#bodyDenied, end: () => this.#end() };
  }

  #end(): void {
    this.#run.end(NOT_TOLD);
  }

  // ── what guards say is of the copy, and not of the request

  tell(decision: DecisionCounter): void {
    decision.value++;
  }

  limitBody(bytes: number, denied: DecisionCounter): void {
    if (this.#maxBodyBytes !== 0 && bytes >= this.#maxBodyBytes) return;
    this.#maxBodyBytes = bytes;
    this.#bodyDenied = denied;
  }

  write(): Head {
    return this.#head;
  }

  tellOwn(): void {}
  identify(): void {}
  conceal(): void {}
  unlog(): void {}
  decided(): void {}

  /** What is thrown refuses it. */
  ask(): SubExchange {
    throw new Error('nobody is asked about a copy');
  }
}

/** No client hears of it. */
const NOT_TOLD = { status: 0, reason: '', bytesIn: 0, bytesOut: 0 };

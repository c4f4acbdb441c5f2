/** Requests at a constant rate that never pause, sent by a process of its own so that who measures does not slow them. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Away } from './absence.ts';
import type { Cause, Failure } from './failure-book.ts';

export interface LoadPlace {
  address: string;
  port: number;
  host: string;
  /** Requests a second; half of them on connections of their own. */
  rate: number;
  /** Milliseconds for one answer. */
  timeout?: number;
}

export interface LoadOutcome {
  sent: number;
  failed: number;
  /** Why, and the first of them. */
  causes: Cause[];
  failures: Failure[];
  /** Without an answer, while who asks was away: nobody knows, and each was asked again. */
  askedAgain: number;
  /** How long who asks was away in all, and at once. */
  own: Away & { longest: number };
  connections: number;
  seconds: number;
  /** Milliseconds from when a request was sent. */
  p50: number;
  p99: number;
  most: number;
}

export class Load {
  readonly #child: ChildProcess;
  readonly #outcome: Promise<LoadOutcome>;

  constructor(place: LoadPlace) {
    this.#child = fork(new URL('./load-process.ts', import.meta.url), [JSON.stringify(place)]);
    this.#outcome = new Promise((resolve, reject) => {
      this.#child.once('message', (outcome) => resolve(outcome as LoadOutcome));
      this.#child.once('exit', (code) => reject(new Error(`the load ended by itself, with ${code}`)));
    });
    // It is asked for later, or never.
    this.#outcome.catch(() => {});
  }

  async stop(): Promise<LoadOutcome> {
    if (this.#child.connected) this.#child.send('stop');
    const outcome = await this.#outcome;
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
    return outcome;
  }
}

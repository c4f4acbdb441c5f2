/** Requests at a constant rate that never pause, sent by a process of its own so that who measures does not slow them. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

export interface LoadPlace {
  address: string;
  port: number;
  host: string;
  /** Requests a second; half of them on connections of their own. */
  rate: number;
}

export interface LoadOutcome {
  sent: number;
  failed: number;
  /** The first of them, in words. */
  failures: string[];
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

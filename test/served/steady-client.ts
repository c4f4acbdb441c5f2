/** Requests in a constant stream, from a thread of their own. */
import { Worker } from 'node:worker_threads';
import type { Asked, FromClient, ToClient } from './steady-thread.ts';

export class SteadyClient {
  backend = 0;
  readonly #thread: Worker;
  #onMessage: (message: FromClient) => void = () => {};
  #onError: (error: Error) => void = () => {};

  private constructor(asked: Asked) {
    this.#thread = new Worker(new URL('./steady-thread.ts', import.meta.url), { workerData: asked });
    this.#thread.on('message', (message: FromClient) => this.#onMessage(message));
    this.#thread.on('error', (error) => this.#onError(error as Error));
  }

  static async start(asked: Asked): Promise<SteadyClient> {
    const client = new SteadyClient(asked);
    const ready = await client.#next();
    if (ready.type === 'ready') client.backend = ready.backend;
    return client;
  }

  /** Milliseconds of the slowest request while the work goes on. */
  async measure(port: number, work: () => Promise<unknown>): Promise<number> {
    this.#say({ type: 'begin', port });
    await this.#next();
    await work();
    this.#say({ type: 'end' });
    const ended = await this.#next();
    if (ended.type !== 'ended') throw new Error(`the client said ${ended.type}`);
    if (ended.requests < 10) throw new Error('there were too few requests to say anything');
    return ended.slowest;
  }

  async stop(): Promise<void> {
    await this.#thread.terminate();
  }

  #say(message: ToClient): void {
    this.#thread.postMessage(message);
  }

  #next(): Promise<FromClient> {
    return new Promise((resolve, reject) => {
      this.#onMessage = resolve;
      this.#onError = reject;
    });
  }
}

/** Requests without a pause, each of which must be answered well. */
import { Agent, request } from 'node:http';

export interface TrafficOptions {
  address: string;
  port?: number;
  /** One, or several in turn. */
  host: string | readonly string[];
  path?: string;
  /** Each sends one request after another. */
  clients?: number;
  /** Requests a second, of all clients together; absent: as many as go. */
  rate?: number;
  /** Whether each request has a connection of its own. */
  fresh?: boolean;
}

/** Milliseconds for one answer. */
const TIMEOUT = 10_000;

export interface Outcome {
  sent: number;
  /** What was not answered with 200, in words. */
  failures: string[];
  /** Connections that were made. */
  connections: number;
}

export class Traffic {
  readonly #options: TrafficOptions;
  readonly #agent: Agent;
  readonly #clients: Array<Promise<void>>;
  #sent = 0;
  #connections = 0;
  readonly #failures: string[] = [];
  #next = 0;
  #over = false;

  constructor(options: TrafficOptions) {
    const { clients = 4 } = options;
    this.#options = options;
    this.#agent = new Agent({ keepAlive: options.fresh !== true, maxSockets: clients });
    this.#clients = Array.from({ length: clients }, () => this.#client());
  }

  get sent(): number {
    return this.#sent;
  }

  /** The requests that are under way finish. */
  async stop(): Promise<Outcome> {
    this.#over = true;
    await Promise.all(this.#clients);
    this.#agent.destroy();
    return { sent: this.#sent, failures: this.#failures, connections: this.#connections };
  }

  async #client(): Promise<void> {
    const { rate, clients = 4 } = this.#options;
    const pause = rate === undefined ? 0 : (1000 * clients) / rate;
    let next = performance.now();
    while (!this.#over) {
      const began = new Date().toISOString();
      const failure = await this.#ask().catch((error: Error) => error.message);
      this.#sent++;
      if (failure !== undefined) this.#failures.push(`${began} ${failure}`);
      next += pause;
      const left = next - performance.now();
      if (left > 0) await new Promise<void>((resolve) => void setTimeout(() => resolve(), left));
      else next = performance.now();
    }
  }

  #ask(): Promise<string | undefined> {
    const { address, port = 80, path = '/' } = this.#options;
    const host = this.#host();
    return new Promise((resolve, reject) => {
      const asked = request({ host: address, port, path, headers: { host }, agent: this.#agent, timeout: TIMEOUT });
      asked.on('socket', (socket) => {
        if (!asked.reusedSocket && socket.connecting) this.#connections++;
      });
      asked.on('timeout', () => asked.destroy(new Error('no answer in time')));
      asked.on('error', reject);
      asked.on('response', (response) => {
        response.resume();
        response.on('error', reject);
        response.on('end', () =>
          resolve(response.statusCode === 200 ? undefined : `${host}: status ${response.statusCode}`),
        );
      });
      asked.end();
    });
  }
  #host(): string {
    const { host } = this.#options;
    return typeof host === 'string' ? host : host[this.#next++ % host.length]!;
  }
}

/**
 * A thread that asks a gateway without end, one request after the other on each of its connections, and says how long
 * the slowest of them took. The backend is here too, so that nothing but the gateway stands between.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';

export interface Asked {
  host: string;
  connections: number;
  /** Milliseconds between an answer and the next request. */
  pace: number;
}

export type ToClient = { type: 'begin'; port: number } | { type: 'end' };
export type FromClient =
  | { type: 'ready'; backend: number }
  | { type: 'running' }
  | { type: 'ended'; requests: number; slowest: number };

const ANSWER = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

if (parentPort !== null) await serve(workerData as Asked);

async function serve(asked: Asked): Promise<void> {
  const backend = createServer((socket) => {
    socket.setNoDelay().on('error', () => {});
    // Each request comes in one piece: it is short.
    socket.on('data', () => socket.write(ANSWER));
  }).listen(0, '127.0.0.1');
  await once(backend, 'listening');
  let run: Run | undefined;
  parentPort!.on('message', (message: ToClient) => {
    if (message.type === 'begin') {
      run = new Run(message.port, asked);
      say({ type: 'running' });
    } else {
      void run!.end().then(({ requests, slowest }) => say({ type: 'ended', requests, slowest }));
    }
  });
  say({ type: 'ready', backend: (backend.address() as AddressInfo).port });
}

function say(message: FromClient): void {
  parentPort!.postMessage(message);
}

class Run {
  requests = 0;
  slowest = 0;
  readonly #asked: Asked;
  readonly #clients: Array<Promise<void>>;
  #ending = false;

  constructor(port: number, asked: Asked) {
    this.#asked = asked;
    this.#clients = Array.from({ length: asked.connections }, () => this.#client(port));
  }

  async end(): Promise<this> {
    this.#ending = true;
    await Promise.all(this.#clients);
    return this;
  }

  async #client(port: number): Promise<void> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    while (!this.#ending) {
      const began = performance.now();
      await this.#ask(socket);
      this.slowest = Math.max(this.slowest, performance.now() - began);
      this.requests++;
      await setTimeout(this.#asked.pace);
    }
    socket.destroy();
  }

  async #ask(socket: Socket): Promise<void> {
    socket.write(`GET / HTTP/1.1\r\nhost: ${this.#asked.host}\r\n\r\n`);
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    const answer = bytes.latin1Slice();
    if (!answer.startsWith('HTTP/1.1 200 ') || !answer.endsWith('ok')) throw new Error(answer);
  }
}

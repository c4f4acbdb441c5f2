/**
 * A fixed rate of GET requests over keepalive connections, whether or not answers come back in time. Latency counts
 * from the moment a request was due, so that a stall of the proxy is charged to every request that it kept waiting.
 *
 * Usage: node rate.ts PORT RATE SECONDS CONNECTIONS
 */
import net from 'node:net';
import { percentile } from '../statistics.ts';
import type { Load } from './load.ts';

const [port, rate, seconds, connections] = process.argv.slice(2).map(Number) as [number, number, number, number];
const request = 'GET / HTTP/1.1\r\nHost: bench.example\r\n\r\n';
const endOfHead = Buffer.from('\r\n\r\n');
/** The backend's body, as every answer ends. */
const bodyBytes = 2;

const latencies = new Float64Array(rate * seconds);
let done = 0;
let failed = 0;

/** One connection; requests on it are answered in order, so the oldest due time is that of the next answer. */
class Connection {
  readonly #due: number[] = [];
  #tail: Buffer = Buffer.alloc(0);
  readonly #socket: net.Socket;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('close', () => {
      failed += this.#due.length;
    });
  }

  get waiting(): number {
    return this.#due.length;
  }

  send(due: number): void {
    this.#due.push(due);
    this.#socket.write(request);
  }

  #receive(chunk: Buffer): void {
    const now = performance.now();
    let bytes = this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk]);
    for (;;) {
      const head = bytes.indexOf(endOfHead);
      if (head < 0 || bytes.length < head + endOfHead.length + bodyBytes) break;
      if (bytes.toString('latin1', 9, 12) === '200') latencies[done++] = (now - this.#due.shift()!) * 1000;
      else failed++;
      bytes = bytes.subarray(head + endOfHead.length + bodyBytes);
    }
    this.#tail = Buffer.from(bytes);
  }
}

const pool = await Promise.all(
  Array.from({ length: connections }, async () => {
    const socket = net.connect(port, '127.0.0.1');
    const { resolve, reject, promise } = Promise.withResolvers<void>();
    socket.once('connect', resolve).once('error', reject);
    await promise;
    socket.on('error', () => {});
    return new Connection(socket);
  }),
);

const start = performance.now();
const total = rate * seconds;
let sent = 0;
const timer = setInterval(() => {
  const now = performance.now();
  for (; sent < total && start + (sent * 1000) / rate <= now; sent++) {
    pool[sent % pool.length]!.send(start + (sent * 1000) / rate);
  }
  // Answers that are two seconds late will not come.
  const over = now > start + (seconds + 2) * 1000;
  if (sent === total && (done + failed >= total || over)) finish();
}, 1);

function finish(): void {
  clearInterval(timer);
  failed += pool.reduce((sum, connection) => sum + connection.waiting, 0);
  const measured = latencies.subarray(0, done);
  const load: Load = { done, failed, p50: percentile(measured, 0.5), p99: percentile(measured, 0.99) };
  process.stdout.write(`${JSON.stringify(load)}\n`, () => process.exit(0));
}

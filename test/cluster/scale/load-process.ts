/**
 * Sends requests at a constant rate from a process of its own, over bare sockets: it takes a tenth of what a client of
 * node:http does. Half of the requests have a connection of their own. Begun by `Load`, and ended by a word of it.
 */
import { connect, type Socket } from 'node:net';
import type { LoadOutcome, LoadPlace } from './load.ts';
import { quantile } from './tally.ts';

/** Milliseconds between looks at what is due. */
const TICK = 4;
/** Milliseconds for one answer. */
const TIMEOUT = 10_000;
/** So many failures are told in words. */
const TOLD = 20;
/** Bytes of an answer. */
const MAX_ANSWER = 64 << 10;

interface Exchange {
  socket: Socket;
  since: number;
  fresh: boolean;
  text: string;
}

class Sender {
  readonly #place: LoadPlace;
  readonly #idle: Socket[] = [];
  /** By socket; in the order in which they were sent. */
  readonly #open = new Map<Socket, Exchange>();
  readonly #times: number[] = [];
  readonly #failures: string[] = [];
  readonly #began = performance.now();
  readonly #timer: NodeJS.Timeout;
  #sent = 0;
  #failed = 0;
  #connections = 0;
  #stopped: (() => void) | undefined;

  constructor(place: LoadPlace) {
    this.#place = place;
    this.#timer = setInterval(() => this.#turn(), TICK);
  }

  /** What is under way finishes. */
  async stop(): Promise<LoadOutcome> {
    const seconds = (performance.now() - this.#began) / 1000;
    await new Promise<void>((resolve) => {
      this.#stopped = resolve;
    });
    clearInterval(this.#timer);
    for (const socket of this.#idle) socket.destroy();
    const [p50, p99, most] = [0.5, 0.99, 1].map((share) => (this.#sent === 0 ? 0 : quantile(this.#times, share)));
    const counted = {
      sent: this.#sent,
      failed: this.#failed,
      connections: this.#connections,
      failures: this.#failures,
    };
    return { ...counted, seconds, p50: p50!, p99: p99!, most: most! };
  }

  #turn(): void {
    const now = performance.now();
    for (const exchange of this.#open.values()) {
      if (now - exchange.since < TIMEOUT) break;
      this.#end(exchange, 'no answer in time');
    }
    if (this.#stopped === undefined) {
      const due = ((now - this.#began) / 1000) * this.#place.rate;
      while (this.#sent < due) this.#send(now);
    } else if (this.#open.size === 0) this.#stopped();
  }

  #send(since: number): void {
    const fresh = this.#sent++ % 2 === 0;
    const socket = (fresh ? undefined : this.#idle.pop()) ?? this.#connect();
    this.#open.set(socket, { socket, since, fresh, text: '' });
    const { host } = this.#place;
    socket.write(`GET / HTTP/1.1\r\nhost: ${host}\r\n${fresh ? 'connection: close\r\n' : ''}\r\n`);
  }

  #connect(): Socket {
    this.#connections++;
    const { address, port } = this.#place;
    const socket = connect({ host: address, port, noDelay: true });
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#take(socket, text));
    socket.on('error', (error) => this.#gone(socket, error.message));
    socket.on('close', () => this.#gone(socket, 'the connection ended before the answer did'));
    return socket;
  }

  #take(socket: Socket, text: string): void {
    const exchange = this.#open.get(socket);
    if (exchange === undefined) return void socket.destroy();
    exchange.text += text;
    if (exchange.text.length > MAX_ANSWER) return this.#end(exchange, 'an answer without end');
    if (!isWhole(exchange.text)) return;
    const status = exchange.text.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length);
    this.#end(exchange, status === '200' ? undefined : `status ${status}`);
  }

  #gone(socket: Socket, why: string): void {
    const at = this.#idle.indexOf(socket);
    if (at >= 0) this.#idle.splice(at, 1);
    const exchange = this.#open.get(socket);
    if (exchange !== undefined) this.#end(exchange, why);
  }

  #end({ socket, since, fresh, text }: Exchange, failure: string | undefined): void {
    this.#open.delete(socket);
    this.#times.push(performance.now() - since);
    if (failure !== undefined) {
      this.#failed++;
      if (this.#failures.length < TOLD) this.#failures.push(`${new Date().toISOString()} ${failure}`);
    }
    const again = failure === undefined && !fresh && !/^connection: *close/im.test(headOf(text));
    if (again) this.#idle.push(socket);
    else socket.destroy();
  }
}

function headOf(text: string): string {
  const end = text.indexOf('\r\n\r\n');
  return end < 0 ? '' : text.slice(0, end + 2);
}

/** Of an answer in JSON, whose length is told or which comes in chunks. */
function isWhole(text: string): boolean {
  const head = headOf(text);
  if (head === '') return false;
  const length = /^content-length: *(\d+)/im.exec(head);
  return length === null ? text.endsWith('\r\n0\r\n\r\n') : text.length >= head.length + 2 + Number(length[1]);
}

const sender = new Sender(JSON.parse(process.argv[2]!) as LoadPlace);
process.once('message', () => {
  void sender.stop().then((outcome) => process.send?.(outcome, () => process.disconnect?.()));
});
// Who began it is gone.
process.once('disconnect', () => process.exit());
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});

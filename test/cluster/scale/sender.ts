/**
 * Requests at a constant rate, over bare sockets: it takes a tenth of what a client of node:http does. Half of the requests
 * have a connection of their own.
 */
import { connect, type Socket } from 'node:net';
import { Absence, type Away, mayHaveMissed } from './absence.ts';
import { causeOf, FailureBook } from './failure-book.ts';
import type { LoadOutcome, LoadPlace } from './load.ts';
import { quantile } from './tally.ts';

/** Milliseconds between looks at what is due. */
const TICK = 4;
/** Milliseconds for one answer. */
const TIMEOUT = 10_000;
/** Bytes of an answer. */
const MAX_ANSWER = 64 << 10;

interface Exchange {
  socket: Socket;
  since: number;
  /** How long who asks had been away then. */
  before: Away;
  fresh: boolean;
  text: string;
}

export class Sender {
  readonly #place: LoadPlace;
  readonly #timeout: number;
  readonly #idle: Socket[] = [];
  /** By socket; in the order in which they were sent. */
  readonly #open = new Map<Socket, Exchange>();
  readonly #times: number[] = [];
  readonly #failures = new FailureBook();
  readonly #absence = new Absence();
  readonly #began = performance.now();
  readonly #timer: NodeJS.Timeout;
  #sent = 0;
  #again = 0;
  #connections = 0;
  #stopped: (() => void) | undefined;

  constructor(place: LoadPlace) {
    this.#place = place;
    this.#timeout = place.timeout ?? TIMEOUT;
    this.#timer = setInterval(() => this.#turn(), TICK);
  }

  get sent(): number {
    return this.#sent;
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
    const { longest, now } = this.#absence;
    this.#absence.close();
    const counted = {
      sent: this.#sent,
      failed: this.#failures.count,
      askedAgain: this.#again,
      connections: this.#connections,
      failures: this.#failures.told,
      causes: this.#failures.causes,
    };
    return { ...counted, own: { ...now, longest }, seconds, p50: p50!, p99: p99!, most: most! };
  }

  #turn(): void {
    const now = performance.now();
    // Answers that came while we were away are read before anybody is called late.
    if (this.#overdue(now).length > 0) setImmediate(() => this.#giveUp(now));
    if (this.#stopped === undefined) {
      const due = ((now - this.#began) / 1000) * this.#place.rate;
      while (this.#sent < due) this.#send(this.#sent++ % 2 === 0);
    } else if (this.#open.size === 0) this.#stopped();
  }

  #overdue(now: number): Exchange[] {
    const found: Exchange[] = [];
    for (const exchange of this.#open.values()) {
      if (now - exchange.since < this.#timeout) break;
      found.push(exchange);
    }
    return found;
  }

  /** Who was away does not know whether an answer would have come in time, and asks again. All else that goes wrong is a failure. */
  #giveUp(now: number): void {
    for (const exchange of this.#overdue(now)) {
      const { socket, fresh, before } = exchange;
      if (!mayHaveMissed(this.#absence.since(before), this.#timeout)) this.#end(exchange, 'no answer in time');
      else {
        this.#again++;
        this.#open.delete(socket);
        socket.destroy();
        this.#send(fresh);
      }
    }
  }

  #send(fresh: boolean): void {
    const socket = (fresh ? undefined : this.#idle.pop()) ?? this.#connect();
    const exchange = { socket, since: performance.now(), before: this.#absence.now, fresh, text: '' };
    this.#open.set(socket, exchange);
    const { host } = this.#place;
    socket.write(`GET / HTTP/1.1\r\nhost: ${host}\r\n${fresh ? 'connection: close\r\n' : ''}\r\n`);
  }

  #connect(): Socket {
    this.#connections++;
    const { address, port } = this.#place;
    const socket = connect({ host: address, port, noDelay: true });
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#take(socket, text));
    socket.on('error', (error) => this.#gone(socket, causeOf(error)));
    // At once, and not with the end of the socket, which comes later: who was away is to see all that has come.
    for (const end of ['end', 'close']) socket.on(end, () => this.#gone(socket, 'ended before its answer'));
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

  #gone(socket: Socket, cause: string): void {
    const at = this.#idle.indexOf(socket);
    if (at >= 0) this.#idle.splice(at, 1);
    const exchange = this.#open.get(socket);
    if (exchange !== undefined) this.#end(exchange, cause);
  }

  #end({ socket, since, before, fresh, text }: Exchange, cause: string | undefined): void {
    this.#open.delete(socket);
    const took = performance.now() - since;
    this.#times.push(took);
    if (cause !== undefined) {
      const at = new Date(Date.now() - took).toISOString();
      this.#failures.note({ cause, at, took, ...this.#absence.since(before) });
    }
    const again = cause === undefined && !fresh && !/^connection: *close/im.test(headOf(text));
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

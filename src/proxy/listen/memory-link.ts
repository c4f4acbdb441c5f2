/** Links in memory: thousands of connections in one process without a kernel, for tests, fuzzing and benchmarks. */
import { ARENA, RECV_SIZE, RECV_START } from '../ground/arena.ts';
import type { ConnectTarget, Driver, Link, LinkTls, Sink } from '../ground/driver.ts';

/** Bytes a peer may leave unread before `send` answers false. */
const MARK = 64 * 1024;

/** One end of a connection in memory. Whoever holds the other end reads what was sent, and answers through `deliver`. */
export class MemoryLink implements Link {
  sink: Sink;
  remoteAddress = '127.0.0.1';
  remotePort = 40_000;
  localAddress = '127.0.0.1';
  localPort = 80;
  tls: LinkTls | undefined = undefined;
  closed: 'no' | 'end' | 'reset' | 'leave' = 'no';
  paused = false;
  /** Everything sent and not taken yet. */
  #sent: Array<string | Uint8Array> = [];
  pending = 0;
  #waiting: Buffer[] = [];
  /** Called when something was sent. */
  onSent: (() => void) | undefined = undefined;

  constructor(sink?: Sink) {
    this.sink = sink as Sink;
  }

  send(data: string | Uint8Array): boolean {
    if (this.closed !== 'no') return true;
    // The driver may keep bytes only if they are not in ARENA: what is kept here shows a caller that breaks this.
    this.#sent.push(data);
    this.pending += data.length;
    this.onSent?.();
    return this.pending < MARK;
  }

  pause(): void {
    this.paused = true;
  }

  /** As a socket does, it hands over what waited only after the caller has returned. */
  resume(): void {
    this.paused = false;
    if (this.#waiting.length > 0) queueMicrotask(() => this.#deliverWaiting());
  }

  #deliverWaiting(): void {
    while (!this.paused && this.#waiting.length > 0) this.#deliverNow(this.#waiting.shift()!);
  }

  close(how: 'end' | 'reset' | 'leave'): void {
    if (this.closed === 'reset') return;
    this.closed = how;
    this.onSent?.();
  }

  /** What was sent since the last call, as latin1. */
  take(): string {
    const text = this.#sent
      .map((data) => (typeof data === 'string' ? data : Buffer.from(data).toString('latin1')))
      .join('');
    const full = this.pending >= MARK;
    this.#sent = [];
    this.pending = 0;
    if (full) this.sink.onDrain();
    return text;
  }

  /** Bytes from the other end, as one read; kept while the link is paused. */
  deliver(data: string | Buffer): void {
    const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
    if (this.paused || this.#waiting.length > 0) this.#waiting.push(bytes);
    else this.#deliverNow(bytes);
  }

  #deliverNow(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += RECV_SIZE) {
      const size = bytes.copy(ARENA, RECV_START, at, Math.min(bytes.length, at + RECV_SIZE));
      this.sink.onBytes(RECV_START, RECV_START + size);
    }
  }
}

/** Connections that the engine opens land here, to be answered by a test. */
export class MemoryDriver implements Driver {
  readonly opened: Array<{ target: ConnectTarget; link: MemoryLink }> = [];
  /** Called for each; the default opens it in the next microtask. */
  onConnect: (link: MemoryLink, target: ConnectTarget) => void = (link) => queueMicrotask(() => link.sink.onOpen());

  connect(target: ConnectTarget, sink: Sink): Link {
    const link = new MemoryLink(sink);
    this.opened.push({ target, link });
    this.onConnect(link, target);
    return link;
  }
}

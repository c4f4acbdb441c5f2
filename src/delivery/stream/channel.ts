/**
 * One connection between a controller and a data plane: frames of JSON, each with its length before it, and signs of
 * life both ways. Whoever is silent for too long is gone, whatever the network says.
 */
import type { Duplex } from 'node:stream';
import { HEADER, Inbox } from './inbox.ts';

/**
 * Bytes of a frame. An object in a cluster is 1.5 MB at most, and escapes in JSON may double what becomes of it.
 * What a data plane says may be long where it has thousands of listeners.
 */
export const MAX_FRAME = 8 * 1024 * 1024;

/** Bytes that wait for a reader; one who takes nothing is not kept. A piece is sent after the one before was taken. */
export const MAX_UNSENT = 2 * MAX_FRAME;

export interface ChannelTimes {
  /** Milliseconds between signs of life. */
  ping: number;
  /** Milliseconds of silence after which the other side is gone, and of a message that does not end. */
  silence: number;
}

export const CHANNEL_TIMES: ChannelTimes = { ping: 10_000, silence: 30_000 };

export interface ChannelEvents<In> {
  /** A whole message is here, of so many bytes; throws where it is not to be read, which ends the connection. */
  onFrame?(bytes: number): void;
  /** Half a message takes so much memory; throws where that is too much. 0: none does. */
  onHalf?(bytes: number): void;
  /** What one of these threw. True: the connection has been ended for it. */
  onFault?(error: Error): boolean;
  /** As it came; throws where it does not fit, which ends the connection. */
  onMessage(message: In): void;
  /** Once; '' where it was closed here. */
  onEnd(reason: string): void;
}

export class Channel<In, Out> {
  readonly #socket: Duplex;
  readonly #events: ChannelEvents<In>;
  readonly #timer: NodeJS.Timeout;
  /** Bytes of a frame that the other side may send; small until it is known who it is. */
  #limit: number;
  readonly #inbox = new Inbox();
  /** Memory that half a message takes. */
  #half = 0;
  #halfSince = 0;
  #heard = performance.now();
  #ended = false;

  constructor(socket: Duplex, events: ChannelEvents<In>, { limit = MAX_FRAME, times = CHANNEL_TIMES } = {}) {
    this.#socket = socket;
    this.#events = events;
    this.#limit = limit;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error: Error) => this.#end(error.message));
    socket.on('close', () => this.#end('the connection was closed'));
    this.#timer = setInterval(() => {
      const silent = performance.now() - this.#heard;
      if (silent > times.silence) this.#end(`nothing was heard for ${Math.round(silent / 1000)} s`);
      else if (this.#half > 0 && performance.now() - this.#halfSince > times.silence)
        this.#end('a message did not end');
      else this.#write({ type: 'ping' });
    }, times.ping).unref();
  }

  set limit(bytes: number) {
    this.#limit = bytes;
  }

  send(message: Out): void {
    this.#write(message);
  }

  /** After what was sent has left. */
  close(): void {
    if (this.#ended) return;
    this.#quit();
    this.#socket.end();
    // Whoever does not read is not waited for.
    setTimeout(() => this.#socket.destroy(), 1000).unref();
    this.#events.onEnd('');
  }

  /** At once. */
  destroy(reason: string): void {
    this.#end(reason);
  }

  #end(reason: string): void {
    if (this.#ended) return;
    this.#quit();
    this.#socket.destroy();
    this.#events.onEnd(reason);
  }

  #quit(): void {
    this.#ended = true;
    clearInterval(this.#timer);
    this.#inbox.clear();
  }

  #write(message: Out | { type: 'ping' }): void {
    if (this.#ended) return;
    this.#socket.write(frame(message));
    if (this.#socket.writableLength > MAX_UNSENT) this.#end('it does not read');
  }

  #take(chunk: Buffer): void {
    if (this.#ended) return;
    this.#heard = performance.now();
    try {
      this.#inbox.add(chunk, this.#limit);
      for (let next = this.#next(); next !== undefined; next = this.#next()) this.#hand(next);
      this.#halved();
    } catch (error) {
      this.#failed(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #halved(): void {
    const { size } = this.#inbox;
    if (this.#ended || size === this.#half) return;
    if (this.#half === 0) this.#halfSince = performance.now();
    this.#half = size;
    this.#events.onHalf?.(size);
  }

  #failed(error: Error): void {
    const { onFault } = this.#events;
    if (onFault?.(error) !== true) this.#end(error.message);
  }

  #hand(bytes: Buffer): void {
    this.#events.onFrame?.(bytes.length);
    const message = JSON.parse(bytes.toString('utf8')) as (In & { type: unknown }) | null;
    if (typeof message !== 'object' || message === null) throw new TypeError('a message is no object');
    if (message.type !== 'ping') this.#events.onMessage(message);
  }

  /** Undefined: it is not here yet, or the connection has ended meanwhile. */
  #next(): Buffer | undefined {
    const bytes = this.#ended ? undefined : this.#inbox.next(this.#limit);
    // The one after it begins anew.
    if (bytes !== undefined) this.#halfSince = performance.now();
    return bytes;
  }
}

export function frame(message: unknown): Buffer {
  const text = JSON.stringify(message);
  const bytes = Buffer.allocUnsafe(HEADER + Buffer.byteLength(text));
  bytes.writeUInt32BE(bytes.length - HEADER, 0);
  bytes.write(text, HEADER);
  return bytes;
}

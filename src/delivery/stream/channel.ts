/**
 * One connection between a controller and a data plane: frames of JSON, each with its length before it, and signs of
 * life both ways. Whoever is silent for too long is gone, whatever the network says.
 */
import type { Duplex } from 'node:stream';

/** Bytes before a frame that say how long it is. */
const HEADER = 4;
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
  /** Milliseconds of silence after which the other side is gone. */
  silence: number;
}

export const CHANNEL_TIMES: ChannelTimes = { ping: 10_000, silence: 30_000 };

export interface ChannelEvents<In> {
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
  #chunks: Buffer[] = [];
  #length = 0;
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
    this.#chunks = [];
  }

  #write(message: Out | { type: 'ping' }): void {
    if (this.#ended) return;
    this.#socket.write(frame(message));
    if (this.#socket.writableLength > MAX_UNSENT) this.#end('it does not read');
  }

  #take(chunk: Buffer): void {
    if (this.#ended) return;
    this.#heard = performance.now();
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    try {
      for (let next = this.#next(); next !== undefined; next = this.#next()) this.#hand(next);
    } catch (error) {
      this.#end(error instanceof Error ? error.message : String(error));
    }
  }

  #hand(bytes: Buffer): void {
    const message = JSON.parse(bytes.toString('utf8')) as (In & { type: unknown }) | null;
    if (typeof message !== 'object' || message === null) throw new TypeError('a message is no object');
    if (message.type !== 'ping') this.#events.onMessage(message);
  }

  /** The next whole frame; undefined: not here yet, or the connection has ended meanwhile. */
  #next(): Buffer | undefined {
    if (this.#ended || this.#length < HEADER) return undefined;
    if (this.#chunks[0]!.length < HEADER) this.#join();
    const size = this.#chunks[0]!.readUInt32BE(0);
    if (size > this.#limit) throw new RangeError(`a message of ${size} bytes is over the limit of ${this.#limit}`);
    if (this.#length < HEADER + size) return undefined;
    if (this.#chunks[0]!.length < HEADER + size) this.#join();
    const bytes = this.#chunks[0]!.subarray(HEADER, HEADER + size);
    const rest = this.#chunks[0]!.subarray(HEADER + size);
    if (rest.length > 0) this.#chunks[0] = rest;
    else this.#chunks.shift();
    this.#length -= HEADER + size;
    return bytes;
  }

  #join(): void {
    this.#chunks = [Buffer.concat(this.#chunks)];
  }
}

export function frame(message: unknown): Buffer {
  const text = JSON.stringify(message);
  const bytes = Buffer.allocUnsafe(HEADER + Buffer.byteLength(text));
  bytes.writeUInt32BE(bytes.length - HEADER, 0);
  bytes.write(text, HEADER);
  return bytes;
}

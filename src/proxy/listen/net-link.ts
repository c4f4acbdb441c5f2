/**
 * Links over `net` sockets that read into ARENA. Node reads into a caller's buffer with the `onread` option; for
 * accepted sockets the option is not public, so this one file builds the socket from the accepted handle. Should Node
 * change, 'data' events take its place (0.2 to 0.3 of nginx's CPU per request slower).
 */
import { readSync } from 'node:fs';
import net from 'node:net';
import { Duplex } from 'node:stream';
import { plainAddress } from '../../value/address.ts';
import { ARENA, RECV_END, RECV_SIZE, RECV_START } from '../ground/arena.ts';
import {
  type ConnectTarget,
  DISCARD,
  type Link,
  type LinkAddresses,
  type LinkTls,
  type Sink,
} from '../ground/driver.ts';
import { observeWrite, RawWriter, rawWritesWork, type WriteHandle } from './raw-write.ts';

const RECV = ARENA.subarray(RECV_START, RECV_END);
/** What a look at a socket may read. */
const LOOKED_AT = Buffer.alloc(1);

/** A raw accepted connection, as libuv gives it. */
export interface Handle {
  /** The number of its descriptor; not there on systems that have none. */
  readonly fd?: number;
  setNoDelay(on: boolean): void;
  close(): void;
  /** Reads into a buffer of the caller's; missing where Node has changed. */
  useUserBuffer?: (buffer: Uint8Array) => void;
}

interface OnRead {
  buffer: Uint8Array;
  callback(this: LinkSocket, bytes: number): boolean;
}

/** How a socket that reads into ARENA is set up. */
export const onread: OnRead = {
  buffer: RECV,
  callback(bytes) {
    const link = this.link!;
    link.sink.onBytes(RECV_START, RECV_START + bytes);
    return !link.paused;
  },
};

/** A socket that knows its link, so that listeners need no closure of their own. */
export interface LinkSocket extends net.Socket {
  link?: NetLink;
}

function onEnd(this: LinkSocket): void {
  this.link!.sink.onEnd();
}
function onDrain(this: LinkSocket): void {
  this.link!.sink.onDrain();
}
function onError(this: LinkSocket, error: Error): void {
  this.link!.failure = error;
}
function onClose(this: LinkSocket): void {
  const link = this.link!;
  const { sink } = link;
  // Node holds a TLS socket until the old generation is collected: what hangs on it would live as long.
  if ('encrypted' in this) link.sink = DISCARD;
  sink.onClose(link.failure);
}
function onConnect(this: LinkSocket): void {
  const link = this.link!;
  if (link.preamble !== undefined) this.write(link.preamble);
  link.sink.onOpen();
}
function onData(this: LinkSocket, chunk: Buffer): void {
  deliver(this.link!, chunk);
}

/** Hands a chunk that is not in ARENA to a link's sink, in pieces that fit. */
export function deliver(link: Link, chunk: Buffer): void {
  for (let at = 0; at < chunk.length; at += RECV_SIZE) {
    const bytes = chunk.copy(ARENA, RECV_START, at, Math.min(at + RECV_SIZE, chunk.length));
    link.sink.onBytes(RECV_START, RECV_START + bytes);
  }
}

export class NetLink implements Link {
  sink: Sink;
  socket: net.Socket;
  /** Sent as soon as the connection is open. */
  preamble: Uint8Array | undefined = undefined;
  /** From a trusted PROXY header: who is at the other end, and whom it called. */
  addresses: LinkAddresses | undefined = undefined;
  failure: NodeJS.ErrnoException | undefined = undefined;
  paused = false;
  tls: LinkTls | undefined = undefined;
  #raw: RawWriter | null = null;

  /** The sink is set before control returns to the event loop. */
  constructor(socket: net.Socket, sink?: Sink) {
    this.socket = socket;
    this.sink = sink as Sink;
    this.attach(socket);
  }

  /** The connection goes on over `socket`, such as the TLS on top of what it was. */
  attach(socket: net.Socket): void {
    this.socket = socket;
    (socket as LinkSocket).link = this;
    socket.on('end', onEnd).on('drain', onDrain).on('error', onError).on('close', onClose);
  }

  get remoteAddress(): string {
    return this.addresses?.source.address ?? plainAddress(this.socket.remoteAddress ?? '');
  }
  get remotePort(): number {
    return this.addresses?.source.port ?? this.socket.remotePort ?? 0;
  }
  get localAddress(): string {
    return this.addresses?.destination.address ?? plainAddress(this.socket.localAddress ?? '');
  }
  get localPort(): number {
    return this.addresses?.destination.port ?? this.socket.localPort ?? 0;
  }
  get pending(): number {
    return this.socket.writableLength + (this.#raw === null ? 0 : this.#raw.pending);
  }

  /** Gives the socket up to another owner: nothing of it reaches the sink any more. */
  detach(): void {
    this.socket.off('end', onEnd).off('drain', onDrain).off('error', onError).off('close', onClose).off('data', onData);
  }

  /**
   * The socket, for TLS to read from the beginning: what was received is put back. Its handle goes on reading, into what
   * takes it over in this turn of the loop: to stop and to start again were three calls of the kernel more a connection.
   */
  handOver(firstBytes: Buffer): net.Socket {
    // What TLS is on top of stays a link of nobody's: its sink would hold the hello for as long as the connection lives.
    this.sink = DISCARD;
    Duplex.prototype.pause.call(this.socket);
    this.socket.unshift(firstBytes);
    return this.socket;
  }

  send(data: string | Uint8Array): boolean {
    if (this.socket.destroyed || this.socket.writableEnded) return true;
    if (this.#raw !== null && this.socket.writableLength === 0) return this.#raw.send(data);
    return this.#sendFirst(data);
  }

  /** Through the stream; an open plain connection goes on without it, where that works. */
  #sendFirst(data: string | Uint8Array): boolean {
    const { socket } = this;
    const { _handle: handle } = socket as { _handle?: WriteHandle | null };
    if (handle && !socket.connecting && !('encrypted' in socket)) {
      if (rawWritesWork() === undefined) return observeWrite(socket, handle, data);
      if (rawWritesWork() && socket.writableLength === 0) {
        this.#raw = new RawWriter(socket, handle, () => this.sink.onDrain());
        return this.#raw.send(data);
      }
    }
    return typeof data === 'string' ? socket.write(data, 'latin1') : socket.write(data);
  }

  pause(): void {
    this.paused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.socket.resume();
  }

  /** A read of the socket itself (3 µs): the event loop may hear of an end milliseconds later. */
  hasEnded(): boolean {
    const fd = (this.socket as { _handle?: { fd?: number } | null })._handle?.fd ?? -1;
    if (fd < 0) return false;
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    try {
      readSync(fd, LOOKED_AT, 0, 1, null);
      return true;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code !== 'EAGAIN';
    } finally {
      Error.stackTraceLimit = limit;
    }
  }

  close(how: 'end' | 'reset' | 'leave'): void {
    const { socket } = this;
    this.#raw?.flush();
    if (how === 'end') {
      // Node makes an error with a stack for nobody where an ended stream is ended again.
      if (!socket.writableEnded) socket.end();
    }
    // A real RST, so that cut-off data never looks whole.
    else if (how === 'reset' && this.#resettable) socket.resetAndDestroy();
    else if (how === 'leave') socket.destroySoon();
    else socket.destroy();
  }

  /** Not while connecting, when Node would wait for the connection; nor while a FIN waits to be sent, when libuv refuses. */
  get #resettable(): boolean {
    const { socket } = this;
    if (socket.connecting || 'encrypted' in socket) return false;
    return !socket.writableEnded || socket.writableFinished;
  }
}

/** A socket over an accepted handle; its link must be made before control returns to the event loop. */
export function adoptSocket(handle: Handle): net.Socket {
  handle.setNoDelay(true);
  const options = { handle, allowHalfOpen: true, ...(handle.useUserBuffer === undefined ? {} : { onread }) };
  return new net.Socket(options as unknown as net.SocketConstructorOpts);
}

/** The link of an adopted socket. */
export function linkOf(socket: net.Socket): NetLink {
  const link = new NetLink(socket);
  const { _handle: handle } = socket as net.Socket & { _handle?: Handle };
  if (handle?.useUserBuffer === undefined) socket.on('data', onData);
  else socket.resume();
  return link;
}

/** A connection to a backend, without TLS. */
export function connectPlain(target: ConnectTarget, sink: Sink): NetLink {
  const options = { host: target.address, port: target.port, allowHalfOpen: true, noDelay: true, onread };
  const socket = net.connect(options as unknown as net.NetConnectOpts);
  const link = new NetLink(socket, sink);
  link.preamble = target.preamble;
  socket.on('connect', onConnect);
  return link;
}

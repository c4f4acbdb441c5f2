/** Datagrams over `node:dgram`. */
import dgram, { type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { BindTarget, DatagramLayer, DatagramSink, DatagramSocket } from './datagram.ts';
import type { SocketAddress } from './socket-address.ts';

/** Asked of the kernel for listening sockets, so that a burst survives one turn of the event loop. */
export const LISTEN_BUFFER = 1024 * 1024;

type Lookup = (
  hostname: string,
  options: unknown,
  callback: (error: null, address: string, family: number) => void,
) => void;

/** All addresses here are literals: answered at once, where Node's own look-up takes a turn of the event loop. */
const literal4: Lookup = (hostname, _options, callback) => callback(null, hostname, 4);
const literal6: Lookup = (hostname, _options, callback) => callback(null, hostname, 6);

export class NodeDatagramSocket implements DatagramSocket {
  readonly #socket: Socket;
  readonly #kept: boolean;
  #closed = false;

  /** `kept`: the socket is for others after this. */
  constructor(socket: Socket, sink: DatagramSink, { kept = false } = {}) {
    this.#socket = socket;
    this.#kept = kept;
    socket.on('message', (bytes: Buffer, from: RemoteInfo) => sink.onDatagram(bytes, from));
    socket.on('error', (error) => sink.onError(error));
  }

  get local(): SocketAddress {
    return this.#socket.address();
  }

  send(bytes: Buffer, port?: number, address?: string): void {
    if (this.#closed) return;
    if (port === undefined) this.#socket.send(bytes);
    else this.#socket.send(bytes, port, address);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket
      .removeAllListeners('message')
      .removeAllListeners('error')
      .on('error', () => {});
    if (!this.#kept) this.#socket.close();
  }
}

function socketFor(address: string, more: Omit<dgram.SocketOptions, 'type'> = {}): Socket {
  const v6 = isIPv6(address);
  const lookup = (v6 ? literal6 : literal4) as never;
  return dgram.createSocket({ ...more, type: v6 ? 'udp6' : 'udp4', ipv6Only: v6, lookup });
}

/** Over a descriptor that is bound already. */
export function adoptedSocket(address: string, fd: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = socketFor(address, { recvBufferSize: LISTEN_BUFFER });
    socket.once('error', reject);
    socket.bind({ fd, exclusive: true }, () => {
      socket.off('error', reject).on('error', () => {});
      resolve(socket);
    });
  });
}

export const NODE_DATAGRAMS: DatagramLayer = {
  bind(target: BindTarget, sink: DatagramSink) {
    const { address, port, reusePort } = target;
    return new Promise((resolve, reject) => {
      const socket = socketFor(address, { reusePort, recvBufferSize: LISTEN_BUFFER });
      socket.once('error', reject);
      socket.bind({ address, port, exclusive: true }, () => {
        socket.off('error', reject);
        resolve(new NodeDatagramSocket(socket, sink));
      });
    });
  },

  connect(peer, sink) {
    const socket = socketFor(peer.address);
    const wrapped = new NodeDatagramSocket(socket, sink);
    socket.connect(peer.port, peer.address);
    return wrapped;
  },
};

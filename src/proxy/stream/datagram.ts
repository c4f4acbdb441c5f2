/** Where datagrams come from and go to: `node:dgram`, or a fake for tests. */
import type { SocketAddress } from './socket-address.ts';

/** Most bytes of a UDP datagram over IPv4: 65535 less the IP and UDP headers. IPv6 carries 20 more; both fit in 64 KiB. */
export const MAX_DATAGRAM = 65_527;

export interface DatagramSink {
  /** `bytes` belong to the sink. `from` is only valid during the call. */
  onDatagram(bytes: Buffer, from: SocketAddress): void;
  /** A datagram could not be sent, or (ECONNREFUSED) the peer's port is closed. The socket goes on. */
  onError(error: NodeJS.ErrnoException): void;
}

export interface DatagramSocket {
  /** A bound socket needs `port` and `address`; a connected one takes neither. */
  send(bytes: Buffer, port?: number, address?: string): void;
  /** Nothing is delivered afterwards. */
  close(): void;
  readonly local: SocketAddress;
}

export interface BindTarget extends SocketAddress {
  /** Several processes share the port. */
  reusePort: boolean;
}

export interface DatagramLayer {
  /** Rejects with the system's error where the address cannot be bound. */
  bind(target: BindTarget, sink: DatagramSink): Promise<DatagramSocket>;
  /** A socket on a port of its own that talks to this peer only. Never throws: what fails comes as `onError`. */
  connect(peer: SocketAddress, sink: DatagramSink): DatagramSocket;
}

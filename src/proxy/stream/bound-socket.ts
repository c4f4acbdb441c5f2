import type { DatagramSink, DatagramSocket } from './datagram.ts';
import type { SocketAddress } from './socket-address.ts';
import type { UdpSession } from './udp-session.ts';

/** Whose sessions they are. */
interface SessionKeeper {
  /** Undefined: there is no room, or nobody to send to. */
  admit(bound: BoundSocket, key: string, client: SocketAddress): UdpSession | undefined;
  heard(session: UdpSession): void;
}

/** One address of the listener, and the sessions of the clients that sent there. */
export class BoundSocket implements DatagramSink {
  readonly address: string;
  socket: DatagramSocket | undefined = undefined;
  readonly sessions = new Map<string, UdpSession>();
  readonly #keeper: SessionKeeper;

  constructor(keeper: SessionKeeper, address: string) {
    this.#keeper = keeper;
    this.address = address;
  }

  onDatagram(bytes: Buffer, from: SocketAddress): void {
    const key = `${from.address} ${from.port}`;
    let session = this.sessions.get(key);
    if (session === undefined) session = this.#keeper.admit(this, key, from);
    else this.#keeper.heard(session);
    session?.forward(bytes);
  }

  reply(bytes: Buffer, client: SocketAddress): void {
    this.socket?.send(bytes, client.port, client.address);
  }

  close(): void {
    for (const session of [...this.sessions.values()]) session.end('drained');
    this.socket?.close();
  }

  /** A reply could not be sent: lost, as a datagram may be. */
  onError(): void {}
}

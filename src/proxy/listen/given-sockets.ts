/**
 * Sockets that were opened before this process began, by a service manager. Each has one descriptor here, and closed it
 * would be gone for good. So it is kept when its listener goes, for the next that wants it, and whoever comes meanwhile
 * is reset. At the end it is closed: whoever holds the other end of it keeps clients waiting for the next process.
 */
import { adoptSocket, type Handle } from './net-link.ts';
import { type ListeningSocket, openSocket, type SocketTarget } from './socket.ts';

export interface GivenSocket {
  transport: 'tcp' | 'udp';
  address: string;
  port: number;
  /** The descriptor, in this process. */
  fd: number;
}

type Place = Pick<GivenSocket, 'transport' | 'address' | 'port'>;

export class GivenSockets {
  readonly all: readonly GivenSocket[];
  readonly #kept = new Map<GivenSocket, KeptSocket>();

  constructor(all: readonly GivenSocket[]) {
    this.all = all;
  }

  find({ transport, address, port }: Place): GivenSocket | undefined {
    return this.all.find((one) => one.transport === transport && one.address === address && one.port === port);
  }

  /** Opens a socket that listens: the one that was given for this place, or else a new one. */
  async open(target: SocketTarget, onAccept: (handle: Handle) => void): Promise<ListeningSocket> {
    const given = this.find({ ...target, transport: 'tcp' });
    if (given === undefined) return await openSocket(target, onAccept);
    const kept = this.#kept.get(given) ?? new KeptSocket(await openSocket({ ...target, fd: given.fd }, onAccept));
    this.#kept.set(given, kept);
    kept.onAccept = onAccept;
    return kept;
  }

  /** From now on nothing is accepted. */
  end(): void {
    for (const kept of this.#kept.values()) kept.end();
    this.#kept.clear();
  }
}

class KeptSocket implements ListeningSocket {
  readonly #socket: ListeningSocket;

  constructor(socket: ListeningSocket) {
    this.#socket = socket;
  }

  get bound(): string {
    return this.#socket.bound;
  }

  get onAccept(): (handle: Handle) => void {
    return this.#socket.onAccept;
  }

  set onAccept(take: (handle: Handle) => void) {
    this.#socket.onAccept = take;
  }

  /** It stays open: whoever gave it has it, too. */
  readonly cease = (): void => {};

  close(): void {
    this.#socket.onAccept = (handle) => void adoptSocket(handle).resetAndDestroy();
  }

  end(): void {
    this.#socket.close();
  }
}

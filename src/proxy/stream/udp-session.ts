/** One client's datagrams and the endpoint they go to, over a socket of the session's own. */

import { socketName } from '../../value/socket-name.ts';
import type { StreamPass } from '../filter/index.ts';
import { isLocalFault } from '../ground/connect-failure.ts';
import { Deadline, type DeadlineOwner, type DeadlineWheel } from '../ground/deadline.ts';
import type { Drainable, DrainSet } from '../ground/drain.ts';
import type { DatagramLayer, DatagramSink, DatagramSocket } from './datagram.ts';
import type { StreamEndpoint } from './endpoint-picker.ts';
import { NODE_DATAGRAMS } from './node-datagram.ts';
import type { ListedSession } from './session-list.ts';
import type { SocketAddress } from './socket-address.ts';
import type { StreamLimits } from './stream-limits.ts';
import { newRecord, type StreamMeter, type StreamReason, type StreamRecord } from './stream-meter.ts';
import type { StreamBackend, StreamPlan } from './stream-plan.ts';

/** The listener that it is one of. */
interface SessionOwner {
  readonly options: {
    layer?: DatagramLayer;
    wheel: DeadlineWheel;
    limits: StreamLimits;
    meter: StreamMeter;
    live: DrainSet;
  };
  forget(session: UdpSession): void;
}

/** The socket that the client sent to. */
interface ClientSocket {
  /** By client. */
  readonly sessions: Map<string, UdpSession>;
  reply(bytes: Buffer, client: SocketAddress): void;
}

/** Milliseconds without a datagram after which a session ends while its port drains: answers on their way get a moment. */
const DRAIN_GRACE = 1_000;

export class UdpSession implements DatagramSink, DeadlineOwner, Drainable, ListedSession<UdpSession> {
  readonly key: string;
  readonly pass: StreamPass | null;
  /** The socket the client sent to: replies leave from there, so that they come from the address it knows. */
  readonly bound: ClientSocket;
  before: UdpSession | undefined = undefined;
  after: UdpSession | undefined = undefined;
  list: ListedSession<UdpSession>['list'] = undefined;
  /** When the client last sent, on the wheel's clock. */
  lastHeard = 0;
  readonly #listener: SessionOwner;
  readonly #client: SocketAddress;
  readonly #backend: StreamBackend;
  readonly #endpoint: StreamEndpoint;
  readonly #record: StreamRecord;
  readonly #deadline = new Deadline(this);
  #socket: DatagramSocket | undefined = undefined;
  #answered = false;
  #over = false;

  constructor(listener: SessionOwner, bound: ClientSocket, origin: SessionOrigin) {
    this.#listener = listener;
    this.bound = bound;
    this.key = origin.key;
    this.pass = origin.pass;
    this.#client = { address: origin.client.address, port: origin.client.port };
    this.#backend = origin.backend;
    this.#endpoint = origin.endpoint;
    const { address, port } = origin.endpoint;
    this.#record = {
      ...newRecord({
        protocol: 'udp',
        listener: origin.plan.listener,
        client: this.#client.address,
        clientPort: this.#client.port,
        host: '',
      }),
      route: origin.plan.route,
      backend: origin.backend.key,
      endpoint: socketName(address, port),
      attempts: 1,
      ...origin.pass?.noted,
    };
  }

  begin(): void {
    const { layer = NODE_DATAGRAMS, meter } = this.#listener.options;
    meter.opened('udp', this.#record.listener);
    const socket = layer.connect({ address: this.#endpoint.address, port: this.#endpoint.port }, this);
    if (this.#over) socket.close();
    else this.#socket = socket;
  }

  /** From the client. */
  forward(bytes: Buffer): void {
    const { wheel } = this.#listener.options;
    this.lastHeard = wheel.now;
    this.#touch();
    this.#record.bytesIn += bytes.length;
    this.#socket?.send(bytes);
  }

  /** The client sent again after it was answered: its address is not forged. */
  get proven(): boolean {
    return this.#answered;
  }

  /** From the endpoint. */
  onDatagram(bytes: Buffer): void {
    if (this.#over) return;
    this.#touch();
    if (!this.#answered) {
      this.#answered = true;
      this.#record.connected = performance.now() - this.#record.started;
      this.#backend.picker.succeeded(this.#endpoint);
    }
    this.#record.bytesOut += bytes.length;
    this.bound.reply(bytes, this.#client);
  }

  /** An endpoint that refuses gives the client's next datagram another one. */
  onError(error: NodeJS.ErrnoException): void {
    // A datagram that is too long, or finds the kernel's buffer full, is lost as it would be anywhere.
    if (error.code === 'EMSGSIZE' || error.code === 'ENOBUFS' || error.code === 'EAGAIN') return;
    if (isLocalFault(error)) {
      this.end('limit');
      return;
    }
    this.#backend.picker.failed(this.#endpoint);
    this.end(error.code === 'ECONNREFUSED' ? 'connect_refused' : 'connect_failed');
  }

  onDeadline(): void {
    this.end('');
  }

  #touch(): void {
    const { wheel, limits, live } = this.#listener.options;
    wheel.set(this.#deadline, live.draining ? DRAIN_GRACE : limits.sessionIdleTimeout);
  }

  /** A session has no end that could be waited for: one that is silent for a moment is over. */
  drain(): void {
    const { wheel, limits } = this.#listener.options;
    const silentSince = this.#deadline.dueAt - limits.sessionIdleTimeout;
    const grace = silentSince + DRAIN_GRACE - wheel.now;
    if (grace > 0) wheel.set(this.#deadline, grace);
    else this.end('');
  }

  cut(): void {
    this.end('drained');
  }

  end(reason: StreamReason): void {
    if (this.#over) return;
    this.#over = true;
    this.#deadline.retire();
    this.#socket?.close();
    this.#backend.picker.release(this.#endpoint);
    this.#record.reason = reason;
    this.#listener.forget(this);
    this.#listener.options.meter.closed(this.#record);
  }
}

export interface SessionOrigin {
  key: string;
  client: SocketAddress;
  plan: StreamPlan;
  backend: StreamBackend;
  endpoint: StreamEndpoint;
  /** By which policies let it in; null: none acts there. */
  pass: StreamPass | null;
}

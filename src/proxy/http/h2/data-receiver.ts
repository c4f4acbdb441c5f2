/** DATA that comes: accounted for, and passed on to streams. */

import { abuseCounts, MAX_FAIR_HELD, MAX_HELD_BODIES } from './abuse.ts';
import { type ClosedStreams, RESET_BY_US } from './closed-streams.ts';
import * as frame from './frame.ts';
import { CONNECTION_WINDOW } from './settings.ts';
import { schedule, type TurnTask } from './turn.ts';

/** A stream as far as something comes for it. */
export interface ReceivingStream {
  readonly id: number;
  receiveWindow: number;
  readonly remoteClosed: boolean;
  readonly acceptsData: boolean;
  /** This read brought it something. */
  touched: boolean;
  /** False: it breaks the rules. */
  receive(start: number, end: number): boolean;
  receiveEnd(trailersStart: number, trailersEnd: number): boolean;
  acknowledge(bytes: number): void;
  deliverWaiting(): void;
  flushDelivered(): void;
}

/** The connection that DATA comes on. */
interface ReceivingConnection<S> extends TurnTask {
  readonly reader: frame.FrameReader;
  readonly headers: { readonly underWay: boolean };
  readonly control: { countReset(): void; countEmptyData(): void };
  readonly sender: { windowUpdate(streamId: number, by: number): void; reset(streamId: number, code: number): void };
  readonly streams: ReadonlyMap<number, S>;
  readonly closedStreams: ClosedStreams;
  readonly awaitsSettings: boolean;
  wasOpened(streamId: number): boolean;
  connectionError(code: number, why: string): void;
  /** The peer is the client, and what it sends are requests. */
  readonly peerOpensStreams: boolean;
  violation(stream: S, code: number): void;
  streamError(stream: S, code: number, why: 'overloaded'): void;
  malformed(stream: S): void;
  settle(stream: S): void;
}

/** Of all clients' connections. */
let heldInAll = 0;

/** Bytes of requests' bodies that wait for slow backends in this process. */
export function waitingBodyBytes(): number {
  return heldInAll;
}

export class DataReceiver<S extends ReceivingStream> implements frame.DataHandler {
  readonly #connection: ReceivingConnection<S>;
  /** Bytes that the peer may send on all streams together, and those done with since it was told. */
  #window: number = CONNECTION_WINDOW;
  #most: number = CONNECTION_WINDOW;
  #unacknowledged = 0;
  /** Stream of the frame under way; null: its data is dropped. */
  #stream: S | null = null;
  /** The frame under way holds data, not only padding. */
  #hasData = false;
  /** Bytes of it that no stream has taken charge of. */
  #owed = 0;
  /** Streams that this read brought something to. */
  #touched: S[] = [];
  /** Streams that were resumed with data waiting. */
  #deliverable: S[] = [];
  /** Bytes that wait on its streams until they are resumed. */
  #held = 0;
  #over = false;

  constructor(connection: ReceivingConnection<S>) {
    this.#connection = connection;
  }

  /** Before anything comes. */
  open(window: number): void {
    this.#window = this.#most = window;
  }

  onDataFrame(): void {
    const connection = this.#connection;
    const { streamId, length } = connection.reader;
    this.#stream = null;
    this.#hasData = false;
    this.#owed = length;
    this.#window -= length;
    if (connection.headers.underWay || streamId === 0 || connection.awaitsSettings) {
      connection.connectionError(frame.PROTOCOL_ERROR, 'DATA out of place');
      return;
    }
    if (this.#window < 0) {
      connection.connectionError(frame.FLOW_CONTROL_ERROR, 'more DATA than the connection window allows');
      return;
    }
    const stream = connection.streams.get(streamId);
    if (stream === undefined || stream.remoteClosed || !stream.acceptsData) {
      this.#strayData(streamId, stream);
      return;
    }
    stream.receiveWindow -= length;
    if (stream.receiveWindow >= 0) this.#stream = stream;
    else connection.violation(stream, frame.FLOW_CONTROL_ERROR);
  }

  /** DATA for a stream that takes none. What we reset may go on for a while. */
  #strayData(streamId: number, stream: S | undefined): void {
    const connection = this.#connection;
    if (stream !== undefined) {
      connection.violation(stream, stream.remoteClosed ? frame.STREAM_CLOSED : frame.PROTOCOL_ERROR);
    } else if (!connection.wasOpened(streamId)) {
      connection.connectionError(frame.PROTOCOL_ERROR, 'DATA on an idle stream');
    } else if (connection.closedStreams.how(streamId) !== RESET_BY_US) {
      connection.control.countReset();
      connection.sender.reset(streamId, frame.STREAM_CLOSED);
    } else if ((connection.reader.flags & frame.END_STREAM) !== 0) {
      connection.closedStreams.end(streamId);
    }
  }

  onData(start: number, end: number): void {
    const connection = this.#connection;
    const stream = this.#stream;
    this.#hasData = true;
    if (stream === null) return;
    if (stream.receive(start, end)) this.#owed -= end - start;
    else connection.malformed(stream);
    if (stream.remoteClosed || connection.streams.get(stream.id) !== stream) this.#stream = null;
  }

  onDataEnd(): void {
    const connection = this.#connection;
    const stream = this.#stream;
    this.#stream = null;
    const ends = (connection.reader.flags & frame.END_STREAM) !== 0;
    if (!this.#hasData && !ends) connection.control.countEmptyData();
    if (stream === null) this.acknowledge(this.#owed);
    else if (this.#owed > 0) stream.acknowledge(this.#owed);
    if (stream === null || !ends) return;
    if (!stream.receiveEnd(0, 0)) connection.malformed(stream);
    else connection.settle(stream);
  }

  /** `bytes` of what the connection received are done with. */
  acknowledge(bytes: number): void {
    this.#unacknowledged += bytes;
    if (this.#unacknowledged < this.#most / 2) return;
    this.#connection.sender.windowUpdate(0, this.#unacknowledged);
    this.#window += this.#unacknowledged;
    this.#unacknowledged = 0;
  }

  /** `bytes` that came for it wait until it is resumed. */
  hold(stream: S, bytes: number): void {
    if (this.#over || !this.#connection.peerOpensStreams) return;
    this.#held += bytes;
    heldInAll += bytes;
    if (heldInAll <= MAX_HELD_BODIES || this.#held <= MAX_FAIR_HELD) return;
    abuseCounts.held_bodies++;
    this.#connection.streamError(stream, frame.ENHANCE_YOUR_CALM, 'overloaded');
  }

  /** They wait no more. */
  unhold(bytes: number): void {
    if (this.#over || !this.#connection.peerOpensStreams) return;
    this.#held -= bytes;
    heldInAll -= bytes;
  }

  /** The connection is over, and what waits on it nobody gets. */
  end(): void {
    if (this.#over) return;
    this.unhold(this.#held);
    this.#over = true;
  }

  /** The stream got something in this read that is to be flushed after it. */
  touch(stream: S): void {
    if (stream.touched) return;
    stream.touched = true;
    this.#touched.push(stream);
  }

  deliverLater(stream: S): void {
    this.#deliverable.push(stream);
    schedule(this.#connection);
  }

  /** At the end of the turn: nobody else is at work in ARENA. */
  deliverWaiting(): void {
    if (this.#deliverable.length === 0) return;
    const deliverable = this.#deliverable;
    this.#deliverable = [];
    for (const stream of deliverable) stream.deliverWaiting();
    this.flushTouched();
  }

  flushTouched(): void {
    if (this.#touched.length === 0) return;
    const touched = this.#touched;
    this.#touched = [];
    for (const stream of touched) {
      stream.touched = false;
      stream.flushDelivered();
    }
  }
}

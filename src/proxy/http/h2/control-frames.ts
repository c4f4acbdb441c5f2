/** Frames that carry no message: settings, pings, resets, windows, and what is ignored. Each kind has a budget. */
import { ARENA } from '../../ground/arena.ts';
import type { Failure } from '../../ground/codec.ts';
import {
  type Abuse,
  Allowance,
  type Budget,
  EMPTY_DATA_BUDGET,
  IGNORED_BUDGET,
  PING_BUDGET,
  RESET_BUDGET,
  SETTINGS_BUDGET,
  WINDOW_UPDATE_BUDGET,
  WINDOW_UPDATES_PER_FRAME,
} from './abuse.ts';
import { type ClosedStreams, ENDED } from './closed-streams.ts';
import * as frame from './frame.ts';
import type { Sender, SendingStream } from './sender.ts';
import { SETTING_BYTES } from './settings.ts';

const PING_BYTES = 8;
const WORD_BYTES = 4;
const PRIORITY_BYTES = 5;
const GOAWAY_BYTES = 8;
/** For the peer to acknowledge our SETTINGS, in milliseconds. */
export const SETTINGS_ACK_TIMEOUT = 10_000;

interface ControlledStream extends SendingStream {
  readonly answered: boolean;
  /** False: it would overflow. */
  growSendWindow(by: number): boolean;
  fail(why: Failure, code?: number): void;
}

/** The connection that is controlled. */
interface ControlledConnection<S> {
  readonly reader: frame.FrameReader;
  readonly wheel: { readonly now: number };
  readonly sender: Sender<SendingStream>;
  readonly streams: ReadonlyMap<number, S>;
  readonly closedStreams: ClosedStreams;
  readonly dead: boolean;
  readonly peerOpensStreams: boolean;
  wasOpened(streamId: number): boolean;
  abused(abuse: Abuse): void;
  connectionError(code: number, why: string): void;
  violation(stream: S, code: number): void;
  forget(stream: S, how: number): void;
  sendMore(): void;
  onPeerSettings(): void;
  onPingAck(at: number): void;
  onGoaway(lastStreamId: number, code: number): void;
}

const BUDGETS: Partial<Record<Abuse, Budget>> = {
  rapid_reset: RESET_BUDGET,
  settings_flood: SETTINGS_BUDGET,
  window_update_flood: WINDOW_UPDATE_BUDGET,
  ping_flood: PING_BUDGET,
  empty_data_flood: EMPTY_DATA_BUDGET,
  ignored_frame_flood: IGNORED_BUDGET,
};

export class ControlFrames<S extends ControlledStream> {
  /** The peer's first frame has not come: it must be SETTINGS. */
  awaitsSettings = true;
  readonly #connection: ControlledConnection<S>;
  readonly #allowances = new Map<Abuse, Allowance>();
  /** When the oldest SETTINGS of ours that is not acknowledged was sent; Infinity: none. */
  #settingsSentAt = Number.POSITIVE_INFINITY;
  #unacknowledged = 0;
  /** WINDOW_UPDATE frames that what was sent explains. */
  #windowUpdates = 0;

  constructor(connection: ControlledConnection<S>) {
    this.#connection = connection;
  }

  sendSettings(payload: Buffer): void {
    this.#connection.sender.settings(payload);
    this.#settingsSentAt = this.#connection.wheel.now;
    this.#unacknowledged++;
  }

  ackOverdue(now: number): boolean {
    return now - this.#settingsSentAt > SETTINGS_ACK_TIMEOUT;
  }

  /** A stream of the peer's was reset, by it or because of it. */
  countReset(): void {
    // A backend may reset as it likes: the streams are ours.
    if (this.#connection.peerOpensStreams) this.#count('rapid_reset');
  }

  countEmptyData(): void {
    this.#count('empty_data_flood');
  }

  #count(abuse: Abuse): void {
    let allowance = this.#allowances.get(abuse);
    if (allowance === undefined) {
      allowance = new Allowance(BUDGETS[abuse]!);
      this.#allowances.set(abuse, allowance);
    }
    if (!allowance.take(this.#connection.wheel.now)) this.#connection.abused(abuse);
  }

  /** The frame in the connection's reader, with its payload in ARENA[start,end). */
  take(start: number, end: number): void {
    const { type } = this.#connection.reader;
    if (this.awaitsSettings && type !== frame.SETTINGS) {
      this.#connection.connectionError(frame.PROTOCOL_ERROR, 'the first frame is not SETTINGS');
      return;
    }
    switch (type) {
      case frame.SETTINGS:
        this.#onSettings(start, end);
        break;
      case frame.WINDOW_UPDATE:
        this.#onWindowUpdate(start);
        break;
      case frame.RST_STREAM:
        this.#onReset(start);
        break;
      case frame.PING:
        this.#onPing(start);
        break;
      case frame.GOAWAY:
        this.#onGoaway(start);
        break;
      case frame.PRIORITY:
        this.#onPriority(start);
        break;
      case frame.PUSH_PROMISE:
        this.#connection.connectionError(frame.PROTOCOL_ERROR, 'PUSH_PROMISE is not allowed');
        break;
      default:
        this.#count('ignored_frame_flood');
    }
  }

  /** Raises an error where the frame's length or stream number does not fit its type. */
  #fits(bytes: number, onStream: boolean): boolean {
    const { length, streamId } = this.#connection.reader;
    if (length !== bytes) this.#connection.connectionError(frame.FRAME_SIZE_ERROR, 'a frame has the wrong length');
    else if ((streamId !== 0) !== onStream) {
      this.#connection.connectionError(frame.PROTOCOL_ERROR, 'a frame is on the wrong stream');
    } else return true;
    return false;
  }

  #onSettings(start: number, end: number): void {
    const connection = this.#connection;
    const { flags, length } = connection.reader;
    if ((flags & frame.ACK) !== 0) {
      if (!this.#fits(0, false)) return;
      if (this.#unacknowledged === 0) return this.#count('ignored_frame_flood');
      if (--this.#unacknowledged === 0) this.#settingsSentAt = Number.POSITIVE_INFINITY;
      return;
    }
    if (!this.#fits(length - (length % SETTING_BYTES), false)) return;
    this.awaitsSettings = false;
    const { peer, encoder } = connection.sender;
    const before = peer.initialWindow;
    const code = peer.apply(start, end);
    if (code !== frame.NO_ERROR) {
      connection.connectionError(code, 'a setting has a value that is not allowed');
      return;
    }
    encoder.peerTableSize = peer.headerTableSize;
    this.#moveWindows(peer.initialWindow - before);
    connection.sender.settings(null);
    this.#count('settings_flood');
    if (!connection.dead) connection.onPeerSettings();
  }

  /** RFC 9113 6.9.2: a new initial window moves the windows of all streams, below zero if need be. */
  #moveWindows(by: number): void {
    if (by === 0) return;
    for (const stream of this.#connection.streams.values()) {
      if (stream.growSendWindow(by)) continue;
      this.#connection.connectionError(frame.FLOW_CONTROL_ERROR, 'SETTINGS_INITIAL_WINDOW_SIZE overflows a window');
      return;
    }
  }

  #onWindowUpdate(start: number): void {
    const connection = this.#connection;
    const { streamId } = connection.reader;
    if (!this.#fits(WORD_BYTES, streamId !== 0)) return;
    this.#countWindowUpdate();
    if (connection.dead) return;
    const increment = ARENA.readUInt32BE(start) & 0x7fff_ffff;
    const stream = streamId === 0 ? undefined : connection.streams.get(streamId);
    if (streamId === 0) {
      if (increment === 0) connection.connectionError(frame.PROTOCOL_ERROR, 'WINDOW_UPDATE by 0');
      else if (!connection.sender.growWindow(increment)) {
        connection.connectionError(frame.FLOW_CONTROL_ERROR, 'the connection window overflows');
      }
    } else if (stream !== undefined) {
      if (increment === 0) connection.violation(stream, frame.PROTOCOL_ERROR);
      else if (!stream.growSendWindow(increment)) {
        connection.violation(stream, frame.FLOW_CONTROL_ERROR);
      }
    } else if (connection.wasOpened(streamId)) {
      // Credit for what we sent may come after the end: counted, but expected.
      if (connection.closedStreams.how(streamId) === 0) this.#count('ignored_frame_flood');
    } else {
      connection.connectionError(frame.PROTOCOL_ERROR, 'WINDOW_UPDATE on an idle stream');
    }
    connection.sendMore();
  }

  #countWindowUpdate(): void {
    const explained = this.#connection.sender.streamFrames * WINDOW_UPDATES_PER_FRAME;
    if (this.#windowUpdates < explained) this.#windowUpdates++;
    else this.#count('window_update_flood');
  }

  #onReset(start: number): void {
    const connection = this.#connection;
    const { streamId } = connection.reader;
    if (!this.#fits(WORD_BYTES, true)) return;
    const stream = connection.streams.get(streamId);
    if (stream !== undefined) {
      const code = ARENA.readUInt32BE(start);
      const { answered } = stream;
      connection.forget(stream, ENDED);
      stream.fail('reset', code);
      if (!answered) this.countReset();
    } else if (connection.wasOpened(streamId)) {
      this.#count('ignored_frame_flood');
    } else {
      connection.connectionError(frame.PROTOCOL_ERROR, 'RST_STREAM on an idle stream');
    }
  }

  #onPing(start: number): void {
    if (!this.#fits(PING_BYTES, false)) return;
    if ((this.#connection.reader.flags & frame.ACK) !== 0) {
      this.#count('ignored_frame_flood');
      this.#connection.onPingAck(start);
      return;
    }
    this.#connection.sender.ping(frame.ACK, ARENA, start);
    this.#count('ping_flood');
  }

  #onGoaway(start: number): void {
    const { length } = this.#connection.reader;
    if (!this.#fits(Math.max(length, GOAWAY_BYTES), false)) return;
    this.#count('ignored_frame_flood');
    this.#connection.onGoaway(ARENA.readUInt32BE(start) & 0x7fff_ffff, ARENA.readUInt32BE(start + 4));
  }

  /** RFC 9113 5.3: priorities are ignored, but not frames that break their form. */
  #onPriority(start: number): void {
    const connection = this.#connection;
    const { streamId, length } = connection.reader;
    if (streamId === 0) {
      connection.connectionError(frame.PROTOCOL_ERROR, 'PRIORITY on stream 0');
    } else if (length !== PRIORITY_BYTES || (ARENA.readUInt32BE(start) & 0x7fff_ffff) === streamId) {
      const code = length !== PRIORITY_BYTES ? frame.FRAME_SIZE_ERROR : frame.PROTOCOL_ERROR;
      const stream = connection.streams.get(streamId);
      if (stream !== undefined) connection.violation(stream, code);
      else connection.connectionError(code, 'a PRIORITY frame is malformed');
    } else {
      this.#count('ignored_frame_flood');
    }
  }
}

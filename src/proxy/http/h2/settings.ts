/** SETTINGS (RFC 9113 6.5): what the peer asks for, and what we tell it. */
import { ARENA } from '../../ground/arena.ts';
import { FLOW_CONTROL_ERROR, MAX_FRAME_SIZE, NO_ERROR, PROTOCOL_ERROR } from './frame.ts';

const HEADER_TABLE_SIZE = 0x1;
const ENABLE_PUSH = 0x2;
const MAX_CONCURRENT_STREAMS = 0x3;
const INITIAL_WINDOW_SIZE = 0x4;
const MAX_FRAME_SIZE_SETTING = 0x5;
const MAX_HEADER_LIST_SIZE = 0x6;
const ENABLE_CONNECT_PROTOCOL = 0x8;

export const SETTING_BYTES = 6;
export const DEFAULT_WINDOW = 65_535;
export const MAX_WINDOW = 0x7fff_ffff;
const LEAST_FRAME_SIZE = 16 * 1024;
const MOST_FRAME_SIZE = 0xff_ffff;

/** Streams that a client may have open on one connection. */
export const MAX_STREAMS = 128;
/** Bytes that may be under way to us on one stream, and on all streams of a connection. */
export const STREAM_WINDOW: number = 128 * 1024;
export const CONNECTION_WINDOW: number = 1024 * 1024;
/** Most bytes of a field section, counted as RFC 9113 6.5.2 does; more is answered with 431. */
export const MAX_SECTION_BYTES: number = 48 * 1024;

/** What the other side asked for. */
export class PeerSettings {
  headerTableSize = 4096;
  maxStreams = Number.POSITIVE_INFINITY;
  initialWindow: number = DEFAULT_WINDOW;
  maxFrameSize: number = LEAST_FRAME_SIZE;
  connectProtocol = false;

  /** Takes the payload ARENA[start,end) of a SETTINGS frame; answers an error code. Unknown settings are ignored. */
  apply(start: number, end: number): number {
    for (let at = start; at < end; at += SETTING_BYTES) {
      const value = ARENA.readUInt32BE(at + 2);
      const code = this.#set(ARENA.readUInt16BE(at), value);
      if (code !== NO_ERROR) return code;
    }
    return NO_ERROR;
  }

  #set(setting: number, value: number): number {
    switch (setting) {
      case HEADER_TABLE_SIZE:
        this.headerTableSize = value;
        return NO_ERROR;
      case ENABLE_PUSH:
        return value > 1 ? PROTOCOL_ERROR : NO_ERROR;
      case MAX_CONCURRENT_STREAMS:
        this.maxStreams = value;
        return NO_ERROR;
      case INITIAL_WINDOW_SIZE:
        if (value > MAX_WINDOW) return FLOW_CONTROL_ERROR;
        this.initialWindow = value;
        return NO_ERROR;
      case MAX_FRAME_SIZE_SETTING:
        if (value < LEAST_FRAME_SIZE || value > MOST_FRAME_SIZE) return PROTOCOL_ERROR;
        this.maxFrameSize = value;
        return NO_ERROR;
      case ENABLE_CONNECT_PROTOCOL:
        if (value > 1) return PROTOCOL_ERROR;
        this.connectProtocol = value === 1;
        return NO_ERROR;
      default:
        return NO_ERROR;
    }
  }
}

/** What a server allows on a connection. */
export interface ServerSettings {
  readonly maxStreams: number;
  readonly streamWindow: number;
  readonly connectionWindow: number;
  /** Bytes of a frame. */
  readonly maxFrame: number;
  /** Of SETTINGS. */
  readonly payload: Buffer;
}

export function serverSettings(asked: Partial<Omit<ServerSettings, 'payload'>>): ServerSettings {
  const { maxStreams = MAX_STREAMS, streamWindow = STREAM_WINDOW, connectionWindow = CONNECTION_WINDOW } = asked;
  const { maxFrame = MAX_FRAME_SIZE } = asked;
  const payload = settingsPayload([
    [MAX_CONCURRENT_STREAMS, maxStreams],
    [INITIAL_WINDOW_SIZE, streamWindow],
    [MAX_HEADER_LIST_SIZE, MAX_SECTION_BYTES],
    [ENABLE_CONNECT_PROTOCOL, 1],
    // What every connection begins with need not be told.
    ...(maxFrame > MAX_FRAME_SIZE ? ([[MAX_FRAME_SIZE_SETTING, maxFrame]] as const) : []),
  ]);
  return { maxStreams, streamWindow, connectionWindow, maxFrame, payload };
}

export const SERVER_SETTINGS: ServerSettings = serverSettings({});

/** And as a client: no pushes. */
export const CLIENT_SETTINGS: Buffer = settingsPayload([
  [ENABLE_PUSH, 0],
  [INITIAL_WINDOW_SIZE, STREAM_WINDOW],
  [MAX_HEADER_LIST_SIZE, MAX_SECTION_BYTES],
]);

function settingsPayload(settings: ReadonlyArray<readonly [number, number]>): Buffer {
  const payload = Buffer.alloc(settings.length * SETTING_BYTES);
  settings.forEach(([setting, value], i) => {
    payload.writeUInt16BE(setting, i * SETTING_BYTES);
    payload.writeUInt32BE(value, i * SETTING_BYTES + 2);
  });
  return payload;
}

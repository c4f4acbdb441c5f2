/**
 * Frames of one connection on their way out. They are collected in a chunk and written once per turn of the event
 * loop. A connection holds a chunk only while it has something to write.
 */
import type { Link } from '../../ground/driver.ts';
import { FRAME_HEADER } from './frame.ts';

/** Collected bytes that are written at once. */
export const CHUNK_SIZE: number = 64 * 1024;
/** Up to here a string is faster than a view: Node copies it to its stack and writes from there. */
const MAX_TEXT_SEND = 16 * 1024;
/** Chunks kept to be used again: 4 MiB. */
const MAX_FREE_CHUNKS = 64;

const NO_CHUNK = Buffer.alloc(0);
const freeChunks: Buffer[] = [];

export class FrameOutput {
  buffer: Buffer = NO_CHUNK;
  length = 0;
  /** Counts the writes: a position in `buffer` is good for as long as this stays the same. */
  epoch = 0;
  /** The link has more than it can send; what is written now waits in memory. */
  blocked = false;
  #link: Link | null = null;

  /** From now on there is where to write to. */
  open(link: Link): void {
    this.#link = link;
  }

  /** Makes room for `bytes`; answers where in `buffer` they go. The caller writes them and moves `length` on. */
  reserve(bytes: number): number {
    if (this.length + bytes > this.buffer.length) this.#makeRoom(bytes);
    return this.length;
  }

  /** Writes a frame header where `reserve` made room, and moves on. */
  header(length: number, typeAndFlags: number, streamId: number): void {
    putFrameHeader(this.buffer, this.length, { length, typeAndFlags, streamId });
    this.length += FRAME_HEADER;
  }

  uint32(value: number): void {
    const { buffer, length } = this;
    buffer[length] = value >>> 24;
    buffer[length + 1] = value >>> 16;
    buffer[length + 2] = value >>> 8;
    buffer[length + 3] = value;
    this.length = length + 4;
  }

  /** Latin-1 text as it is. */
  raw(text: string): void {
    this.reserve(text.length);
    this.length += this.buffer.latin1Write(text, this.length);
  }

  bytes(source: Buffer, start: number, end: number): void {
    source.copy(this.buffer, this.length, start, end);
    this.length += end - start;
  }

  /** Writes what is collected. */
  flush(): void {
    const link = this.#link;
    const { buffer, length } = this;
    if (length === 0 || link === null) return;
    this.epoch++;
    this.length = 0;
    const text = length <= MAX_TEXT_SEND;
    const flowing = link.send(text ? buffer.latin1Slice(0, length) : buffer.subarray(0, length));
    // A false for bytes that the kernel took all the same says nothing.
    const pending = flowing ? 0 : link.pending;
    if (pending > 0) this.blocked = true;
    this.buffer = NO_CHUNK;
    if (buffer.length === CHUNK_SIZE && (text || link.pending === 0) && freeChunks.length < MAX_FREE_CHUNKS) {
      freeChunks.push(buffer);
    }
  }

  /** Nothing will be written any more. */
  drop(): void {
    if (this.buffer.length === CHUNK_SIZE && freeChunks.length < MAX_FREE_CHUNKS) freeChunks.push(this.buffer);
    this.buffer = NO_CHUNK;
    this.length = 0;
    this.epoch++;
    this.#link = null;
  }

  #makeRoom(bytes: number): void {
    if (this.#link !== null) this.flush();
    const collected = this.length;
    const old = this.buffer;
    const size = Math.max(CHUNK_SIZE, collected + bytes);
    // Before the connection is open all frames are kept: the chunk grows.
    const roomy = collected === 0 ? size : Math.max(size, 2 * old.length);
    this.buffer =
      roomy === CHUNK_SIZE ? (freeChunks.pop() ?? Buffer.allocUnsafeSlow(CHUNK_SIZE)) : Buffer.allocUnsafeSlow(roomy);
    old.copy(this.buffer, 0, 0, collected);
  }
}

export function putFrameHeader(
  buffer: Uint8Array,
  at: number,
  frame: { length: number; typeAndFlags: number; streamId: number },
): void {
  const { length, typeAndFlags, streamId } = frame;
  buffer[at] = length >>> 16;
  buffer[at + 1] = length >>> 8;
  buffer[at + 2] = length;
  buffer[at + 3] = typeAndFlags >>> 8;
  buffer[at + 4] = typeAndFlags;
  buffer[at + 5] = streamId >>> 24;
  buffer[at + 6] = streamId >>> 16;
  buffer[at + 7] = streamId >>> 8;
  buffer[at + 8] = streamId;
}

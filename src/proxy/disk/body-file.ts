/** The body of an answer on a disk, read while it is sent: as fast as the client takes it, and the last of it once it is known to be sound. */
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { BodyOutput, BodySource, BodyTransform } from '../filter/filter.ts';
import type { IoGate } from './io-gate.ts';

/** Bytes that are read at once. */
export const BODY_CHUNK: number = 128 * 1024;

interface Place {
  readonly path: string;
  /** Its first bytes, with its sums: another one under the same name is not taken for it. */
  readonly prelude: Buffer;
  readonly at: number;
  readonly length: number;
  readonly sum: number;
  /** It is not what was written. */
  onBroken(): void;
}

const BROKEN = { status: 502, reason: 'filter_failed', message: 'What was kept cannot be read.' };

export function bodySource(place: Place, gate: IoGate): BodySource {
  return { length: place.length, make: (out) => new BodyReader(place, gate, out) };
}

class BodyReader implements BodyTransform {
  readonly #place: Place;
  readonly #gate: IoGate;
  readonly #out: BodyOutput;
  #file: FileHandle | null = null;
  #read = 0;
  #sum = 0;
  #closed = false;
  /** Bytes that the receiver was not ready for are with it: it says when it takes more. */
  #blocked = false;
  #reading = false;

  constructor(place: Place, gate: IoGate, out: BodyOutput) {
    this.#place = place;
    this.#gate = gate;
    this.#out = out;
  }

  /** Nothing comes in: it begins where there is no more of that. */
  write(): boolean {
    return true;
  }

  end(): void {
    void this.#go();
  }

  drained(): void {
    this.#blocked = false;
    void this.#go();
  }

  close(): void {
    this.#closed = true;
    if (!this.#reading) this.#release();
  }

  async #go(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    try {
      while (!this.#closed && !this.#blocked && this.#read < this.#place.length) await this.#next();
      if (!this.#closed && this.#read === this.#place.length && !this.#blocked) this.#finish();
    } catch {
      this.#place.onBroken();
      if (!this.#closed) this.#out.fail(BROKEN);
      this.#closed = true;
    } finally {
      this.#reading = false;
      if (this.#closed) this.#release();
    }
  }

  async #next(): Promise<void> {
    const { at, length, sum } = this.#place;
    const bytes = await this.#gate.run('body', async () => {
      if (this.#file === null) return this.#first();
      return readAt(this.#file, at + this.#read, Math.min(BODY_CHUNK, length - this.#read));
    });
    if (bytes.length === 0) throw new Error('it is shorter than it was');
    this.#read += bytes.length;
    this.#sum = crc32(bytes, this.#sum);
    if (this.#read === length && this.#sum !== sum) throw new Error('it is not what was written');
    if (!this.#closed) this.#blocked = !this.#out.write(bytes);
  }

  /** With all that is before the body. */
  async #first(): Promise<Buffer> {
    const { path, prelude, at, length } = this.#place;
    this.#file = await open(path, 'r');
    const bytes = await readAt(this.#file, 0, Math.min(BODY_CHUNK, at + length));
    if (!bytes.subarray(0, prelude.length).equals(prelude)) throw new Error('it is another one by now');
    return bytes.subarray(at);
  }

  #finish(): void {
    this.#closed = true;
    this.#out.end();
  }

  #release(): void {
    const file = this.#file;
    this.#file = null;
    void file?.close().catch(() => {});
  }
}

/** As many bytes as there are, at most so many. */
export async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let read = 0;
  while (read < length) {
    const { bytesRead } = await file.read(bytes, read, length - read, at + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return bytes.subarray(0, read);
}

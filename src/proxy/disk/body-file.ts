/** The body of an answer on a disk, read while it is sent: as fast as the client takes it, and the last of it once it is known to be sound. */
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { BodyOutput, BodySource, BodyTransform } from '../filter/filter.ts';
import type { IoGate } from './io-gate.ts';

/** Bytes that are read at once. */
export const BODY_CHUNK: number = 64 * 1024;

interface Place {
  readonly path: string;
  /** Which file it was, so that another one under the same name is not taken for it. */
  readonly ino: bigint;
  readonly at: number;
  readonly length: number;
  readonly sum: number;
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
      const file = (this.#file ??= await this.#open());
      const chunk = Buffer.allocUnsafeSlow(Math.min(BODY_CHUNK, length - this.#read));
      const { bytesRead } = await file.read(chunk, 0, chunk.length, at + this.#read);
      return chunk.subarray(0, bytesRead);
    });
    if (bytes.length === 0) throw new Error('it is shorter than it was');
    this.#read += bytes.length;
    this.#sum = crc32(bytes, this.#sum);
    if (this.#read === length && this.#sum !== sum) throw new Error('it is not what was written');
    if (!this.#closed) this.#blocked = !this.#out.write(bytes);
  }

  async #open(): Promise<FileHandle> {
    const file = await open(this.#place.path, 'r');
    const { ino } = await file.stat({ bigint: true });
    if (ino === this.#place.ino) return file;
    await file.close();
    throw new Error('it is another one by now');
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

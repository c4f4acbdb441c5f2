/** A body on its way to the client, kept besides: whole, or not at all. */
import type { BodyOutput, BodyTransform } from '../filter.ts';

export interface Recording {
  /** Bytes; more are not kept. */
  readonly most: number;
  /** Bytes that the head promised, or undefined. */
  readonly length: number | undefined;
  /** Called once. */
  done(body: Buffer | 'TooLong' | 'CutOff'): void;
}

export class Recorder implements BodyTransform {
  readonly #out: BodyOutput;
  readonly #recording: Recording;
  #pieces: Buffer[] | null = [];
  #bytes = 0;

  constructor(out: BodyOutput, recording: Recording) {
    this.#out = out;
    this.#recording = recording;
  }

  write(bytes: Buffer): boolean {
    if (this.#pieces !== null) {
      this.#bytes += bytes.length;
      if (this.#bytes > this.#recording.most) this.#end('TooLong');
      else this.#pieces.push(bytes);
    }
    return this.#out.write(bytes);
  }

  end(): void {
    const { length } = this.#recording;
    const whole = this.#pieces !== null && (length === undefined || length === this.#bytes);
    this.#end(whole ? Buffer.concat(this.#pieces!) : 'CutOff');
    this.#out.end();
  }

  drained(): void {
    this.#out.ready();
  }

  /** The client left, or the backend did: what came is a part, whatever it looks like. */
  close(): void {
    this.#end('CutOff');
  }

  #end(body: Buffer | 'TooLong' | 'CutOff'): void {
    if (this.#pieces === null) return;
    this.#pieces = null;
    this.#recording.done(body);
  }
}

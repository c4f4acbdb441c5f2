/** Lines on their way to one descriptor. Once a write has failed, it takes none any more, and has said how many are lost. */
import sonicBoom from 'sonic-boom';

export interface LineSinkOptions {
  fd: number;
  /** It is closed with the sink. */
  owned: boolean;
  /** Bytes of a write, at most. */
  batch: number;
  /** Bytes that may wait for the reader. */
  limit: number;
  onLost(lines: number): void;
}

export class LineSink {
  isBroken = false;
  readonly #out: InstanceType<typeof sonicBoom.SonicBoom>;
  readonly #options: LineSinkOptions;
  /** What has not been written whole. */
  readonly #waiting: Array<{ bytes: number; lines: number }> = [];

  constructor(options: LineSinkOptions) {
    const { fd, batch, limit } = options;
    this.#options = options;
    this.#out = new sonicBoom.SonicBoom({ fd, sync: false, maxWrite: batch, maxLength: limit });
    this.#out.on('write', (bytes: number) => this.#written(bytes));
    this.#out.on('drop', () => this.#options.onLost(this.#waiting.pop()?.lines ?? 0));
    this.#out.on('error', () => this.#fail());
  }

  /** Whole lines. */
  write(text: string, lines: number): void {
    this.#waiting.push({ bytes: Buffer.byteLength(text), lines });
    this.#out.write(text);
  }

  /** Writes what it has, and closes what is its own. */
  end(): void {
    if (!this.isBroken) this.#out.end();
  }

  flush(done: () => void): void {
    if (this.isBroken) done();
    else this.#out.flush(done);
  }

  #written(bytes: number): void {
    let left = bytes;
    for (let first = this.#waiting[0]; first !== undefined && left > 0; first = this.#waiting[0]) {
      const taken = Math.min(left, first.bytes);
      first.bytes -= taken;
      left -= taken;
      if (first.bytes === 0) this.#waiting.shift();
    }
  }

  #fail(): void {
    if (this.isBroken) return;
    this.isBroken = true;
    this.#options.onLost(this.#waiting.splice(0).reduce((sum, { lines }) => sum + lines, 0));
    // What it had to write stays with it for good, and it would keep its file open for that.
    if (this.#options.owned) this.#out.destroy();
  }
}

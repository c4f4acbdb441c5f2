/**
 * Memory of compressors in this worker. One holds as much for an answer that nobody reads as for one that is read, and a
 * client of HTTP/2 has a hundred answers open at a time.
 */
import type { Algorithm } from './kept-compressor.ts';

/** MiB by level, from 1 on, as they were measured, and rounded up. */
const COST: Readonly<Record<Algorithm, readonly number[]>> = {
  gzip: [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5],
  br: [1, 1, 1, 1, 2, 3, 9, 16, 16],
  zstd: [1, 1, 2, 3, 3, 3, 4, 6, 11],
};
const MIB = 1024 * 1024;
/** What one counts for that gathers what comes, and has no compressor yet. */
const GATHERING = MIB / 2;
/** What is taken where there is no room for more; the answer's head has said by then that it is compressed. */
const LEAST_LEVEL = 1;

/** Bytes of compressors in a worker, of all answers together; above it answers go out as they are, until some have ended. */
export const MAX_COMPRESSORS: number = 256 * MIB;

let inAll = 0;
let asTheyAre = 0;

/** Bytes that compressors of this process count for, and answers that went out as they are since it started. */
export function compressorUse(): { bytes: number; asTheyAre: number } {
  return { bytes: inAll, asTheyAre };
}

/** Whether one more answer, which is to be, may be compressed. */
export function compressorFits(): boolean {
  const fits = inAll + GATHERING <= MAX_COMPRESSORS;
  if (!fits) asTheyAre++;
  return fits;
}

/** Of one answer, from its head to its end. */
export class CompressorMemory {
  #bytes = GATHERING;

  constructor() {
    inAll += GATHERING;
  }

  /** It gets its compressor: the level that there is room for. */
  begin(algorithm: Algorithm, level: number): number {
    const wanted = (COST[algorithm][level - 1] ?? 0) * MIB;
    const fits = inAll - this.#bytes + wanted <= MAX_COMPRESSORS;
    const taken = fits ? level : LEAST_LEVEL;
    const bytes = (COST[algorithm][taken - 1] ?? 0) * MIB;
    inAll += bytes - this.#bytes;
    this.#bytes = bytes;
    return taken;
  }

  end(): void {
    inAll -= this.#bytes;
    this.#bytes = 0;
  }
}

/**
 * Compression of what is there whole, by contexts of zlib that are kept. A context of gzip is 256 KiB: made anew for each
 * answer it costs half as much again as the compression, most of it for the memory and the collector that hears of it. Its
 * way of being asked is Node's own and undocumented, so that it is tried once, and releases that do otherwise get a new
 * context for each answer.
 */
import type { Duplex } from 'node:stream';
import {
  brotliCompressSync,
  constants,
  createGzip,
  createZstdCompress,
  gunzipSync,
  gzipSync,
  zstdCompressSync,
  zstdDecompressSync,
} from 'node:zlib';
import type { CompressionSettings } from '../../config/index.ts';

export type Algorithm = CompressionSettings['algorithms'][number];

/**
 * Bytes of an answer that are gathered and compressed at once where there are no more, which takes half a millisecond at
 * most. A stream of zlib costs three times the processor time of that: a thread is asked, and the memory is its own.
 */
export const AT_ONCE: number = 64 * 1024;
/** What incompressible bytes may grow by. */
const GROWTH = 1024;

/** Of a stream of zlib, as Node's own `gzipSync` uses it. */
interface Inside {
  readonly _handle: {
    /** Tells in `_writeState` how many bytes of the output are free, and how many of the input are left. */
    writeSync(flush: number, ...places: [Buffer, number, number, Buffer, number, number]): void;
    reset(): void;
  } | null;
  readonly _writeState: Uint32Array;
}

export interface Kind {
  open(level: number): Duplex;
  readonly end: number;
  /** Before each use; else the end of one begins the next. */
  readonly resets: boolean;
  anew(bytes: Buffer, level: number): Buffer;
  back(bytes: Buffer): Buffer;
}

export const GZIP: Kind = {
  open: (level) => createGzip({ level }),
  end: constants.Z_FINISH,
  resets: true,
  anew: (bytes, level) => gzipSync(bytes, { level }),
  back: gunzipSync,
};
export const ZSTD: Kind = {
  open: (level) => createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: level } }),
  end: constants.ZSTD_e_end,
  // It would be made anew, without its level.
  resets: false,
  anew: (bytes, level) => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: level } }),
  back: zstdDecompressSync,
};

const OUTPUT = Buffer.allocUnsafeSlow(AT_ONCE + GROWTH);
const PROBE = Buffer.from('What is put in twice comes out twice. '.repeat(64));

export class KeptCompressor {
  readonly #kind: Kind;
  readonly #level: number;
  /** Null: it is not to be had here, or has failed. */
  #inside: Inside | null;

  constructor(kind: Kind, level: number) {
    this.#kind = kind;
    this.#level = level;
    // What fails is made anew by `anew`, which says so.
    this.#inside = kind.open(level).on('error', () => {}) as Duplex & Inside;
    if (!this.#works()) this.#inside = null;
  }

  get keeps(): boolean {
    return this.#inside !== null;
  }

  /** Of AT_ONCE bytes at most. */
  compressed(bytes: Buffer): Buffer {
    const kept = this.#byKept(bytes);
    if (kept !== null) return kept;
    this.#inside = null;
    return this.#kind.anew(bytes, this.#level);
  }

  #byKept(bytes: Buffer): Buffer | null {
    const { _handle: handle, _writeState: state } = this.#inside ?? {};
    if (!handle || !state) return null;
    if (this.#kind.resets) handle.reset();
    handle.writeSync(this.#kind.end, bytes, 0, bytes.length, OUTPUT, 0, OUTPUT.length);
    const [free = 0, left = 1] = state;
    // A failure closes it; and what did not fit has no end.
    if (this.#inside?._handle !== handle || free === 0 || left > 0) return null;
    return Buffer.from(OUTPUT.subarray(0, OUTPUT.length - free));
  }

  /** Twice, and with something else between. */
  #works(): boolean {
    try {
      return [PROBE, PROBE.subarray(7, 70), PROBE].every((bytes) => {
        const made = this.#byKept(bytes);
        return made !== null && this.#kind.back(made).equals(bytes);
      });
    } catch {
      return false;
    }
  }
}

/** By level: there are not many, and nobody adds to them. */
const KEPT: Readonly<Record<'gzip' | 'zstd', KeptCompressor[]>> = { gzip: [], zstd: [] };

/** `bytes`: AT_ONCE at most. */
export function compressedAtOnce(algorithm: Algorithm, level: number, bytes: Buffer): Buffer {
  switch (algorithm) {
    case 'gzip':
      return (KEPT.gzip[level] ??= new KeptCompressor(GZIP, level)).compressed(bytes);
    case 'zstd':
      return (KEPT.zstd[level] ??= new KeptCompressor(ZSTD, level)).compressed(bytes);
    case 'br': {
      // Its contexts end with what they were made for.
      const { BROTLI_PARAM_QUALITY: quality, BROTLI_PARAM_SIZE_HINT: size } = constants;
      return brotliCompressSync(bytes, { params: { [quality]: level, [size]: bytes.length } });
    }
  }
}

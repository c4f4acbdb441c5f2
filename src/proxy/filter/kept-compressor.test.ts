import { randomBytes } from 'node:crypto';
import { Duplex } from 'node:stream';
import { brotliDecompressSync, gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { AT_ONCE, compressedAtOnce, GZIP, KeptCompressor, ZSTD } from './kept-compressor.ts';

const BACK = { gzip: gunzipSync, br: brotliDecompressSync, zstd: zstdDecompressSync };
const TEXT = Buffer.from('<li>a line of a list, alike but for a number</li>\n'.repeat(900));

describe.each(['gzip', 'br', 'zstd'] as const)('%s at once', (algorithm) => {
  const bodies = [TEXT, Buffer.alloc(0), Buffer.from('x'), randomBytes(AT_ONCE), Buffer.alloc(AT_ONCE), TEXT];

  it('comes out as it went in, whatever was before it and however little there is to save', () => {
    for (const level of [1, 4]) {
      for (const body of bodies) {
        expect(BACK[algorithm](compressedAtOnce(algorithm, level, body)).equals(body)).toBe(true);
      }
    }
  });

  it('is bytes of its own, which the next one does not change', () => {
    const first = compressedAtOnce(algorithm, 4, TEXT);
    const copy = Buffer.from(first);
    compressedAtOnce(algorithm, 4, randomBytes(AT_ONCE));
    expect(first.equals(copy)).toBe(true);
  });
});

it('what one answer said does not make another one shorter', () => {
  const secret = randomBytes(2_000);
  const alone = new KeptCompressor(GZIP, 5).compressed(secret);
  for (const [kind, level] of [[GZIP, 5] as const, [ZSTD, 3] as const]) {
    const kept = new KeptCompressor(kind, level);
    kept.compressed(secret);
    expect(kept.compressed(secret).length).toBeGreaterThan(secret.length);
  }
  expect(alone.equals(gzipSync(secret, { level: 5 }))).toBe(true);
});

describe.each([
  ['gzip', GZIP],
  ['zstd', ZSTD],
])('%s', (_, kind) => {
  it('keeps its context with this release of Node', () => {
    const kept = new KeptCompressor(kind, 5);
    kept.compressed(TEXT);
    expect(kept.keeps).toBe(true);
  });

  it('does without where Node has another inside', () => {
    const others = [
      new Duplex(),
      Object.assign(new Duplex(), { _handle: { reset() {}, writeSync() {} }, _writeState: new Uint32Array(2) }),
    ];
    for (const other of others) {
      const kept = new KeptCompressor({ ...kind, open: () => other }, 5);
      expect(kept.keeps).toBe(false);
      expect(kind.back(kept.compressed(TEXT)).equals(TEXT)).toBe(true);
    }
  });

  it('does without once it failed or was too small', () => {
    for (const bytes of [TEXT, randomBytes(2 * AT_ONCE)]) {
      const stream = kind.open(5);
      const kept = new KeptCompressor({ ...kind, open: () => stream }, 5);
      if (bytes === TEXT) stream.destroy(new Error('no memory'));
      expect(kind.back(kept.compressed(bytes)).equals(bytes)).toBe(true);
      expect(kept.keeps).toBe(false);
    }
  });
});

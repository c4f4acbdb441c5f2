import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ARENA, JOIN_START } from '../ground/arena.ts';
import { Base64Decoder, Base64Encoder } from './base64-stream.ts';

/** What a decoder makes of these pieces, or null where it refuses them. */
function decoded(pieces: string[]): Buffer | null {
  const decoder = new Base64Decoder();
  const out: Buffer[] = [];
  for (const piece of pieces) {
    const end = decoder.decode(JOIN_START, JOIN_START + ARENA.latin1Write(piece, JOIN_START));
    if (end < 0) return null;
    out.push(Buffer.from(ARENA.subarray(JOIN_START, end)));
  }
  return decoder.complete ? Buffer.concat(out) : null;
}

function cut(text: string, places: number[]): string[] {
  const at = [0, ...places.map((place) => place % (text.length + 1)).sort((a, b) => a - b), text.length];
  return at.slice(1).map((end, i) => text.slice(at[i], end));
}

const segments = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 });

test('padded segments, cut anywhere, decode to their bytes', () => {
  fc.assert(
    fc.property(segments, fc.array(fc.nat(), { maxLength: 8 }), (parts, places) => {
      const text = parts.map((part) => Buffer.from(part).toString('base64')).join('');
      expect(decoded(cut(text, places))).toEqual(Buffer.concat(parts));
    }),
  );
});

test('what is encoded in pieces, finished now and then, decodes to its bytes', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.uint8Array({ maxLength: 20 }), fc.boolean())), (parts) => {
      const encoder = new Base64Encoder();
      const text = parts.map(([part, ends]) => encoder.encode(part) + (ends ? encoder.finish().toString() : ''));
      expect(decoded([...text, encoder.finish().toString()])).toEqual(Buffer.concat(parts.map(([part]) => part)));
    }),
  );
});

test('pieces that nothing comes between make one text', () => {
  const encoder = new Base64Encoder();
  const text = ['a', 'bc', 'defg'].map((part) => encoder.encode(Buffer.from(part))).join('');
  expect(text + encoder.finish()).toBe(btoa('abcdefg'));
});

test.each([
  ['a character of another alphabet', 'ab-_'],
  ['white space', 'YWJj\r\n'],
  ['padding that comes too early', 'Y==='],
  ['padding alone', '='],
  ['one padding character of two', 'YQ='],
  ['more after half of the padding', 'YQ=a'],
  ['bits that the padding leaves over', 'YR=='],
  ['a group that does not end', 'YWJ'],
])('%s is refused', (_, text) => {
  expect(decoded([text])).toBeNull();
  expect(decoded([...text])).toBeNull();
});

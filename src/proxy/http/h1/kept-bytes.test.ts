import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ARENA, JOIN_START, RECV_START } from '../../ground/arena.ts';
import { KeptBytes } from './kept-bytes.ts';

function append(kept: KeptBytes, text: string): void {
  kept.append(RECV_START, RECV_START + ARENA.latin1Write(text, RECV_START));
}

function window(kept: KeptBytes, limit: number): string {
  return ARENA.latin1Slice(JOIN_START, kept.window(limit));
}

test('what is appended is seen through windows and taken from the front', () => {
  const kept = new KeptBytes();
  append(kept, 'abc');
  append(kept, 'def');
  expect(kept.size).toBe(6);
  expect(window(kept, 4)).toBe('abcd');
  kept.consume(2);
  expect(window(kept, 100)).toBe('cdef');
  kept.consume(4);
  expect(kept.size).toBe(0);
  append(kept, 'x');
  expect(window(kept, 100)).toBe('x');
  kept.clear();
  expect(kept.size).toBe(0);
});

test('it is a queue of bytes, whatever is appended and taken', () => {
  const operations = fc.array(fc.tuple(fc.string({ maxLength: 3_000, unit: 'grapheme-ascii' }), fc.nat(4_000)));
  fc.assert(
    fc.property(operations, (pairs) => {
      const kept = new KeptBytes();
      let model = '';
      for (const [text, taken] of pairs) {
        append(kept, text);
        model += text;
        const count = Math.min(taken, model.length);
        kept.consume(count);
        model = model.slice(count);
        expect(kept.size).toBe(model.length);
        expect(window(kept, 100_000)).toBe(model);
      }
    }),
    { numRuns: 100 },
  );
});

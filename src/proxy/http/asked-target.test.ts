import fc from 'fast-check';
import { expect, test } from 'vitest';
import { normalEscapes } from '../ground/path-form.ts';
import { askedTarget } from './asked-target.ts';

const piece = fc.oneof(
  fc.constantFrom('/', '//', 'a', '.', '..x', ';', '%', '%2', '%2f', '%2F', '%61', '%5c', '%7E', '%c3%a9', '%25', '!'),
  fc.integer({ min: 1, max: 255 }).map((octet) => `%${octet.toString(16).padStart(2, '0')}`),
);
const path = fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join('')}`);

function served(target: string, form: 'Normalize' | 'Keep' | 'Reject'): string | number {
  const outcome = askedTarget('GET', target, form);
  return 'target' in outcome ? outcome.target : outcome.refused.status;
}

test('every path has one normal form, which is its own and means the same', () => {
  fc.assert(
    fc.property(path, (sent) => {
      const kept = served(sent, 'Keep');
      const normal = served(sent, 'Normalize');
      if (typeof kept === 'number' || typeof normal === 'number') {
        expect(normal).toBe(kept);
        return;
      }
      expect(normal).toBe(normalEscapes(kept).replace(/\/{2,}/g, '/'));
      expect(served(normal, 'Normalize')).toBe(normal);
      expect(unescaped(normal)).toBe(unescaped(kept.replace(/\/{2,}/g, '/')));
      expect(served(sent, 'Reject')).toBe(sent === normal ? sent : 400);
    }),
    { numRuns: 2000 },
  );
});

function unescaped(text: string): string {
  return text.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

test('what cannot be served is refused as a client is told', () => {
  const long = `/${'a'.repeat(9000)}`;
  expect(['/a/../b', '/%00', '/%', '/a b', 'a', long].map((target) => served(target, 'Keep'))).toEqual([
    ...Array(5).fill(400),
    414,
  ]);
  expect(served('*', 'Reject')).toBe(400);
});

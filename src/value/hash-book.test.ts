import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HashBook } from './hash-book.ts';

const steps = fc.array(
  fc.record({
    ref: fc.integer({ min: 0, max: 40 }),
    own: fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }),
  }),
  { maxLength: 60 },
);

test('holds what a map holds, and books that hold the same have one digest, whatever came in between', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const book = new HashBook();
      const map = new Map<string, string>();
      const digests = new Map<string, string>();
      for (const { ref, own } of all) {
        const key = `RouteRule/HTTPRoute/d/r${ref}/0`;
        if (own === undefined) expect(book.delete(key)).toBe(map.delete(key));
        else {
          book.set(key, `${own}`);
          map.set(key, `${own}`);
        }
        expect(book.get(key)).toBe(map.get(key));
        expect(book.size).toBe(map.size);
        const held = JSON.stringify([...map].sort());
        expect(JSON.stringify([...book].sort())).toBe(held);
        expect(digests.get(held) ?? book.digest).toBe(book.digest);
        for (const [other, digest] of digests) if (other !== held) expect(digest).not.toBe(book.digest);
        digests.set(held, book.digest);
      }
    }),
  );
});

test('an edit among 100,000 objects costs the digest a part of it, and the first one stops in between', () => {
  const book = new HashBook();
  for (let i = 0; i < 100_000; i++) book.set(`RouteRule/HTTPRoute/tenant-${i % 100}/route-${i}/0`, `${i}`);
  const all = [...book.digesting()].length;
  expect(all).toBeGreaterThan(200);
  const before = book.digest;
  book.set('RouteRule/HTTPRoute/tenant-1/route-1/0', 'edited');
  expect([...book.digesting()]).toHaveLength(1);
  expect(book.digest).not.toBe(before);
  book.clear();
  expect(book.digest).toBe(new HashBook().digest);
});

import { expect, test } from 'vitest';
import { HashRing, hashText } from './hash-ring.ts';

function ringOf(count: number, weightOf: (name: string) => number = () => 1): HashRing<string> {
  const names = Array.from({ length: count }, (_, i) => `10.0.${i >> 8}.${i & 255}:80`);
  return new HashRing(names, (name) => name, weightOf);
}

function shares(ring: HashRing<string>): Map<string, number> {
  const found = new Map<string, number>();
  for (let i = 0; i < 50_000; i++) {
    const owner = ring.at(ring.pointOf(hashText(`key ${i}`)));
    found.set(owner, (found.get(owner) ?? 0) + 1 / 50_000);
  }
  return found;
}

test.each([2, 10, 100])('%i members have about the same share', (count) => {
  const all = [...shares(ringOf(count)).values()].map((share) => share * count);
  expect(all).toHaveLength(count);
  expect(Math.min(...all)).toBeGreaterThan(0.6);
  expect(Math.max(...all)).toBeLessThan(1.5);
});

test('a member that goes takes only its own keys along', () => {
  const [ten, nine] = [ringOf(10), ringOf(9)];
  for (let i = 0; i < 10_000; i++) {
    const hash = hashText(`key ${i}`);
    const before = ten.at(ten.pointOf(hash));
    if (before !== '10.0.0.9:80') expect(nine.at(nine.pointOf(hash))).toBe(before);
  }
});

test('a ring has a bounded number of points, however many members it has and whatever they weigh', () => {
  expect(ringOf(1).points).toBe(160);
  expect(ringOf(5_000).points).toBe(100_000);
  expect(ringOf(100, () => 1_000).points).toBe(16_000);
});

test('behind the last point comes the first', () => {
  const ring = ringOf(2);
  expect(ring.pointOf(0xffff_ffff)).toBe(0);
  expect(ring.at(ring.points)).toBe(ring.at(0));
  expect(ring.pointOf(0)).toBe(0);
});

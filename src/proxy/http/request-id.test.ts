import { expect, test } from 'vitest';
import { nextRequestId } from './request-id.ts';

const MANY = 20_000;

test('ids are of 32 digits, all differ, and what differs is not told by those before', () => {
  const ids = Array.from({ length: MANY }, nextRequestId);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
  expect(new Set(ids).size).toBe(MANY);
  // The part that is chance: each of its bits is as often 0 as 1 (five standard deviations), and no two follow in order.
  const chances = ids.map((id) => Number.parseInt(id.slice(16, 24), 16));
  for (let bit = 0; bit < 32; bit++) {
    const ones = chances.filter((chance) => (chance >>> bit) & 1).length;
    expect(Math.abs(ones - MANY / 2)).toBeLessThan(5 * Math.sqrt(MANY / 4));
  }
  const steps = new Set(chances.slice(1).map((chance, i) => chance - chances[i]!));
  expect(steps.size).toBeGreaterThan(MANY * 0.99);
});

import { expect, test } from 'vitest';
import { RetryBudget } from './retry-budget.ts';

function taken(budget: RetryBudget, tries = 1000): number {
  let count = 0;
  for (let i = 0; i < tries; i++) if (budget.take()) count++;
  return count;
}

test('ten retries a second, and one for five requests', () => {
  const clock = { now: 0 };
  const budget = new RetryBudget(clock);
  expect(taken(budget)).toBe(10);
  clock.now += 500;
  expect(taken(budget)).toBe(5);
  clock.now += 60_000;
  expect(taken(budget)).toBe(10);
  for (let i = 0; i < 100; i++) budget.sent();
  expect([19, 20, 21]).toContain(taken(budget));
  for (let i = 0; i < 100_000; i++) budget.sent();
  expect(taken(budget)).toBe(100);
});

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

test('a policy that allows none has none tried again from its first request on', () => {
  const budget = new RetryBudget({ now: 0 });
  budget.limit({ percent: 0, perSecond: 0 }, undefined);
  for (let i = 0; i < 100; i++) budget.sent();
  expect(taken(budget)).toBe(0);
});

test('a smaller budget begins with what a second of it gives, and the same one again changes nothing', () => {
  const clock = { now: 0 };
  const budget = new RetryBudget(clock);
  for (let i = 0; i < 1000; i++) budget.sent();
  budget.limit(undefined, 5);
  expect(taken(budget, 50)).toBe(50);
  budget.limit({ percent: 100, perSecond: 2 }, undefined);
  expect(taken(budget)).toBe(2);
  for (let i = 0; i < 30; i++) budget.sent();
  budget.limit({ percent: 100, perSecond: 2 }, undefined);
  expect(taken(budget)).toBe(30);
});

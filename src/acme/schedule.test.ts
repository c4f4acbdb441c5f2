import { expect, test } from 'vitest';
import { RETRY, renewalAt, retryAfter } from './schedule.ts';

const DAY = 86_400_000;

test('a certificate is renewed when a third of its life is left, and not all of them at once', () => {
  const life = { from: 0, until: 90 * DAY };
  expect(renewalAt(life, 0) / DAY).toBeCloseTo(60);
  expect(renewalAt(life, 1) / DAY).toBeCloseTo(57);
  expect(renewalAt({ from: 0, until: 6 * DAY }, 0) / DAY).toBeCloseTo(4);
});

test('attempts come less and less often, and five at most in the first hour', () => {
  expect([1, 2, 3, 4].map((failures) => retryAfter(failures, 0))).toEqual([120_000, 240_000, 480_000, 960_000]);
  expect(retryAfter(50, 0)).toBe(RETRY.most);
  expect(retryAfter(50, 1)).toBe(RETRY.most * 1.5);
  let at = 0;
  let inFirstHour = 0;
  for (let failures = 1; at < 3_600_000; failures++) {
    inFirstHour++;
    at += retryAfter(failures, 0);
  }
  expect(inFirstHour).toBeLessThanOrEqual(5);
});

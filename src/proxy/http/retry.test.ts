import { expect, test } from 'vitest';
import type { Retry, RouteRule } from '../../config/index.ts';
import {
  DEFAULT_BACKOFF,
  isIdempotent,
  LONGEST_BACKOFF,
  MAX_CONNECT_ATTEMPTS,
  retriesFailure,
  retriesStatus,
  retryDelay,
  triesAnother,
} from './retry.ts';

function ruleWith(retry: Retry | undefined): RouteRule {
  return { retry } as RouteRule;
}

const RULE = ruleWith({ codes: [502, 503], attempts: 2, backoff: 100 });

test('a status is tried again where the rule names it, as often as the rule says', () => {
  expect([1, 2, 3].map((sent) => retriesStatus(RULE, 503, sent))).toEqual([true, true, false]);
  expect(retriesStatus(RULE, 500, 1)).toBe(false);
  expect(retriesStatus(ruleWith(undefined), 503, 1)).toBe(false);
});

test('a failure is tried again where the rule has a retry stanza, unless the backend spoke nonsense', () => {
  expect(retriesFailure(RULE, 'connect_refused', 1)).toBe(true);
  expect(retriesFailure(RULE, 'reset', 2)).toBe(true);
  expect(retriesFailure(RULE, 'reset', 3)).toBe(false);
  expect(retriesFailure(RULE, 'protocol_error', 1)).toBe(false);
  expect(retriesFailure(ruleWith(undefined), 'reset', 1)).toBe(false);
});

test('the wait doubles up to a limit, and by chance is up to half as long again', () => {
  expect([1, 2, 3].map((sent) => retryDelay(RULE, sent, 0))).toEqual([100, 200, 400]);
  expect(retryDelay(ruleWith({ codes: [], attempts: 1 }), 1, 0)).toBe(DEFAULT_BACKOFF);
  expect(retryDelay(RULE, 30, 0)).toBe(LONGEST_BACKOFF);
  const slow = ruleWith({ codes: [], attempts: 3, backoff: 2 * LONGEST_BACKOFF });
  expect([1, 2, 3].map((sent) => retryDelay(slow, sent, 0))).toEqual(Array(3).fill(2 * LONGEST_BACKOFF));
  expect(retryDelay(RULE, 2, 1)).toBe(300);
  const waits = Array.from({ length: 100 }, () => retryDelay(RULE, 1));
  expect(waits.every((wait) => wait >= 100 && wait < 150)).toBe(true);
  expect(new Set(waits).size).toBeGreaterThan(50);
});

test('methods that may be sent again without being asked to', () => {
  expect(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'].every(isIdempotent)).toBe(true);
  expect(['POST', 'PATCH', 'get', 'PURGE'].some(isIdempotent)).toBe(false);
});

test('what was not sent goes to another endpoint, also where the one that took no connection is none any more', () => {
  const [there, gone] = [{ retired: false }, { retired: true }];
  expect([triesAnother(2, there, 1), triesAnother(1, there, 1)]).toEqual([true, false]);
  expect([triesAnother(1, gone, 1), triesAnother(0, gone, 1)]).toEqual([true, false]);
  expect([triesAnother(9, there, MAX_CONNECT_ATTEMPTS), triesAnother(9, gone, MAX_CONNECT_ATTEMPTS)]).toEqual([
    false,
    false,
  ]);
});

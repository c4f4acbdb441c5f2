import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Trouble } from '../../config/index.ts';
import { MAX_TROUBLES, TROUBLE_DELAY, TROUBLE_INTERVAL, TroubleWatch } from './trouble-watch.ts';

const AT = { key: 'shop/cart:80', endpoint: '10.0.0.1:80' };

let told: Trouble[][];
let watch: TroubleWatch;

beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  watch = new TroubleWatch((troubles) => told.push(troubles));
});
afterEach(() => {
  watch.stop();
  vi.useRealTimers();
});

function counts(): number[] {
  return told.splice(0).flatMap((troubles) => troubles.map(({ count }) => count));
}

test('is told soon after it began, and once a minute with the count while it goes on', () => {
  for (let i = 0; i < 5; i++) watch.failed(AT, 'connect_refused');
  expect(told).toEqual([]);
  vi.advanceTimersByTime(TROUBLE_DELAY);
  expect(told).toEqual([[{ ...AT, what: 'connect_refused', count: 5 }]]);
  told.length = 0;
  for (let second = 0; second < 130; second++) {
    watch.failed(AT, 'connect_timeout');
    vi.advanceTimersByTime(1000);
  }
  expect(told.map((troubles) => troubles.length)).toEqual([1, 1]);
  expect(told[0]![0]).toMatchObject({ what: 'connect_timeout', count: 60 });
});

test('is said to be over, and told again within the minute neither as new nor as over', () => {
  watch.failed(AT, 'connect_refused');
  vi.advanceTimersByTime(TROUBLE_DELAY);
  watch.over(AT);
  vi.advanceTimersByTime(TROUBLE_DELAY);
  expect(counts()).toEqual([1, 0]);
  watch.failed(AT, 'connect_refused');
  vi.advanceTimersByTime(10 * TROUBLE_DELAY);
  expect(counts()).toEqual([]);
  vi.advanceTimersByTime(TROUBLE_INTERVAL);
  expect(counts()).toEqual([1]);
});

test('is over where nothing fails for a minute, and then forgotten', () => {
  watch.failed(AT, 'unresolved');
  vi.advanceTimersByTime(TROUBLE_DELAY);
  vi.advanceTimersByTime(3 * TROUBLE_INTERVAL);
  expect(counts()).toEqual([1, 0]);
  expect(vi.getTimerCount()).toBe(0);
});

test('what is over before it was told is told all the same', () => {
  watch.failed(AT, 'connect_refused');
  watch.over(AT);
  vi.advanceTimersByTime(TROUBLE_DELAY);
  expect(counts()).toEqual([1]);
  vi.advanceTimersByTime(TROUBLE_DELAY);
  expect(counts()).toEqual([0]);
});

test('of many at once so many are told, and the others a moment later', () => {
  for (let i = 0; i < MAX_TROUBLES + 1; i++) watch.failed({ ...AT, endpoint: `10.0.0.1:${i}` }, 'connect_refused');
  vi.advanceTimersByTime(TROUBLE_DELAY);
  expect(told.map(({ length }) => length)).toEqual([MAX_TROUBLES]);
  vi.advanceTimersByTime(TROUBLE_DELAY);
  expect(told.map(({ length }) => length)).toEqual([MAX_TROUBLES, 1]);
});

test('nothing is told of what is stopped', () => {
  watch.failed(AT, 'connect_refused');
  watch.stop();
  vi.advanceTimersByTime(TROUBLE_INTERVAL);
  expect(told).toEqual([]);
});

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FORGOTTEN_TIME, Forgotten, MAX_FORGOTTEN_OTHERS, MAX_FORGOTTEN_URLS } from './forgotten.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const file = (target: string, { source = 'p', host = 'a' } = {}) => ({ source, host, target, key: '' });

test('what was kept before a purge of its URL, beginning, host or policy is not used, and what came after it is', () => {
  const forgotten = new Forgotten();
  vi.advanceTimersByTime(100);
  forgotten.add({ policy: 'p', host: 'a', target: '/x' });
  forgotten.add({ host: 'b' });
  forgotten.add({ host: 'a', target: '/begin', prefix: true });
  forgotten.add({ policy: 'q' });
  for (const one of [file('/x'), file('/1', { host: 'b' }), file('/beginning'), file('/1', { source: 'q' })]) {
    expect([forgotten.has(one, 100), forgotten.has(one, 101)]).toEqual([true, false]);
  }
  for (const one of [file('/xy'), file('/x', { host: 'c' }), file('/x', { source: 'r' }), file('/')]) {
    expect(forgotten.has(one, 0)).toBe(false);
  }
});

test.each([
  ['of URLs', (i: number) => ({ policy: 'p', host: 'a', target: `/${i}` }), MAX_FORGOTTEN_URLS],
  ['of others', (i: number) => ({ host: `${i}` }), MAX_FORGOTTEN_OTHERS],
])('of very many %s all that was kept before is not used for a while', (_, purgeOf, most) => {
  const forgotten = new Forgotten();
  vi.advanceTimersByTime(100);
  for (let i = 0; i < most; i++) forgotten.add(purgeOf(i))(true);
  expect(forgotten.has(file('/any', { host: 'any' }), 0)).toBe(false);
  forgotten.add(purgeOf(most))(true);
  expect(forgotten.has(file('/any', { host: 'any' }), 100)).toBe(true);
  expect(forgotten.has(file('/any', { host: 'any' }), 101)).toBe(false);
  vi.advanceTimersByTime(FORGOTTEN_TIME);
  expect(forgotten.has(file('/any', { host: 'any' }), 100)).toBe(false);
});

test.each([
  ['of URLs', (i: number) => ({ policy: 'p', host: 'a', target: `/${i}` }), MAX_FORGOTTEN_URLS],
  ['of others', (i: number) => ({ policy: 'p', host: `${i}` }), MAX_FORGOTTEN_OTHERS],
])('very many %s of one policy take nothing from another', (_, purgeOf, most) => {
  const forgotten = new Forgotten();
  vi.advanceTimersByTime(100);
  forgotten.add({ policy: 'q', host: 'a', target: '/x' })(true);
  for (let i = 0; i <= most; i++) forgotten.add(purgeOf(i))(true);
  expect(forgotten.has(file('/any', { host: 'any' }), 100)).toBe(true);
  expect(forgotten.has(file('/any', { host: 'any', source: 'q' }), 0)).toBe(false);
  expect(forgotten.has(file('/x', { source: 'q' }), 0)).toBe(true);
});

test('what is not gone from the disk yet is not used, however long that takes, and other workers have as long again', () => {
  const forgotten = new Forgotten();
  vi.advanceTimersByTime(100);
  const onDone = forgotten.add({ policy: 'p', host: 'a' });
  const onLeft = forgotten.add({ policy: 'p', host: 'b', target: '/x' });
  onLeft(false);
  // They become one with many others.
  for (let i = 0; i <= MAX_FORGOTTEN_OTHERS; i++) forgotten.add({ policy: 'r', host: `${i}` });
  vi.advanceTimersByTime(10 * FORGOTTEN_TIME);
  forgotten.add({ policy: 'other' })(true);
  expect(forgotten.has(file('/1'), 100)).toBe(true);
  onDone(true);
  vi.advanceTimersByTime(10 * FORGOTTEN_TIME);
  expect(forgotten.has(file('/1'), 100)).toBe(true);
  vi.advanceTimersByTime(FORGOTTEN_TIME);
  expect(forgotten.has(file('/1'), 100)).toBe(false);
  for (const one of [file('/x', { host: 'b' }), file('/any', { source: 'r' })])
    expect(forgotten.has(one, 100)).toBe(true);
});

test('so is one URL, also where it becomes one with many others', () => {
  const forgotten = new Forgotten();
  vi.advanceTimersByTime(100);
  const [one, two] = ['/1', '/2'].map((target) => forgotten.add({ policy: 'p', host: 'a', target }));
  // Purged again: both are to be done.
  const again = forgotten.add({ policy: 'p', host: 'a', target: '/1' });
  vi.advanceTimersByTime(10 * FORGOTTEN_TIME);
  one!(true);
  forgotten.add({ policy: 'other' })(true);
  expect([forgotten.has(file('/1'), 100), forgotten.has(file('/2'), 100)]).toEqual([true, true]);
  again(true);
  vi.advanceTimersByTime(FORGOTTEN_TIME);
  forgotten.add({ policy: 'other' })(true);
  expect([forgotten.has(file('/1'), 100), forgotten.has(file('/2'), 100)]).toEqual([false, true]);
  for (let i = 0; i < MAX_FORGOTTEN_URLS; i++) forgotten.add({ policy: 'p', host: 'b', target: `/${i}` })(true);
  vi.advanceTimersByTime(10 * FORGOTTEN_TIME);
  forgotten.add({ policy: 'other' })(true);
  expect(forgotten.has(file('/2'), 100)).toBe(true);
  two!(true);
  vi.advanceTimersByTime(100 * FORGOTTEN_TIME);
  forgotten.add({ policy: 'other' })(true);
  expect(forgotten.has(file('/2'), 100)).toBe(false);
});

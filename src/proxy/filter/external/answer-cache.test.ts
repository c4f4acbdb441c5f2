import { expect, test } from 'vitest';
import type { AnswerCache as CacheSettings } from '../../../config/index.ts';
import {
  AnswerCache,
  type KeptAnswer,
  MAX_ALL_CACHED_BYTES,
  MAX_CACHED_ANSWERS,
  MAX_CACHED_BYTES,
} from './answer-cache.ts';

const SETTINGS: CacheSettings = { key: [], durations: [{ statusCodes: [200], milliseconds: 60_000 }] };
const SMALL: KeptAnswer = { status: 200, headers: [], body: Buffer.from('ok') };
const LARGE: KeptAnswer = { status: 200, headers: [], body: Buffer.alloc(MAX_CACHED_BYTES) };
/** Of one policy alone, as large as they may be. */
const MANY = 4_000;

function filled(name: string, count: number, answer: KeptAnswer): AnswerCache {
  const cache = new AnswerCache(SETTINGS);
  for (let i = 0; i < count; i++) cache.put(`${name}${i}`, answer);
  return cache;
}

test('all policies of a worker together keep so much, and who has most gives up its oldest', () => {
  const modest = filled('modest', 100, SMALL);
  const greedy = ['a', 'b', 'c', 'd'].map((name) => filled(name, MANY, LARGE));
  const all = [modest, ...greedy];
  expect(all.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(MAX_ALL_CACHED_BYTES);
  for (let i = 0; i < 100; i++) expect(modest.get(`modest${i}`)).toEqual(SMALL);
  for (const [at, cache] of greedy.entries()) {
    const name = 'abcd'[at]!;
    expect(cache.get(`${name}0`)).toBeUndefined();
    expect(cache.get(`${name}${MANY - 1}`)).toEqual(LARGE);
    expect(cache.bytes).toBeGreaterThan(MAX_ALL_CACHED_BYTES / 8);
  }
});

test('what is kept anew, is too old or has no room is not counted any more', () => {
  const cache = filled('x', 1, SMALL);
  const { bytes } = cache;
  cache.put('x0', SMALL);
  expect(cache.bytes).toBe(bytes);
  const most = filled('y', MAX_CACHED_ANSWERS + 10, SMALL);
  expect(most.bytes).toBeLessThanOrEqual(MAX_CACHED_ANSWERS * (bytes + 10));
  expect(most.get('y0')).toBeUndefined();
  const short = new AnswerCache({ key: [], durations: [{ statusCodes: [200], milliseconds: 0.001 }] });
  short.put('z', SMALL);
  const until = performance.now() + 1;
  while (performance.now() < until);
  expect([short.get('z'), short.bytes]).toEqual([undefined, 0]);
});

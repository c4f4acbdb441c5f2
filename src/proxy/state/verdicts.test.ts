import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SharedUnderway } from './shared-file.ts';
import type { SharedMemory } from './shared-table.ts';
import { SharedVerdicts, VERDICT_SETS } from './verdicts.ts';

let folder: string;
let fd: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'verdicts-'));
  fd = openSync(join(folder, 'memory'), 'w+');
});
afterEach(() => {
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

const memory = (index: number, workers = 2): SharedMemory => ({ fd, index, workers, seed: 1 });

test('what one worker tells the others read, and hear of', () => {
  const [one, other] = [new SharedVerdicts(memory(0)), new SharedVerdicts(memory(1))];
  const key = one.keyOf('shop/cart:80 10.0.0.1:80');
  expect(other.keyOf('shop/cart:80 10.0.0.1:80')).toEqual(key);
  expect([one.isOwn(key), other.isOwn(key)].filter(Boolean)).toHaveLength(1);
  other.news();
  expect([other.news(), other.read(key)]).toEqual([false, undefined]);
  one.tell(key, { healthy: false, finding: 503 });
  expect([other.news(), other.news(), one.news()]).toEqual([true, false, true]);
  expect(other.read(key)).toEqual({ healthy: false, finding: 503 });
  one.tell(key, undefined);
  expect([other.news(), other.read(key)]).toEqual([true, undefined]);
});

test('one that takes the place of another that crashed knows what that one knew, and is heard', () => {
  const [one, other] = [new SharedVerdicts(memory(0)), new SharedVerdicts(memory(1))];
  const key = one.keyOf('a');
  one.tell(key, { healthy: false, finding: 7 });
  other.news();
  const next = new SharedVerdicts(memory(0));
  expect(next.read(key)).toEqual({ healthy: false, finding: 7 });
  next.tell(key, { healthy: true, finding: 7 });
  expect([other.news(), other.read(key)?.healthy]).toEqual([true, true]);
});

test('limits that stand in the same file are not touched; four endpoints of a set have room, and no fifth', () => {
  const one = new SharedVerdicts(memory(0));
  const underway = new SharedUnderway(memory(0), 0);
  const keys = Array.from({ length: 5 }, (_, i) => ({ a: 0, b: i + VERDICT_SETS }));
  for (const key of keys) one.tell(key, { healthy: true, finding: 0 });
  expect(keys.map((key) => one.read(key)?.healthy)).toEqual([true, true, true, true, undefined]);
  one.tell(keys[0]!, undefined);
  one.tell(keys[4]!, { healthy: false, finding: 1 });
  expect(keys.map((key) => one.read(key)?.healthy)).toEqual([undefined, true, true, true, false]);
  expect(underway.take({ a: 1, b: 2, owner: 7 }, 1)).toBe(true);
});

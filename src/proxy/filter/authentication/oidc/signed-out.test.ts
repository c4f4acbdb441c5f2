import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PolicyState } from '../../../state/index.ts';
import { SIGNED_OUT_TIME, SignedOut } from './signed-out.ts';

let folder: string;
let fd: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'signed-out-'));
  fd = openSync(join(folder, 'memory'), 'w+');
});
afterEach(() => {
  vi.useRealTimers();
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

const worker = (index: number): SignedOut =>
  new SignedOut(new PolicyState({ fd, index, workers: 2, seed: 1 }).marks, 'https://i.example shop');
const soon = (): number => Date.now() + 60_000;

test('what one worker was told all others know, of one session or of all that somebody has', () => {
  const [one, other] = [worker(0), worker(1)];
  const since = Date.now() - 1_000;
  expect(one.tell({ sid: 's', jti: '1', until: soon() })).toBe(true);
  expect(other.has({ sub: 'ann', sid: 's', since })).toBe(true);
  expect(other.has({ sub: 'ann', sid: 't', since })).toBe(false);
  expect(one.tell({ sub: 'bob', jti: '2', until: soon() })).toBe(true);
  for (const sid of ['x', undefined]) expect(other.has({ sub: 'bob', sid, since })).toBe(true);
  expect(other.has({ sub: 'ann', sid: undefined, since })).toBe(false);
});

test('a session that began later goes on, and is ended by the next word', () => {
  const [one, other] = [worker(0), worker(1)];
  vi.useFakeTimers({ toFake: ['Date', 'hrtime'] });
  one.tell({ sub: 'bob', jti: '1', until: soon() });
  const later = { sub: 'bob', sid: undefined, since: Date.now() + 2 };
  vi.advanceTimersByTime(2);
  expect(other.has(later)).toBe(false);
  expect(other.has({ ...later, since: later.since - 1_000 })).toBe(true);
  other.tell({ sub: 'bob', jti: '2', until: soon() });
  vi.advanceTimersByTime(5);
  expect(one.has(later)).toBe(true);
});

test('a word is heard once, and another client is another matter', () => {
  const [one, other] = [worker(0), worker(1)];
  expect(one.tell({ sid: 's', jti: '1', until: soon() })).toBe(true);
  expect(other.tell({ sid: 's', jti: '1', until: soon() })).toBe(false);
  const elsewhere = new SignedOut(new PolicyState({ fd, index: 1, workers: 2, seed: 1 }).marks, 'https://i.example x');
  expect(elsewhere.has({ sub: 'ann', sid: 's', since: Date.now() })).toBe(false);
});

test('no session outlives what is remembered', () => {
  const one = worker(0);
  expect(one.has({ sub: 'ann', sid: undefined, since: Date.now() - SIGNED_OUT_TIME - 1 })).toBe(true);
  expect(one.has({ sub: 'ann', sid: undefined, since: Date.now() - SIGNED_OUT_TIME + 60_000 })).toBe(false);
});

import { createHash } from 'node:crypto';
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
  new SignedOut(new PolicyState({ fd, index, workers: 2, seed: 1 }).marks, {
    client: 'https://i.example shop',
    owner: 7,
  });
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
  const { marks } = new PolicyState({ fd, index: 1, workers: 2, seed: 1 });
  const elsewhere = new SignedOut(marks, { client: 'https://i.example x', owner: 7 });
  expect(elsewhere.has({ sub: 'ann', sid: 's', since: Date.now() })).toBe(false);
});

/** The two halves of a mark's hash. */
function halvesOf(kind: string, value: string): [number, number] {
  const text = JSON.stringify(['https://i.example shop', kind, value]);
  const bytes = createHash('sha256').update(text).digest();
  return [bytes.readUInt32LE(0), bytes.readUInt32LE(4)];
}

/** So many others that stand in the same set of any table of up to 262,144 of them. */
function sameSet(half: number, count: number): number[] {
  const mix = (one: number): number => (one ^ (one >>> 15)) & 0x3ffff;
  const found: number[] = [];
  for (let one = 1; found.length < count; one++) if (mix(one) === mix(half)) found.push(one);
  return found;
}

test.each([
  ['of one worker', () => new PolicyState()],
  ['of several', () => new PolicyState({ fd, index: 0, workers: 2, seed: 1 })],
])('limits that hold for long, and of very many keys, have no sign-out forgotten: %s', (_, make) => {
  const state = make();
  const one = new SignedOut(state.marks, { client: 'https://i.example shop', owner: 7 });
  const session = { sub: 'ann', sid: 's', since: Date.now() - 1_000 };
  one.tell({ sid: 's', jti: '1', until: soon() });
  const [a, b] = halvesOf('sid', 's').map((half) => sameSet(half, 12)) as [number[], number[]];
  const now = Number(process.hrtime.bigint()) / 1e6;
  const charge = { now, cost: 2 * SIGNED_OUT_TIME, capacity: 2 * SIGNED_OUT_TIME, owner: 8 };
  for (const [at, half] of a.entries()) {
    state.buckets.debt(half, b[at]!, now);
    state.buckets.charge(half, b[at]!, charge);
  }
  expect(one.has(session)).toBe(true);
});

test('no session outlives what is remembered', () => {
  const one = worker(0);
  expect(one.has({ sub: 'ann', sid: undefined, since: Date.now() - SIGNED_OUT_TIME - 1 })).toBe(true);
  expect(one.has({ sub: 'ann', sid: undefined, since: Date.now() - SIGNED_OUT_TIME + 60_000 })).toBe(false);
});

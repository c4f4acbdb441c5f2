import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Drainable, DrainSet } from './drain.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

class Member implements Drainable {
  readonly heard: string[] = [];
  readonly #onDrain: () => void;

  constructor(onDrain: () => void = () => {}) {
    this.#onDrain = onDrain;
  }

  drain(): void {
    this.heard.push('drain');
    this.#onDrain();
  }

  cut(): void {
    this.heard.push('cut');
  }
}

/** Whether it has resolved by now. */
function watch(promise: Promise<void>): { done: boolean } {
  const watched = { done: false };
  void promise.then(() => {
    watched.done = true;
  });
  return watched;
}

test('each member hears once that it drains, and the last that leaves ends it', async () => {
  const set = new DrainSet();
  const members = [new Member(), new Member()];
  for (const member of members) set.add(member);
  const drained = watch(set.drain(1_000));
  void set.drain(2_000);
  expect(members.map(({ heard }) => heard)).toEqual([['drain'], ['drain']]);
  set.delete(members[0]!);
  await vi.advanceTimersByTimeAsync(10);
  expect(drained.done).toBe(false);
  set.delete(members[1]!);
  await vi.advanceTimersByTimeAsync(0);
  expect(drained.done).toBe(true);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(members.map(({ heard }) => heard)).toEqual([['drain'], ['drain']]);
});

test('what is left is cut when the time is over, and not earlier', async () => {
  const set = new DrainSet();
  const member = new Member();
  set.add(member);
  const drained = watch(set.drain(1_000));
  await vi.advanceTimersByTimeAsync(990);
  expect([drained.done, member.heard]).toEqual([false, ['drain']]);
  await vi.advanceTimersByTimeAsync(10);
  expect([drained.done, member.heard]).toEqual([true, ['drain', 'cut']]);
});

test('asked again, the earlier end counts, in either order', async () => {
  for (const [first, second] of [
    [30_000, 1_000],
    [1_000, 30_000],
  ] as const) {
    const set = new DrainSet();
    set.add(new Member());
    const drained = [watch(set.drain(first)), watch(set.drain(second))];
    await vi.advanceTimersByTimeAsync(990);
    expect(drained.map(({ done }) => done)).toEqual([false, false]);
    await vi.advanceTimersByTimeAsync(20);
    expect(drained.map(({ done }) => done)).toEqual([true, true]);
  }
});

test('who comes while the others drain is drained at once', () => {
  const set = new DrainSet();
  set.add(new Member());
  void set.drain(1_000);
  const late = new Member();
  set.add(late);
  expect(late.heard).toEqual(['drain']);
  expect(set.size).toBe(2);
});

test('a member may leave while it hears', async () => {
  const set = new DrainSet();
  const member: Member = new Member(() => set.delete(member));
  set.add(member);
  const drained = watch(set.drain(1_000));
  await vi.advanceTimersByTimeAsync(0);
  expect(drained.done).toBe(true);
});

test('nobody is waited for where nobody is', async () => {
  const drained = watch(new DrainSet().drain(1_000));
  await vi.advanceTimersByTimeAsync(0);
  expect(drained.done).toBe(true);
});

test('a time longer than a timer can wait is not over at once', async () => {
  const set = new DrainSet();
  set.add(new Member());
  const drained = watch(set.drain(2 ** 40));
  await vi.advanceTimersByTimeAsync(100_000);
  expect(drained.done).toBe(false);
});

test('members of several sets are counted together', () => {
  const tally = { count: 0 };
  const [one, other] = [new DrainSet(tally), new DrainSet(tally)];
  const member = new Member();
  one.add(member);
  other.add(new Member());
  expect(tally.count).toBe(2);
  one.delete(member);
  one.delete(member);
  expect(tally.count).toBe(1);
  void other.drain(0);
  vi.runAllTimers();
  expect(tally.count).toBe(0);
});

test('one timer waits, for the earlier end, and none once all have gone', async () => {
  const set = new DrainSet();
  const members = [new Member(), new Member()];
  for (const member of members) set.add(member);
  void set.drain(1_000);
  const ended = set.drain(100);
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(100);
  await ended;
  expect(members.map(({ heard }) => heard)).toEqual([
    ['drain', 'cut'],
    ['drain', 'cut'],
  ]);
  expect([set.size, vi.getTimerCount()]).toEqual([0, 0]);
});

test('nobody hears of a drain before there is one, and no timer is left of one whose members went by themselves', async () => {
  const set = new DrainSet();
  const member = new Member();
  set.add(member);
  expect([member.heard, set.draining]).toEqual([[], false]);
  const ended = set.drain(1_000);
  set.delete(member);
  await ended;
  expect(vi.getTimerCount()).toBe(0);
});

test('a set in which one is on its way to what it came for says so until that one is gone, however many have arrived', () => {
  const set = new DrainSet();
  expect(set.arriving).toBe(false);
  const there = new Member();
  const coming = Object.assign(new Member(), { arriving: true });
  const arrived = Object.assign(new Member(), { arriving: false });
  for (const member of [there, arrived]) set.add(member);
  expect(set.arriving).toBe(false);
  set.add(coming);
  expect(set.arriving).toBe(true);
  set.delete(coming);
  expect(set.arriving).toBe(false);
});

test('some members drain while the others go on, and new ones are taken', () => {
  const set = new DrainSet();
  const [meant, other, late] = [new Member(), new Member(), new Member()];
  for (const member of [meant, other]) set.add(member);
  set.drainThose((member) => member === meant, 1_000);
  set.add(late);
  expect([meant, other, late].map(({ heard }) => heard)).toEqual([['drain'], [], []]);
  vi.advanceTimersByTime(999);
  expect(meant.heard).toEqual(['drain']);
  vi.advanceTimersByTime(1);
  expect([meant, other, late].map(({ heard }) => heard)).toEqual([['drain', 'cut'], [], []]);
  expect(set.size).toBe(2);
});

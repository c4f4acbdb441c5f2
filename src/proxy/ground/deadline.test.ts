import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { type Deadline, DeadlineWheel, MAX_FREE, WHEEL_TICK } from './deadline.ts';

function clocked(): { wheel: DeadlineWheel; pass(milliseconds: number): void } {
  let time = 0;
  const wheel = new DeadlineWheel(() => time);
  return {
    wheel,
    pass(milliseconds) {
      time += milliseconds;
      wheel.advance();
    },
  };
}

test('a deadline is met once, at most a tick late', () => {
  const { wheel, pass } = clocked();
  const met: number[] = [];
  const deadline = wheel.borrow({ onDeadline: (now) => met.push(now) });
  wheel.set(deadline, 120);
  pass(100);
  expect(met).toEqual([]);
  pass(WHEEL_TICK);
  expect(met).toEqual([150]);
  pass(10_000);
  expect(met).toHaveLength(1);
});

test('it can be moved on, moved forward and cleared', () => {
  const { wheel, pass } = clocked();
  const met: number[] = [];
  const deadline = wheel.borrow({ onDeadline: (now) => met.push(now) });
  wheel.set(deadline, 100);
  wheel.set(deadline, 1_000);
  pass(500);
  expect(met).toEqual([]);
  wheel.set(deadline, 100);
  pass(100);
  expect(met).toEqual([600]);
  wheel.set(deadline, 100);
  wheel.clear(deadline);
  pass(1_000);
  expect(met).toHaveLength(1);
});

test('one that lies beyond a turn of the wheel is met all the same', () => {
  const { wheel, pass } = clocked();
  const met: number[] = [];
  wheel.set(wheel.borrow({ onDeadline: (now) => met.push(now) }), 300_000);
  for (let i = 0; i < 299; i++) pass(1_000);
  expect(met).toEqual([]);
  pass(1_000);
  expect(met).toEqual([300_000]);
});

test('one that was given back says nothing to its old owner, and serves the next', () => {
  const { wheel, pass } = clocked();
  const met: string[] = [];
  const first = wheel.borrow({ onDeadline: () => met.push('first') });
  wheel.set(first, 100);
  wheel.giveBack(first);
  const second = wheel.borrow({ onDeadline: () => met.push('second') });
  expect(second).toBe(first);
  wheel.set(second, 200);
  pass(150);
  expect(met).toEqual([]);
  pass(100);
  expect(met).toEqual(['second']);
});

test('one that was given back cannot be armed by who had it', () => {
  const { wheel, pass } = clocked();
  const met: string[] = [];
  const first = wheel.borrow({ onDeadline: () => met.push('first') });
  wheel.giveBack(first);
  wheel.set(first, 100);
  wheel.setAt(first, 100);
  expect(wheel.borrow({ onDeadline: () => met.push('second') })).toBe(first);
  pass(10_000);
  expect(met).toEqual([]);
});

test('an owner may set a new deadline while it is called', () => {
  const { wheel, pass } = clocked();
  const met: number[] = [];
  const deadline: Deadline = wheel.borrow({
    onDeadline(now) {
      met.push(now);
      wheel.set(deadline, 100);
    },
  });
  wheel.set(deadline, 100);
  for (let i = 0; i < 6; i++) pass(50);
  expect(met).toEqual([100, 200, 300]);
});

test('whatever is set and however time passes, each deadline is met once, in its tick', () => {
  const sets = fc.array(fc.tuple(fc.nat(20), fc.nat(200_000)), { maxLength: 60 });
  const steps = fc.array(fc.integer({ min: 1, max: 9_000 }), { minLength: 60, maxLength: 60 });
  fc.assert(
    fc.property(sets, steps, (pairs, passes) => {
      const { wheel, pass } = clocked();
      const due = new Map<number, number>();
      const deadlines = Array.from({ length: 21 }, (_, i) =>
        wheel.borrow({
          onDeadline(now) {
            expect(now).toBeGreaterThanOrEqual(due.get(i)!);
            due.delete(i);
          },
        }),
      );
      const queue = [...pairs];
      for (const milliseconds of passes) {
        const next = queue.shift();
        if (next !== undefined) {
          wheel.set(deadlines[next[0]]!, next[1]);
          due.set(next[0], wheel.now + next[1]);
        }
        pass(milliseconds);
        for (const time of due.values()) expect(time).toBeGreaterThan(wheel.now - WHEEL_TICK);
      }
      for (let i = 0; i < 40; i++) pass(10_000);
      expect(due.size).toBe(0);
    }),
    { numRuns: 100 },
  );
});

test('one that was given back is met by nobody, even if it is set once more', () => {
  const { wheel, pass } = clocked();
  const met: string[] = [];
  const first = wheel.borrow({ onDeadline: () => met.push('first') });
  wheel.set(first, 100);
  wheel.giveBack(first);
  pass(500);
  wheel.set(first, 100);
  pass(500);
  expect(met).toEqual([]);
});

test('its next owner does not inherit when it was due', () => {
  const { wheel, pass } = clocked();
  const met: string[] = [];
  const first = wheel.borrow({ onDeadline: () => met.push('first') });
  wheel.set(first, 100);
  wheel.giveBack(first);
  expect(wheel.borrow({ onDeadline: () => met.push('second') })).toBe(first);
  pass(500);
  expect(met).toEqual([]);
});

test('one that is due at once is met with the next tick', () => {
  const { wheel, pass } = clocked();
  const met: number[] = [];
  pass(1_000);
  wheel.set(wheel.borrow({ onDeadline: (now) => met.push(now) }), 0);
  pass(WHEEL_TICK);
  expect(met).toEqual([1_050]);
});

test('time counts from when the wheel was made', () => {
  let time = 7_000;
  const wheel = new DeadlineWheel(() => time);
  time += 250;
  wheel.advance();
  expect(wheel.now).toBe(250);
});

test('a wheel that was started turns by itself, once for each tick, until it is stopped', () => {
  vi.useFakeTimers();
  try {
    let looks = 0;
    const wheel = new DeadlineWheel(() => ++looks);
    wheel.start();
    wheel.start();
    looks = 0;
    vi.advanceTimersByTime(WHEEL_TICK * 3);
    expect(looks).toBe(3);
    wheel.stop();
    vi.advanceTimersByTime(WHEEL_TICK * 3);
    expect(looks).toBe(3);
    wheel.start();
    vi.advanceTimersByTime(WHEEL_TICK + 1);
    expect([looks, vi.getTimerCount()]).toEqual([4, 1]);
    wheel.stop();
  } finally {
    vi.useRealTimers();
  }
});

test('it turns after the sockets were read, and not at all where it was stopped meanwhile', () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setImmediate'] });
  try {
    let time = 0;
    const wheel = new DeadlineWheel(() => time);
    const met: number[] = [];
    const owner = { onDeadline: (now: number) => met.push(now) };
    wheel.start();
    wheel.set(wheel.borrow(owner), 10);
    time = WHEEL_TICK;
    vi.advanceTimersToNextTimer();
    expect([wheel.now, met]).toEqual([WHEEL_TICK, []]);
    vi.advanceTimersToNextTimer();
    expect(met).toEqual([WHEEL_TICK]);
    wheel.set(wheel.borrow(owner), 10);
    time = 2 * WHEEL_TICK;
    vi.advanceTimersToNextTimer();
    wheel.stop();
    vi.advanceTimersToNextTimer();
    expect(met).toEqual([WHEEL_TICK]);
  } finally {
    vi.useRealTimers();
  }
});

test('setting a later time leaves it in its bucket, and one far away is not looked at before its time', () => {
  const { wheel, pass } = clocked();
  const deadline = wheel.borrow({ onDeadline: () => {} });
  pass(1_000);
  wheel.set(deadline, 20_000);
  expect(deadline.turn).toBe(21_000 / WHEEL_TICK);
  wheel.set(deadline, 30_000);
  expect(deadline.turn).toBe(21_000 / WHEEL_TICK);
  pass(20_000);
  expect(deadline.turn).toBe(31_000 / WHEEL_TICK);
  wheel.set(deadline, 10_000_000);
  pass(10_000);
  // Beyond a turn of the wheel: as far as the wheel goes.
  expect(deadline.turn - 31_000 / WHEEL_TICK).toBeGreaterThan(1_000);
});

test('one that was met, cleared or given back leaves the wheel with its time', () => {
  const { wheel, pass } = clocked();
  const [met, cleared, returned] = Array.from({ length: 3 }, () => {
    const deadline = wheel.borrow({ onDeadline: () => {} });
    wheel.set(deadline, 100);
    return deadline;
  });
  wheel.clear(cleared!);
  wheel.giveBack(returned!);
  pass(100);
  for (const deadline of [met, cleared, returned]) {
    expect(deadline).toMatchObject({ turn: -1, dueAt: Number.POSITIVE_INFINITY });
  }
});

test('the wheel holds nothing of a time that is over', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const { wheel, pass } = clocked();
  const gone = ((): WeakRef<Deadline> => {
    const deadline = wheel.borrow({ onDeadline: () => {} });
    wheel.set(deadline, 100);
    deadline.retire();
    return new WeakRef(deadline);
  })();
  pass(100);
  await setImmediate();
  collect();
  expect(gone.deref()).toBeUndefined();
});

test('so many that were given back are kept to be used again, and no more', () => {
  const { wheel } = clocked();
  const owner = { onDeadline: () => {} };
  const all = Array.from({ length: MAX_FREE + 1 }, () => wheel.borrow(owner));
  for (const deadline of all) wheel.giveBack(deadline);
  const known = new Set(all);
  const again = Array.from({ length: MAX_FREE + 1 }, () => wheel.borrow(owner));
  expect(again.filter((deadline) => known.has(deadline))).toHaveLength(MAX_FREE);
});

test('a wheel that turns keeps no process alive', () => {
  const timer = vi.spyOn(globalThis, 'setInterval');
  const wheel = new DeadlineWheel();
  wheel.start();
  expect((timer.mock.results[0]!.value as NodeJS.Timeout).hasRef()).toBe(false);
  wheel.stop();
  timer.mockRestore();
});

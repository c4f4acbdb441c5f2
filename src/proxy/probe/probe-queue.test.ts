import { expect, test } from 'vitest';
import { DeadlineWheel, WHEEL_TICK } from '../ground/deadline.ts';
import { MAX_PROBES, MAX_PROBES_OF_BACKEND, MAX_PROBES_OF_TURN, ProbeQueue } from './probe-queue.ts';

/** A queue on a clock of its own, and looks that end only when the test says so. */
function asking() {
  let clock = 0;
  const wheel = new DeadlineWheel(() => clock);
  const queue = new ProbeQueue(wheel);
  const begun = new Map<string, number>();
  return {
    ask(lane: string, count: number): void {
      for (let i = 0; i < count; i++) queue.ask(lane, () => begun.set(lane, (begun.get(lane) ?? 0) + 1));
    },
    done: (lane: string, milliseconds = 0) => queue.done(lane, milliseconds),
    underway: (lane: string) => begun.get(lane) ?? 0,
    pass(turns: number): void {
      for (let i = 0; i < turns; i++) {
        clock += WHEEL_TICK;
        wheel.advance();
      }
    },
  };
}

test('looks of one backend are so many at a time, and the next begins when one ends', () => {
  const { ask, done, underway } = asking();
  ask('a', MAX_PROBES_OF_BACKEND + 10);
  expect(underway('a')).toBe(MAX_PROBES_OF_BACKEND);
  ask('b', 1);
  expect(underway('b')).toBe(1);
  done('a');
  expect(underway('a')).toBe(MAX_PROBES_OF_BACKEND + 1);
});

test('who never answers holds up his own: whoever comes from elsewhere finds a place', () => {
  const { ask, done, underway, pass } = asking();
  const slow = Array.from({ length: 110 }, (_, i) => `${i < 100 ? 'evil' : `evil-${i}`}/slow-${i}`);
  for (const lane of slow) ask(lane, 1_000);
  pass(20);
  const all = slow.reduce((sum, lane) => sum + underway(lane), 0);
  expect(all).toBeGreaterThan(MAX_PROBES / 2);
  expect(all).toBeLessThan(MAX_PROBES);
  ask('shop/late', 3);
  for (let i = 1; i < 3; i++, done('shop/late')) expect(underway('shop/late')).toBeGreaterThanOrEqual(i);
});

test('so does another backend of his namespace', () => {
  const { ask, underway, pass } = asking();
  const slow = Array.from({ length: 20 }, (_, i) => `evil/slow-${i}`);
  for (let i = 0; i < 1_000; i++) for (const lane of slow) ask(lane, 1);
  pass(20);
  ask('evil/late', 1);
  expect(underway('evil/late')).toBe(1);
});

test('of one namespace backends that answer are looked at at once, however many never do', () => {
  const { ask, done, underway, pass } = asking();
  const slow = Array.from({ length: 2 * MAX_PROBES }, (_, i) => `evil/slow-${i}`);
  const ended = new Set<string>();
  ask('evil/good', 1);
  done('evil/good', 5);
  for (const lane of slow) ask(lane, 1);
  // All have had their ten seconds once, and all wait for the next ones.
  while (ended.size < slow.length) {
    pass(20);
    for (const lane of slow.filter((one) => underway(one) === 1 && !ended.has(one))) {
      ended.add(lane);
      done(lane, 10_000);
      ask(lane, 1);
    }
  }
  pass(20);
  const under = slow.reduce((sum, lane) => sum + underway(lane), 0) - slow.length;
  expect(under).toBeGreaterThan(MAX_PROBES / 3);
  expect(under).toBeLessThan(MAX_PROBES / 2 - 20);
  for (let i = 2; i < 5; i++) {
    ask('evil/good', 1);
    expect(underway('evil/good')).toBe(i);
    done('evil/good', 5);
  }
  for (let i = 0; i < 20; i++) ask(`evil/good-${i}`, 1);
  expect(Array.from({ length: 20 }, (_, i) => underway(`evil/good-${i}`))).toEqual(Array(20).fill(1));
});

test('in all so many, and of backends that wait each gets its turn', () => {
  const { ask, done, underway, pass } = asking();
  const slow = Array.from({ length: 2 * MAX_PROBES }, (_, i) => `slow-${i}/it`);
  for (let i = 0; i < 3; i++) for (const lane of slow) ask(lane, 1);
  pass(20);
  ask('late', 2);
  expect(slow.reduce((sum, lane) => sum + underway(lane), 0)).toBe(MAX_PROBES);
  expect(underway('late')).toBe(0);
  // More than there are places: they wait for each other, and none has a second look before all had one.
  const [first, second] = [slow.slice(0, MAX_PROBES), slow.slice(MAX_PROBES)];
  for (const lane of first) done(lane);
  pass(20);
  expect(slow.filter((lane) => underway(lane) !== 1)).toEqual([]);
  for (const lane of second) done(lane);
  pass(20);
  done(first[0]!);
  expect(underway('late')).toBe(1);
});

test('whatever is asked for, so many begin in a turn, and those that wait begin in the next', () => {
  const { ask, done, underway, pass } = asking();
  const lanes = ['a', 'b', 'c', 'd'];
  const all = (): number => lanes.reduce((sum, lane) => sum + underway(lane), 0);
  for (const lane of lanes) ask(lane, 1_000);
  expect(all()).toBe(MAX_PROBES_OF_TURN);
  // They end at once, as looks at endpoints that are near do.
  for (let i = 0; i < MAX_PROBES_OF_TURN / 4; i++) for (const lane of lanes) if (underway(lane) > i) done(lane);
  expect(all()).toBe(MAX_PROBES_OF_TURN);
  pass(1);
  expect(all()).toBe(2 * MAX_PROBES_OF_TURN);
});

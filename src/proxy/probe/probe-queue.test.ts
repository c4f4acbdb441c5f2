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
    done: (lane: string) => queue.done(lane),
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

test('in all so many, and of backends that wait each gets its turn', () => {
  const { ask, done, underway, pass } = asking();
  const slow = Array.from({ length: MAX_PROBES / MAX_PROBES_OF_BACKEND }, (_, i) => `slow-${i}`);
  for (const lane of slow) ask(lane, 1_000);
  pass(20);
  ask('late', 2);
  expect(slow.reduce((sum, lane) => sum + underway(lane), 0)).toBe(MAX_PROBES);
  expect(underway('late')).toBe(0);
  // Of the slow ones no other than the one whose looks end may begin one, so the late one has every second turn.
  for (let i = 0; i < 4; i++) done('slow-0');
  expect(underway('late')).toBe(2);
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

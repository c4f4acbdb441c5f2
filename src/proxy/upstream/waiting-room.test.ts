import { expect, test } from 'vitest';
import type { OpenWaiter } from './connection.ts';
import { WaitingRoom } from './waiting-room.ts';

/** Turns of which the quickest is looked at, and how many there are of each. */
const [BATCHES, TURNS] = [5, 1_000];
/** To leave may take so much longer after many have left: it does not grow with their number. */
const MOST_SLOWER = 8;

function roomOf(names: readonly string[]) {
  const room = new WaitingRoom();
  const told: string[] = [];
  const waiterOf = (name: string): OpenWaiter =>
    ({ name, upstreamUnavailable: (why: string) => void told.push(`${name}: ${why}`) }) as unknown as OpenWaiter;
  const waiters = new Map(names.map((name) => [name, waiterOf(name)]));
  for (const waiter of waiters.values()) room.admit(waiter, names.length);
  const next = (): string | undefined => (room.next() as unknown as { name: string } | undefined)?.name;
  return { room, told, waiterOf, next, waiter: (name: string): OpenWaiter => waiters.get(name)! };
}

test('who leaves and does not wait there, or no more, changes nothing', () => {
  const { room, waiterOf, waiter, next } = roomOf(['a', 'b']);
  room.leave(waiterOf('stranger'));
  expect(room.size).toBe(2);
  expect(next()).toBe('a');
  room.leave(waiter('a'));
  expect(room.size).toBe(1);
  expect([next(), next(), room.size]).toEqual(['b', undefined, 0]);
});

test('who comes back while all are turned away waits anew, behind nobody', () => {
  const { room, told, waiterOf, next } = roomOf(['a', 'b']);
  room.turnAway('connect_refused');
  expect(told).toEqual(['a: connect_refused', 'b: connect_refused']);
  room.admit(waiterOf('c'), 1);
  expect([room.size, next(), next()]).toEqual([1, 'c', undefined]);
});

test('one too many is told so after the call, and does not wait', async () => {
  const { room, told, waiterOf } = roomOf(['a']);
  expect(room.admit(waiterOf('b'), 1)).toBe(false);
  expect([room.size, told]).toEqual([1, []]);
  await Promise.resolve();
  expect(told).toEqual(['b: overloaded']);
});

test('where one waits for ever, others that come and give up make it no longer for the next to do so', () => {
  const { room, waiterOf } = roomOf(['stays']);
  const one = waiterOf('gives up');
  const turns = (count: number): number => {
    const began = performance.now();
    for (let turn = 0; turn < count; turn++) {
      room.admit(one, 2);
      room.leave(one);
    }
    return performance.now() - began;
  };
  const quickest = (): number => Math.min(...Array.from({ length: BATCHES }, () => turns(TURNS)));
  turns(TURNS);
  const before = quickest();
  turns(100_000);
  expect(quickest()).toBeLessThan(before * MOST_SLOWER);
  expect(room.size).toBe(1);
});

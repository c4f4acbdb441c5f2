import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Pace, TURN } from './pace.ts';

/** Milliseconds of work. */
function work(time: number): void {
  const end = performance.now() + time;
  while (performance.now() < end);
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

/** How long the turns of the loop are until `done`, of those that came to an end. */
async function turnsUntil(done: Promise<unknown>): Promise<number[]> {
  const turns: number[] = [];
  let ended = false;
  void done.then(() => (ended = true));
  while (!ended) {
    const began = performance.now();
    await nextTurn();
    turns.push(performance.now() - began);
  }
  return turns;
}

test('long work is done in turns, whatever a part of it costs, all of it and in order', async () => {
  const taken: number[] = [];
  const sizes: number[] = [];
  const turns = await turnsUntil(
    new Pace().take(numbers(600), (slice) => {
      taken.push(...slice);
      sizes.push(slice.length);
      work(slice.length * 0.5);
    }),
  );
  expect(taken).toEqual(numbers(600));
  // 300 ms of work.
  expect(turns.length).toBeGreaterThan(10);
  // In 10 ms there is room for twenty; a machine that is busy elsewhere makes them fewer.
  expect(Math.max(...sizes)).toBeLessThanOrEqual(32);
});

test('work that costs little is not cut to pieces', async () => {
  const sizes: number[] = [];
  await new Pace().take(numbers(100_000), (slice) => void sizes.push(slice.length));
  expect(sizes.length).toBeLessThan(100);
});

test('two that have work share the turns', async () => {
  const pace = new Pace();
  const who: string[] = [];
  const one = (name: string) =>
    pace.take(numbers(200), () => {
      who.push(name);
      work(TURN / 2);
    });
  await Promise.all([one('a'), one('b')]);
  const firstOfB = who.indexOf('b');
  expect(firstOfB).toBeGreaterThan(0);
  expect(firstOfB).toBeLessThan(who.lastIndexOf('a'));
});

test('one that fails tells its caller, and keeps nobody else from going on', async () => {
  const pace = new Pace();
  const failing = pace.take([1, 2], () => {
    throw new Error('broken');
  });
  const taken: number[] = [];
  const other = pace.take([3, 4], (slice) => void taken.push(...slice));
  await expect(failing).rejects.toThrow('broken');
  await other;
  expect(taken).toEqual([3, 4]);
});

test('whoever breathes goes on at once until the turn has been long', async () => {
  const pace = new Pace();
  await pace.breathe();
  let turns = 0;
  const count = (): void => {
    turns++;
    setImmediate(count).unref();
  };
  setImmediate(count).unref();
  for (let at = 0; at < 20; at++) {
    work(1);
    await pace.breathe();
  }
  expect(turns).toBeGreaterThan(0);
  expect(turns).toBeLessThan(10);
});

test('however many breathe, all of them together have one turn', async () => {
  const pace = new Pace();
  let [turn, longest, inThis] = [0, 0, 0];
  const count = (): void => {
    turn++;
    inThis = 0;
    setImmediate(count).unref();
  };
  setImmediate(count).unref();
  const one = async (): Promise<void> => {
    for (let at = 0; at < 20; at++) {
      await pace.breathe();
      work(1);
      longest = Math.max(longest, ++inThis);
    }
  };
  await Promise.all(Array.from({ length: 8 }, one));
  expect(turn).toBeGreaterThan(8);
  // One millisecond each, and one of each on its way as the turn ends.
  expect(longest).toBeLessThanOrEqual(TURN + 8);
});

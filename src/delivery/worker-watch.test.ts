import { expect, test } from 'vitest';
import { FROZEN_AFTER, type ReadWait, SILENT_AFTER, WATCH_INTERVAL, WorkerWatch } from './worker-watch.ts';

/** A watch whose clock and whose system are the test's. */
function watching(wait: () => ReturnType<ReadWait> = () => ({ waited: 0, blocked: false })) {
  const told: string[] = [];
  let now = 0;
  const watch = new WorkerWatch(
    {
      ask: () => told.push('ask'),
      onSilent: () => told.push('silent'),
      onAgain: () => told.push('again'),
      onFrozen: () => told.push('frozen'),
    },
    wait,
    { now },
  );
  watch.stop();
  const pass = (milliseconds: number, step: number = WATCH_INTERVAL): void => {
    for (let at = 0; at < milliseconds; at += step) watch.look((now += step));
  };
  return { told, pass, watch };
}

test('one that answers is asked again and again', () => {
  const { told, pass, watch } = watching();
  for (let i = 0; i < 100; i++) {
    pass(WATCH_INTERVAL);
    watch.heard();
  }
  expect(new Set(told)).toEqual(new Set(['ask']));
});

test('one that does not is told of, and then replaced', () => {
  const { told, pass } = watching();
  pass(WATCH_INTERVAL + SILENT_AFTER - 1);
  expect(told).toEqual(['ask', 'silent']);
  pass(FROZEN_AFTER - SILENT_AFTER - WATCH_INTERVAL);
  expect(told).toEqual(['ask', 'silent']);
  pass(WATCH_INTERVAL);
  expect(told).toEqual(['ask', 'silent', 'frozen']);
});

test('one that answers late is no more told of', () => {
  const { told, pass, watch } = watching();
  pass(FROZEN_AFTER - WATCH_INTERVAL);
  watch.heard();
  expect(told).toEqual(['ask', 'silent', 'again']);
  expect(watch.isSilent).toBe(false);
});

test('time in which it had no processor, or waited for a disk, does not count', () => {
  let waited = 0;
  const starved = watching(() => ({ waited: (waited += 0.9 * WATCH_INTERVAL), blocked: false }));
  starved.pass(5 * FROZEN_AFTER);
  expect(starved.told).toEqual(['ask', 'silent']);
  const blocked = watching(() => ({ waited: 0, blocked: true }));
  blocked.pass(5 * FROZEN_AFTER);
  expect(blocked.told).toEqual(['ask']);
});

test('what it waited is known when it has its turn, and counts for the time before', () => {
  let waited = 0;
  const { told, pass } = watching(() => ({ waited, blocked: false }));
  for (let round = 0; round < FROZEN_AFTER / WATCH_INTERVAL; round++) {
    pass(3 * WATCH_INTERVAL);
    waited += 4 * WATCH_INTERVAL;
    pass(WATCH_INTERVAL);
  }
  expect(told).toEqual(['ask']);
});

test('where the system does not tell it is only told of', () => {
  const { told, pass } = watching(() => undefined);
  pass(5 * FROZEN_AFTER);
  expect(told).toEqual(['ask', 'silent']);
});

test('a parent that stood still itself counts two looks of it', () => {
  const { told, pass } = watching();
  pass(WATCH_INTERVAL);
  pass(60_000, 60_000);
  expect(told).toEqual(['ask']);
});

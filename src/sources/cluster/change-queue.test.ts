import { expect, test } from 'vitest';
import { ChangeQueue, READ_AHEAD } from './change-queue.ts';
import { Pace } from './pace.ts';

interface Numbered {
  key: string;
  version: number;
}

function rig(most?: number) {
  const taken: string[] = [];
  let gate: Promise<void> = Promise.resolve();
  let open = (): void => {};
  const queue = new ChangeQueue<Numbered>({
    pace: new Pace(),
    take: async (_kind, changes) => {
      await gate;
      if (changes.some(({ version }) => version < 0)) throw new Error('no such version');
      taken.push(...changes.map(({ key, version }) => `${key}@${version}`));
    },
    ...(most === undefined ? {} : { most }),
  });
  const hold = (): void => {
    gate = new Promise((resolve) => (open = resolve));
  };
  return { queue, taken, hold, proceed: () => open() };
}

const routes = (namespace: string, count: number): Numbered[] =>
  Array.from({ length: count }, (_, at) => ({ key: `HTTPRoute/${namespace}/${at}`, version: 1 }));

test('what belongs together takes turns with others, and keeps its order', async () => {
  const { queue, taken } = rig();
  const flood = queue.add('HTTPRoute', routes('red', 5000));
  const own = queue.add('HTTPRoute', routes('owner', 3));
  const slices = queue.add('EndpointSlice', [{ key: 'EndpointSlice/red/web', version: 1 }]);
  await Promise.all([flood, own, slices]);
  await queue.settled('HTTPRoute');
  expect(taken).toHaveLength(5004);
  const first = taken.findIndex((one) => one.includes('/owner/'));
  expect(first).toBeLessThan(500);
  expect(taken.slice(first, first + 3)).toEqual([0, 1, 2].map((at) => `HTTPRoute/owner/${at}@1`));
  expect(taken.indexOf('EndpointSlice/red/web@1')).toBeLessThan(500);
  expect(taken.filter((one) => one.includes('HTTPRoute/red')).map((one) => Number(/(\d+)@/.exec(one)![1]))).toEqual(
    Array.from({ length: 5000 }, (_, at) => at),
  );
});

test('of an object only the last form waits', async () => {
  const { queue, taken, hold, proceed } = rig();
  hold();
  await queue.add('HTTPRoute', [{ key: 'HTTPRoute/a/first', version: 1 }]);
  for (let version = 1; version <= 1000; version++) await queue.add('HTTPRoute', [{ key: 'HTTPRoute/a/x', version }]);
  proceed();
  await queue.settled('HTTPRoute');
  expect(taken).toEqual(['HTTPRoute/a/first@1', 'HTTPRoute/a/x@1000']);
});

test('no more is read where more than READ_AHEAD objects wait', async () => {
  expect(READ_AHEAD).toBe(50_000);
  const { queue, taken, hold, proceed } = rig(100);
  hold();
  await queue.add('HTTPRoute', routes('a', 50));
  let isTaken = false;
  const more = queue.add('HTTPRoute', routes('b', 150)).then(() => (isTaken = true));
  await new Promise(setImmediate);
  expect(isTaken).toBe(false);
  proceed();
  await more;
  await queue.settled('HTTPRoute');
  expect(taken).toHaveLength(200);
});

test('what cannot be taken is told to who brings its kind, and everything else is taken', async () => {
  const { queue, taken } = rig();
  await queue.add('HTTPRoute', [{ key: 'HTTPRoute/a/bad', version: -1 }]);
  await queue.add('Service', [{ key: 'Service/a/good', version: 1 }]);
  await queue.settled('Service');
  await expect(queue.add('HTTPRoute', [{ key: 'HTTPRoute/a/good', version: 1 }])).rejects.toThrow('no such version');
  await queue.settled('HTTPRoute');
  expect(taken).toEqual(['Service/a/good@1', 'HTTPRoute/a/good@1']);
});

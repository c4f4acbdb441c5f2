import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Backend, type Delta, refKey } from '../config/index.ts';
import { merged } from './piece.ts';
import type { Rejection } from './rejections.ts';
import { TURN_OBJECTS, Waiting } from './waiting.ts';

function backend(key: string, port = 80): Backend {
  return { kind: 'Backend', key, service: { namespace: 'd', name: key, port }, protocol: 'http' };
}

const no = (key: string, message = 'no'): Rejection => ({ kind: 'Backend', key, code: 'DMN_CONFIG_INVALID', message });

function waiting(...steps: Array<{ delta: Delta; refused?: Rejection[] }>): Waiting {
  const all = new Waiting();
  for (const { delta, refused = [] } of steps) all.add({ delta, refused });
  return all;
}

/** Turns that others get while it is put together. */
async function turnsIn(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  let done = false;
  const count = (): void => {
    if (done) return;
    turns++;
    setImmediate(count);
  };
  setImmediate(count);
  await work.finally(() => (done = true));
  return turns;
}

const many = (version: number, count: number): Delta => ({
  version,
  upserts: Array.from({ length: count }, (_, at) => backend(`b${at}`, version)),
  removals: Array.from({ length: count }, (_, at) => ({ kind: 'Backend' as const, key: `gone${at}` })),
});

test('a delta that waits alone is given as it is, however large', async () => {
  const delta = many(1, 10_000);
  const refused = [no('a')];
  expect((await waiting({ delta, refused }).whole()).delta).toBe(delta);
  expect(await turnsIn(waiting({ delta }).whole())).toBe(0);
});

test('large ones are put together a part at a time: others get their turn between two parts', async () => {
  const parts = 10;
  const all = waiting({ delta: many(1, TURN_OBJECTS * parts) }, { delta: many(2, TURN_OBJECTS * parts) });
  expect(await turnsIn(all.whole())).toBeGreaterThanOrEqual(4 * parts - 2);
});

test('so are thousands of small ones', async () => {
  const all = waiting(...Array.from({ length: TURN_OBJECTS * 4 }, (_, at) => ({ delta: many(at, 1) })));
  expect(await turnsIn(all.whole())).toBeGreaterThanOrEqual(4);
});

const KEYS = ['a', 'b', 'c', 'd'];
const step = fc.uniqueArray(
  fc.record({ key: fc.constantFrom(...KEYS), does: fc.constantFrom('removed', 'refused', 'good') }),
  { selector: ({ key }) => key },
);

test('what comes out is what came in, one after the other, and of an object what was said last', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 5 }), async (steps) => {
      const last = new Map<string, Rejection | undefined>();
      const received = steps.map((objects, version) => {
        const refused = objects.flatMap(({ key, does }) => (does === 'refused' ? [no(key, `${version}`)] : []));
        for (const { key } of objects) last.set(key, undefined);
        for (const one of refused) last.set(one.key, one);
        const upserts = objects.flatMap(({ key, does }) => (does === 'good' ? [backend(key, version)] : []));
        const removals = objects.flatMap(({ key, does }) =>
          does === 'removed' ? [{ kind: 'Backend' as const, key }] : [],
        );
        return { delta: { version, upserts, removals }, refused };
      });
      const { delta, refused } = await waiting(...received).whole();
      expect(delta).toEqual(merged(...received.map((one) => one.delta)));
      const byKey = (a: Rejection, b: Rejection): number => (refKey(a) < refKey(b) ? -1 : 1);
      expect([...refused].sort(byKey)).toEqual([...last.values()].filter((one) => one !== undefined).sort(byKey));
    }),
  );
});

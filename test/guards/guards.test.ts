/**
 * Every guard, and all that may go wrong with it: nothing opens. Each fails twice, on routes of its own, side by side:
 * before it ever was whole, and while it serves; it is mended, and guards as it should. Neighbours are served all along.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Case, casesOf } from './case.ts';
import { FAILURES, type FailureName } from './guard.ts';
import { Site } from './site.ts';
import { GUARDS } from './table.ts';

const CASES = GUARDS.flatMap(casesOf);
const WITH = CASES.filter(({ world }) => world === undefined);
const WITHOUT = CASES.filter(({ world }) => world !== undefined);
const seen = new Map<string, ReadonlyArray<readonly [number, number]>>();
const neighbours = new Set<number>();

async function walk(cases: Case[], world?: 'without database'): Promise<void> {
  const site = await Site.open(cases, world);
  try {
    for (let step = 0; step < Math.max(...cases.map(({ steps }) => steps.length)); step++) {
      await site.write(step);
      for (const [name, statuses] of await site.visit(step)) seen.set(name, [...(seen.get(name) ?? []), statuses]);
    }
  } finally {
    for (const status of await site.close()) neighbours.add(status);
  }
}

beforeAll(async () => {
  await walk(WITH);
  await walk(WITHOUT, 'without database');
}, 300_000);
afterAll(() => seen.clear());

describe.each(GUARDS.map((guard) => [guard.name, guard] as const))('%s', (_, guard) => {
  test.each(casesOf(guard).map((one) => [one.what, one] as const))('%s', (_what, { name, steps }) => {
    expect(seen.get(name)!.slice(0, steps.length)).toEqual(steps.map(({ statuses }) => statuses));
  });

  test('what it cannot meet is told', () => {
    const told = Object.keys(FAILURES) as FailureName[];
    expect(Object.keys(guard.failures).sort()).toEqual(told.sort());
    for (const failure of Object.values(guard.failures))
      if (typeof failure === 'string') expect(failure).toMatch(/\w{2,} \w+/);
  });
});

test('but for a guard that was deleted nobody is let in whom it keeps out', () => {
  for (const { name, steps, guard } of CASES) {
    if (guard.whole[0] === 200) continue;
    const open = steps.filter(
      ({ statuses: [stranger], deleted }) => stranger < 300 && stranger !== 0 && deleted !== true,
    );
    expect([name, open]).toEqual([name, []]);
  }
});

test('neighbours were served all along', () => {
  expect([...neighbours]).toEqual([200]);
});

/** One more ListenerSet, or route of it, costs a controller what it brings, and not what is there. */
import { expect, test } from 'vitest';
import { ListenerSetRig, type SetCost } from './listener-set-rig.ts';

const FEW = 60;
const TIMES = 12;
/** Milliseconds below which nothing is told apart from chance. */
const LEAST: Record<keyof SetCost, number> = { set: 1, route: 0.4, edit: 2, longest: 20 };

test.each([
  { what: 'plain' },
  { what: 'with TLS', isTls: true },
  { what: 'below a wildcard of the Gateway', wide: '*.example.com' },
])(
  'with twelve times as many there, $what, a set, a route and an edit cost the same',
  async (options) => {
    const rig = await ListenerSetRig.open({ routes: 4, ...options });
    await rig.fill(FEW);
    await rig.cost();
    const few = await best(rig);
    await rig.fill(FEW * TIMES);
    const many = await best(rig);
    await rig.close();
    for (const one of ['set', 'route', 'edit'] as const) {
      // What goes through all that are there would be twelve times dearer.
      expect({ one, cost: many[one] }).toEqual({
        one,
        cost: expect.toSatisfy((cost) => cost < Math.max(few[one], LEAST[one]) * 2.5),
      });
    }
  },
  60_000,
);

test('a Gateway that goes and comes with all that is below it leaves turns to others meanwhile', async () => {
  const rig = await ListenerSetRig.open({ routes: 8 });
  await rig.fill(200);
  // Half a second of work, at least: at once it would be two turns.
  expect((await rig.comesAnew()).turns).toBeGreaterThan(10);
  await rig.close();
}, 60_000);

async function best(rig: ListenerSetRig): Promise<SetCost> {
  const [a, b] = [await rig.cost(), await rig.cost()];
  return { set: Math.min(a.set, b.set), route: Math.min(a.route, b.route), edit: Math.min(a.edit, b.edit), longest: 0 };
}

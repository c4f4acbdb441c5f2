/** Warnings wait for what comes a moment later. */
import { afterEach, describe, expect, test } from 'vitest';
import { CLASS, gateway, route, service, to, WrittenCluster } from './written-cluster.ts';

const open: WrittenCluster[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

const PATIENCE = { timeout: 20_000 };
const NEVER = 600_000;

async function start(fault: number, objects: Parameters<typeof WrittenCluster.start>[0]): Promise<WrittenCluster> {
  const times = { fault, stray: NEVER, secondLook: NEVER };
  const cluster = await WrittenCluster.start([CLASS, gateway('shop/edge'), ...objects], { times });
  open.push(cluster);
  return cluster;
}

const resolved = (cluster: WrittenCluster, name: string, status: string): Promise<unknown> =>
  expect
    .poll(() => cluster.said('HTTPRoute', 'shop', name), PATIENCE)
    .toContainEqual(expect.stringContaining(`ResolvedRefs=${status}`));

describe('a fault', () => {
  test('that has lasted is warned of, and one that a moment has mended is not', async () => {
    const cluster = await start(1500, [
      route('shop/early', 'edge', to('cart')),
      route('shop/lasting', 'edge', to('none')),
    ]);
    await resolved(cluster, 'early', 'False');
    cluster.create(service('shop/cart'));
    await resolved(cluster, 'early', 'True');
    await expect
      .poll(() => cluster.events('shop'), PATIENCE)
      .toMatchObject([{ type: 'Warning', reason: 'BackendNotFound', about: 'HTTPRoute/lasting' }]);
    // It was warned of, so that its end is told, and at once.
    cluster.create(service('shop/none'));
    await expect
      .poll(
        () =>
          cluster
            .events('shop')
            .map(({ type, about }) => `${type} ${about}`)
            .sort(),
        PATIENCE,
      )
      .toEqual(['Normal HTTPRoute/lasting', 'Warning HTTPRoute/lasting']);
  });

  test('is told before its time by a controller that ends: the next one finds it in the status', async () => {
    const cluster = await start(NEVER, [route('shop/lasting', 'edge', to('none'))]);
    await resolved(cluster, 'lasting', 'False');
    expect(cluster.events('shop')).toEqual([]);
    await cluster.end();
    expect(cluster.events('shop')).toMatchObject([{ type: 'Warning', about: 'HTTPRoute/lasting' }]);
  });
});

/** Names that are nearly right, as a cluster's conditions and Events tell of them. */
import { afterEach, describe, expect, test } from 'vitest';
import { CLASS, gateway, made, route, service, to, WrittenCluster } from './written-cluster.ts';

const open: WrittenCluster[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

/** What names there are is asked once a second at most. */
const QUICK = { fault: 30, stray: 30, secondLook: 1100 };
const PATIENCE = { timeout: 20_000 };

async function start(objects: Parameters<typeof WrittenCluster.start>[0]): Promise<WrittenCluster> {
  const cluster = await WrittenCluster.start([CLASS, gateway('shop/edge'), ...objects], { times: QUICK });
  open.push(cluster);
  return cluster;
}

const grant = (to: object) =>
  made(
    'ReferenceGrant',
    'infra/grant',
    {
      from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'shop' }],
      to: [{ group: '', ...to }],
    },
    'gateway.networking.k8s.io/v1beta1',
  );

describe('a condition that says what does not exist', () => {
  test('names what was meant in the same namespace: Service, Secret without a reference, target of a policy', async () => {
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace: 'shop', name: 'edge-cert' },
      type: 'kubernetes.io/tls',
    };
    const tls = { certificateRefs: [{ name: 'edge-crt' }] };
    const cluster = await start([
      service('shop/cart'),
      service('other/carts'),
      secret as never,
      gateway('shop/tls', { listeners: [{ name: 'https', port: 443, protocol: 'HTTPS', tls }] }),
      route('shop/web', 'edge', to('crat')),
      made(
        'AccessPolicy',
        'shop/guard',
        {
          targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'webb' }],
          deny: [{ methods: ['PUT'] }],
        },
        'policies.daemun.dev/v1alpha1',
      ),
    ]);
    const says = (kind: string, name: string) => expect.poll(() => cluster.said(kind, 'shop', name), PATIENCE);
    await says('HTTPRoute', 'web').toContainEqual(
      expect.stringContaining('Service shop/crat does not exist; did you mean cart?'),
    );
    await says('Gateway', 'tls').toContainEqual(
      expect.stringContaining('Secret shop/edge-crt does not exist; did you mean edge-cert?'),
    );
    await says('AccessPolicy', 'guard').toContainEqual(
      expect.stringContaining('HTTPRoute shop/webb does not exist; did you mean web?'),
    );
  });

  test('names nothing of another namespace but what is granted', async () => {
    const cluster = await start([
      service('infra/carts'),
      grant({ kind: 'Service', name: 'crats' }),
      route('shop/web', 'edge', to('crats', 'infra')),
    ]);
    const said = () => cluster.said('HTTPRoute', 'shop', 'web');
    await expect.poll(said, PATIENCE).toContainEqual(expect.stringMatching(/Service infra\/crats does not exist$/));
    cluster.remove('ReferenceGrant', 'infra', 'grant');
    await expect.poll(said, PATIENCE).toContainEqual(expect.stringContaining('RefNotPermitted'));
    cluster.create(grant({ kind: 'Service' }));
    await expect
      .poll(said, PATIENCE)
      .toContainEqual(expect.stringContaining('Service infra/crats does not exist; did you mean carts?'));
  });

  test('names what came a moment later', async () => {
    const cluster = await start([route('shop/web', 'edge', to('crat'))]);
    const said = () => cluster.said('HTTPRoute', 'shop', 'web');
    await expect.poll(said, PATIENCE).toContainEqual(expect.stringMatching(/Service shop\/crat does not exist$/));
    cluster.create(service('shop/cart'));
    cluster.create(route('shop/late', 'edge', to('crat')));
    await expect
      .poll(() => cluster.said('HTTPRoute', 'shop', 'late'), PATIENCE)
      .toContainEqual(expect.stringContaining('did you mean cart?'));
  });
});

describe('what names a Gateway or a class that is not there', () => {
  test('is told in an Event once it has lasted, and again when it is mended', async () => {
    const cluster = await start([
      route('shop/web', 'egde'),
      gateway('shop/astray', { gatewayClassName: 'deamun' }),
      gateway('shop/alone', { gatewayClassName: 'envoy' }),
    ]);
    const events = () => cluster.events('shop');
    await expect.poll(events, PATIENCE).toContainEqual({
      type: 'Warning',
      reason: 'NoSuchParent',
      about: 'HTTPRoute/web',
      note: 'spec.parentRefs[0]: Gateway shop/egde does not exist; did you mean edge?; nobody serves the route there until then',
    });
    await expect.poll(events, PATIENCE).toContainEqual({
      type: 'Warning',
      reason: 'NoSuchClass',
      about: 'Gateway/astray',
      note: 'spec.gatewayClassName: GatewayClass deamun does not exist; did you mean daemun?; no controller serves this Gateway until then',
    });
    // All classes are ours: there is nobody else whose it could be.
    await expect.poll(events, PATIENCE).toContainEqual(expect.objectContaining({ about: 'Gateway/alone' }));
    cluster.create(gateway('shop/egde'));
    await expect
      .poll(events, PATIENCE)
      .toContainEqual(expect.objectContaining({ type: 'Normal', about: 'HTTPRoute/web' }));
  });

  test('is left to another controller where it may be meant', async () => {
    const theirs = made('GatewayClass', 'envoy', { controllerName: 'example.com/other' });
    const cluster = await start([
      theirs,
      gateway('shop/theirs', { gatewayClassName: 'envoyy' }),
      route('shop/theirs', 'somewhere-else'),
      gateway('shop/ours', { gatewayClassName: 'deamun' }),
    ]);
    await expect.poll(() => cluster.events('shop'), PATIENCE).toMatchObject([{ about: 'Gateway/ours' }]);
  });
});

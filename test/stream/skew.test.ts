/** A controller that is ahead of a data plane that serves: what is not known there is refused by name, and guards deny. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import type { Ack, ConfigObject, Listener, RouteRule } from '../../src/config/index.ts';
import { Assembly } from '../../src/delivery/assembly.ts';
import { Intake } from '../../src/delivery/intake.ts';
import { StreamClient } from '../../src/delivery/stream/index.ts';
import { createLog } from '../../src/observe/index.ts';
import { createProxy } from '../../src/proxy/index.ts';
import { RIG_GATEWAY, StreamRig } from '../stream-rig.ts';

const log = await createLog({ level: 'silent', format: 'json' });
const closing: Array<() => Promise<unknown> | unknown> = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const LISTENER: Listener = {
  kind: 'Listener',
  key: `${RIG_GATEWAY}/http`,
  gateway: RIG_GATEWAY,
  name: 'http',
  addresses: [],
  port: 80,
  protocol: 'HTTP',
};

function rule(name: string): RouteRule {
  return {
    kind: 'RouteRule',
    key: `HTTPRoute/infra/${name}/0`,
    route: { kind: 'HTTPRoute', namespace: 'infra', name },
    index: 0,
    created: '',
    attachments: [{ listener: LISTENER.key, hostnames: ['*'] }],
    matches: [{ path: { type: 'PathPrefix', value: `/${name}` }, headers: [], query: [] }],
    filters: [],
    backends: [{ backend: 'infra/web:80', weight: 1, filters: [] }],
  };
}

function policy(type: string, name: string, spec: object): ConfigObject {
  const target = { kind: 'RouteRule', key: rule(name).key };
  return { kind: 'Policy', key: `${type}/${target.key}`, type, target, spec } as unknown as ConfigObject;
}

async function backend(): Promise<ConfigObject[]> {
  const server = createServer((_request, response) => response.end('served'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => server.close().closeAllConnections());
  const { port } = server.address() as AddressInfo;
  const key = 'infra/web:80';
  return [
    { kind: 'Backend', key, service: { namespace: 'infra', name: 'web', port: 80 }, protocol: 'http' },
    { kind: 'Endpoints', key, endpoints: [{ address: '127.0.0.1', port, state: 'ready' }] },
  ];
}

/** A data plane that serves, reading its config as a worker does. */
async function serving(objects: ConfigObject[]) {
  const rig = await StreamRig.start();
  closing.push(() => rig.close());
  rig.gateway().put(LISTENER, ...(await backend()), ...objects);
  let last: Ack | undefined;
  const assembly = new Assembly();
  const intake = new Intake({
    name: 'pod-a',
    open: (name, { onAck }) => {
      const proxy = createProxy({
        name,
        bind: ['127.0.0.1'],
        portMap: new Map([[80, 0]]),
        reusePort: false,
        trustedHops: [],
        loopbackEndpoints: 'allowed',
        onAck,
      });
      const { apply, drain } = proxy;
      return { apply: apply.bind(proxy), drain: drain.bind(proxy), metrics: () => [proxy.metrics()] };
    },
    onAck: (ack) => {
      last = ack;
      client.acknowledge(ack);
    },
    onError: (error) => {
      throw error;
    },
  });
  const client: StreamClient = new StreamClient({
    ...rig.access,
    name: 'pod-a',
    version: '0.0.0',
    onDelta: (delta) => {
      const received = assembly.take({ ...delta, last: true })!;
      intake.take(received.delta, received.refused);
    },
    log,
  });
  closing.push(
    () => client.close(),
    () => intake.drain(0),
  );
  const gateway = rig.gateway();
  const settled = () => vi.waitFor(() => expect(gateway.acks.at(-1)?.version).toBe(gateway.version));
  await settled();
  const ask = async (path: string): Promise<number> => {
    const [at = ''] = last?.listeners[0]?.bound ?? [];
    const { status, body } = await fetch(`http://${at}${path}`);
    await body?.cancel();
    return status;
  };
  return {
    gateway,
    settled,
    ask,
    rejected: () =>
      gateway.acks
        .at(-1)!
        .rejected.map(({ key }) => key)
        .sort(),
  };
}

test('a policy of a type that is not known denies what it is for, and nothing else, until it goes', async () => {
  const shield = policy('Shield', 'a', { strength: 11 });
  const { gateway, settled, ask, rejected } = await serving([rule('a'), rule('b'), shield]);
  expect([await ask('/a'), await ask('/b')]).toEqual([500, 200]);
  expect(rejected()).toEqual([shield.key]);
  gateway.remove({ kind: 'Policy', key: shield.key });
  await settled();
  expect([await ask('/a'), rejected()]).toEqual([200, []]);
});

test('a form of a guard that cannot be read leaves the last good one in place, and denies where there is none', async () => {
  const later = { acts: [{ source: 'RateLimitPolicy/infra/p', holds: 'Perhaps' }] };
  const { gateway, settled, ask, rejected } = await serving([
    rule('a'),
    rule('b'),
    policy('RateLimit', 'a', { acts: [] }),
  ]);
  expect(await ask('/a')).toBe(200);
  const [one, other] = [policy('RateLimit', 'a', later), policy('RateLimit', 'b', later)];
  gateway.put(one, other);
  await settled();
  expect([await ask('/a'), await ask('/b')]).toEqual([200, 500]);
  expect(rejected()).toEqual([one.key, other.key].sort());
});

test('kinds, filters and members that are not known: each is told by name, and the rest is served', async () => {
  const warp = { kind: 'Warp', key: 'infra/warp' } as unknown as ConfigObject;
  const filtered = { ...rule('b'), filters: [{ type: 'Teleport' }] } as unknown as ConfigObject;
  const knowing = { ...rule('c'), mood: 'good' } as unknown as ConfigObject;
  const { gateway, settled, ask, rejected } = await serving([rule('a'), warp, filtered, knowing]);
  expect([await ask('/a'), await ask('/b'), await ask('/c')]).toEqual([200, 500, 200]);
  expect(rejected()).toEqual([filtered.key, warp.key]);
  gateway.remove({ kind: warp.kind, key: warp.key });
  gateway.put(rule('b'));
  await settled();
  expect([await ask('/b'), rejected()]).toEqual([200, []]);
});

import { afterEach, expect, test, vi } from 'vitest';
import { StreamRig } from '../../../test/stream-rig.ts';
import type { ConfigObject, Delta } from '../../config/index.ts';
import { createLog } from '../../observe/index.ts';
import { StreamClient, type StreamClientOptions } from './index.ts';

const log = await createLog({ level: 'silent', format: 'json' });
const closing: Array<() => Promise<void> | void> = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const bundle = (key: string, pem = 'p'): ConfigObject => ({ kind: 'TrustBundle', key, pem });

async function rigOf(options: Parameters<typeof StreamRig.start>[0] = {}): Promise<StreamRig> {
  const rig = await StreamRig.start(options);
  closing.push(() => rig.close());
  return rig;
}

/** A data plane that takes everything and says so. */
function dataPlane(rig: StreamRig, options: Partial<StreamClientOptions> = {}) {
  const deltas: Delta[] = [];
  const client: StreamClient = new StreamClient({
    ...rig.access,
    name: 'pod-a',
    version: '0.0.0',
    onDelta: (delta) => {
      deltas.push(delta);
      client.acknowledge({ version: delta.version, proxy: 'pod-a', rejected: [], listeners: [] });
    },
    times: { first: 5, longest: 20 },
    log,
    ...options,
  });
  closing.push(() => client.close());
  return { client, deltas };
}

test('the first step is the whole config, and a change is the next', async () => {
  const rig = await rigOf();
  const gateway = rig.gateway();
  gateway.put(bundle('a/one'), bundle('a/two'));
  const { deltas } = dataPlane(rig);
  await vi.waitFor(() => expect(deltas).toHaveLength(1));
  expect(deltas[0]).toEqual({ version: 1, upserts: [bundle('a/one'), bundle('a/two')], removals: [] });
  gateway.put(bundle('a/two', 'new'));
  gateway.remove({ kind: 'TrustBundle', key: 'a/one' });
  await vi.waitFor(() => expect(gateway.acks.at(-1)?.version).toBe(gateway.version));
  expect(deltas.slice(1).flatMap(({ upserts }) => upserts)).toEqual([bundle('a/two', 'new')]);
  expect(deltas.slice(1).flatMap(({ removals }) => removals)).toEqual([{ kind: 'TrustBundle', key: 'a/one' }]);
  expect(gateway.names).toEqual(['pod-a']);
});

test('a config without objects is a step, too', async () => {
  const rig = await rigOf();
  const { deltas } = dataPlane(rig);
  await vi.waitFor(() => expect(deltas).toEqual([{ version: 1, upserts: [], removals: [] }]));
});

test('a controller that starts anew with the same config sends nothing, and is told what is served', async () => {
  const rig = await rigOf();
  rig.gateway().put(bundle('a/one'), bundle('a/two'));
  const { deltas } = dataPlane(rig);
  await vi.waitFor(() => expect(rig.gateway().acks).toHaveLength(1));
  await rig.restart((gateway) => gateway.put(bundle('a/two'), bundle('a/one')));
  await vi.waitFor(() => expect(rig.gateway().acks.at(-1)?.version).toBe(2));
  expect(deltas).toHaveLength(1);
});

test('a controller that starts anew with another config sends what differs, and what is gone', async () => {
  const rig = await rigOf();
  rig.gateway().put(bundle('a/one'), bundle('a/two'), bundle('a/three'));
  const { deltas } = dataPlane(rig);
  await vi.waitFor(() => expect(rig.gateway().acks).toHaveLength(1));
  await rig.restart((gateway) => gateway.put(bundle('a/three'), bundle('a/two', 'new')));
  await vi.waitFor(() => expect(deltas).toHaveLength(2));
  const removals = [{ kind: 'TrustBundle', key: 'a/one' }];
  expect(deltas[1]).toEqual({ version: 2, upserts: [bundle('a/two', 'new')], removals });
});

test('a token that nobody knows is refused', async () => {
  const rig = await rigOf();
  const states: string[] = [];
  const { deltas } = dataPlane(rig, { token: () => 'stolen', onState: ({ why }) => states.push(why) });
  await vi.waitFor(() => expect(states).toContain('refused (token): the token is not known'));
  expect(deltas).toEqual([]);
});

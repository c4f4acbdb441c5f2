/** Both ends of the config stream on loopback: what data planes get, when, and how often. */
import { afterEach, expect, test, vi } from 'vitest';
import { HELLO, StreamPeer } from '../../../test/stream-peer.ts';
import { RIG_GATEWAY, StreamRig, type StreamRigOptions } from '../../../test/stream-rig.ts';
import type { Ack, ConfigObject, Delta } from '../../config/index.ts';
import { createLog } from '../../observe/index.ts';
import { PIECE_SIZE } from '../piece.ts';
import { StreamClient, type StreamClientOptions } from './index.ts';

const log = await createLog({ level: 'silent', format: 'json' });
const closing: Array<() => Promise<void> | void> = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const bundle = (key: string, pem = 'p'): ConfigObject => ({ kind: 'TrustBundle', key, pem });
const ref = (key: string) => ({ kind: 'TrustBundle' as const, key });

async function rigOf(options: StreamRigOptions = {}): Promise<StreamRig> {
  const rig = await StreamRig.start(options);
  closing.push(() => rig.close());
  return rig;
}

interface DataPlane {
  client: StreamClient;
  deltas: Delta[];
  /** What it holds, by key. */
  held: Map<string, string>;
  whys: string[];
}

/** A data plane that takes everything and says so, with `about` in its acknowledgements. */
function dataPlane(
  rig: StreamRig,
  { about = {}, name = 'pod-a', ...options }: Partial<StreamClientOptions> & { about?: Partial<Ack> } = {},
): DataPlane {
  const deltas: Delta[] = [];
  const held = new Map<string, string>();
  const whys: string[] = [];
  const client: StreamClient = new StreamClient({
    ...rig.access,
    name,
    version: '0.0.0',
    onDelta: (delta) => {
      deltas.push(delta);
      for (const { key } of delta.removals) held.delete(key);
      for (const object of delta.upserts) held.set(object.key, object.kind === 'TrustBundle' ? object.pem : '');
      client.acknowledge({ version: delta.version, proxy: name, rejected: [], listeners: [], ...about });
    },
    onState: ({ why }) => whys.push(why),
    times: { first: 5, longest: 20, seek: 5 },
    log,
    ...options,
  });
  closing.push(() => client.close());
  return { client, deltas, held, whys };
}

async function peerOf(rig: StreamRig, times?: { ping: number; silence: number }): Promise<StreamPeer> {
  const peer = await StreamPeer.open(rig, times);
  closing.push(() => peer.close());
  return peer;
}

test('the first step is the whole config, and a change is the next', async () => {
  const rig = await rigOf();
  const gateway = rig.gateway();
  gateway.put(bundle('a/one'), bundle('a/two'));
  const { deltas } = dataPlane(rig);
  await vi.waitFor(() => expect(deltas).toHaveLength(1));
  expect(deltas[0]).toEqual({ version: 1, upserts: [bundle('a/one'), bundle('a/two')], removals: [] });
  gateway.put(bundle('a/two', 'new'));
  gateway.remove(ref('a/one'));
  await vi.waitFor(() => expect(gateway.acks.at(-1)?.version).toBe(gateway.version));
  expect(deltas.slice(1).flatMap(({ upserts }) => upserts)).toEqual([bundle('a/two', 'new')]);
  expect(deltas.slice(1).flatMap(({ removals }) => removals)).toEqual([ref('a/one')]);
  expect(gateway.names).toEqual(['pod-a']);
});

test('what a data plane meets at endpoints is told, and not before it is known', async () => {
  const rig = await rigOf();
  const { client, deltas } = dataPlane(rig);
  const troubles = [{ key: 'a/b:80', endpoint: '10.0.0.1:80', what: 'connect_refused' as const, count: 3 }];
  client.trouble('worker-0', troubles);
  await vi.waitFor(() => expect(deltas).toHaveLength(1));
  client.trouble('worker-0', troubles);
  await vi.waitFor(() => expect(rig.gateway().troubles).toEqual([{ proxy: 'pod-a/worker-0', troubles }]));
});

test('a config without objects is a step, too', async () => {
  const rig = await rigOf();
  const { deltas } = dataPlane(rig);
  await vi.waitFor(() => expect(deltas).toEqual([{ version: 1, upserts: [], removals: [] }]));
});

test('a large config comes whole, in one step', async () => {
  const rig = await rigOf();
  const objects = Array.from({ length: 300 }, (_, i) => bundle(`a/${i}`, 'é'.repeat(500)));
  objects.push(bundle('a/large', 'x'.repeat(PIECE_SIZE * 100)));
  rig.gateway().put(...objects);
  const { deltas } = dataPlane(rig);
  await vi.waitFor(() => expect(deltas).toHaveLength(1));
  expect(deltas[0]!.upserts).toEqual(objects);
});

test('a controller that starts anew with the same config sends nothing, and is told what is served', async () => {
  const rig = await rigOf();
  rig.gateway().put(bundle('a/one'), bundle('a/two'));
  const rejected = [{ ...ref('a/two'), code: 'DMN_CERTIFICATE_INVALID', message: 'no certificate' }];
  const { deltas } = dataPlane(rig, { about: { rejected } });
  await vi.waitFor(() => expect(rig.gateway().acks).toHaveLength(1));
  await rig.restart((gateway) => gateway.put(bundle('a/two'), bundle('a/one')));
  await vi.waitFor(() => expect(rig.gateway().acks).toEqual([{ version: 2, proxy: 'pod-a', rejected, listeners: [] }]));
  expect(deltas).toHaveLength(1);
});

test('a controller that starts anew with another config sends what differs, and what is gone', async () => {
  const rig = await rigOf();
  rig.gateway().put(bundle('a/one'), bundle('a/two'), bundle('a/three'));
  const { deltas } = dataPlane(rig);
  await vi.waitFor(() => expect(rig.gateway().acks).toHaveLength(1));
  await rig.restart((gateway) => gateway.put(bundle('a/three'), bundle('a/two', 'new')));
  await vi.waitFor(() => expect(deltas).toHaveLength(2));
  expect(deltas[1]).toEqual({ version: 2, upserts: [bundle('a/two', 'new')], removals: [ref('a/one')] });
});

test('a data plane that starts anew from its snapshot gets what differs, under numbers that go on from it', async () => {
  const rig = await rigOf();
  rig.gateway().put(bundle('a/one'), bundle('a/two'));
  const held: Delta = {
    version: 7,
    upserts: [bundle('a/one'), bundle('a/two', 'old'), bundle('a/gone')],
    removals: [],
  };
  const { deltas } = dataPlane(rig, { held });
  await vi.waitFor(() => expect(deltas).toHaveLength(1));
  expect(deltas).toEqual([{ version: 8, upserts: [bundle('a/two')], removals: [ref('a/gone')] }]);
  await vi.waitFor(() => expect(rig.gateway().acks.map(({ version }) => version)).toEqual([2]));
});

test('while the controller is away what is there stays, and what changed meanwhile comes alone', async () => {
  const rig = await rigOf();
  rig.gateway().put(bundle('a/one'), bundle('a/two'));
  const { client, deltas } = dataPlane(rig);
  await vi.waitFor(() => expect(deltas).toHaveLength(1));
  await rig.stop();
  await vi.waitFor(() => expect(client.state.connected).toBe(false));
  rig.gateway().put(bundle('a/three'));
  await rig.listen();
  await vi.waitFor(() => expect(deltas).toHaveLength(2));
  expect(deltas[1]).toEqual({ version: 2, upserts: [bundle('a/three')], removals: [] });
});

test('an acknowledgement leaves out the lists that are as before, and arrives whole', async () => {
  const rig = await rigOf();
  const listeners = [{ key: 'infra/edge/http', state: 'serving' as const, bound: ['0.0.0.0:80'] }];
  const rejected = [{ ...ref('a/one'), code: 'DMN_CERTIFICATE_INVALID', message: 'no certificate' }];
  dataPlane(rig, { about: { listeners, rejected } });
  rig.gateway().put(bundle('a/one'));
  rig.gateway().put(bundle('a/two'));
  await vi.waitFor(() => expect(rig.gateway().acks.at(-1)?.version).toBe(3));
  for (const ack of rig.gateway().acks) expect(ack).toMatchObject({ proxy: 'pod-a', listeners, rejected });
});

test('listeners that change arrive one by one, and the list is whole', async () => {
  const rig = await rigOf();
  const state = (key: string) => ({ key, state: 'serving' as const, bound: ['0.0.0.0:80'] });
  const { client } = dataPlane(rig, { onDelta: () => {} });
  const steps = [['a', 'b'], ['a', 'b', 'c'], ['c'], ['c']].map((keys) => keys.map(state));
  await vi.waitFor(() => expect(client.state.connected).toBe(true));
  await vi.waitFor(() => expect(rig.fleets.at(RIG_GATEWAY)?.connected).toBe(1));
  for (const listeners of steps) client.acknowledge({ version: 1, proxy: 'pod-a', rejected: [], listeners });
  await vi.waitFor(() => expect(rig.gateway().acks).toHaveLength(steps.length));
  expect(rig.gateway().acks.map(({ listeners }) => listeners)).toEqual(steps);
  const [, , third, fourth] = rig.gateway().acks;
  expect(fourth!.listeners).toBe(third!.listeners);
});

test('one that takes nothing delays nobody, and what waits for it becomes one step', async () => {
  const rig = await rigOf();
  const gateway = rig.gateway();
  const slow = await peerOf(rig);
  slow.say(HELLO);
  await vi.waitFor(() => expect(slow.of('welcome')).toHaveLength(1));
  slow.say({ type: 'holds', objects: [], last: true });
  await vi.waitFor(() => expect(slow.of('piece')).toHaveLength(1));
  const { held } = dataPlane(rig);
  for (let i = 0; i < 200; i++) {
    gateway.put(bundle('a/one', `${i}`), bundle(`b/${i % 7}`, `${i}`));
    if (i % 50 === 0) await vi.waitFor(() => expect(held.get('a/one')).toBe(`${i}`));
  }
  await vi.waitFor(() => expect(held.get('a/one')).toBe('199'));
  expect(slow.of('piece')).toHaveLength(1);
  slow.say({ type: 'taken' });
  await vi.waitFor(() => expect(slow.of('piece')).toHaveLength(2));
  const { piece } = slow.of('piece')[1]!;
  expect(piece.version).toBe(gateway.version);
  expect(piece.upserts.map(({ key }) => key).sort()).toEqual([
    'a/one',
    ...Array.from({ length: 7 }, (_, i) => `b/${i}`),
  ]);
});

test('a data plane counts from its first acknowledgement on', async () => {
  const rig = await rigOf();
  const { client } = dataPlane(rig, { onDelta: () => {} });
  await vi.waitFor(() => expect(client.state.connected).toBe(true));
  await vi.waitFor(() => expect(rig.fleets.at(RIG_GATEWAY)?.connected).toBe(1));
  expect(rig.gateway().names).toEqual([]);
  client.acknowledge({ version: 1, proxy: 'pod-a', rejected: [], listeners: [] });
  await vi.waitFor(() => expect(rig.gateway().names).toEqual(['pod-a']));
});

test('one that leaves counts no longer, also where it says more or comes again, and still gets what changes', async () => {
  const rig = await rigOf();
  const { client, held, deltas } = dataPlane(rig);
  await vi.waitFor(() => expect(rig.gateway().names).toEqual(['pod-a']));
  client.leave();
  await vi.waitFor(() => expect(rig.gateway().names).toEqual([]));
  rig.gateway().put(bundle('a/one'));
  await vi.waitFor(() => expect(held.get('a/one')).toBe('p'));
  await rig.restart((gateway) => gateway.put(bundle('a/two')));
  await vi.waitFor(() => expect(held.has('a/one')).toBe(false));
  const other = dataPlane(rig, { name: 'pod-b' });
  await vi.waitFor(() => expect(other.deltas).toHaveLength(1));
  await vi.waitFor(() => expect(rig.gateway().names).toEqual(['pod-b']));
  expect(deltas.length).toBeGreaterThan(2);
});

test('one whose pod is taken away is told, also where it comes later, and not where it says that it leaves', async () => {
  const ending = new Set<string>();
  const told: string[] = [];
  const rig = await rigOf({ signalPatience: 20, isEnding: (name) => ending.has(name) });
  const counted = (name: string): DataPlane => dataPlane(rig, { name, onEnding: () => told.push(name) });
  const [, leaver] = [counted('pod-a'), counted('pod-b')];
  counted('pod-c');
  await vi.waitFor(() => expect(rig.gateway().names).toHaveLength(3));
  for (const name of ['pod-a', 'pod-b', 'pod-d']) ending.add(name);
  leaver.client.leave();
  // Of the last nothing is known to be wrong.
  for (const name of ['pod-b', 'pod-c', 'pod-a', 'pod-d']) rig.fleets.at(RIG_GATEWAY)!.ending(name);
  await vi.waitFor(() => expect(told).toEqual(['pod-a']));
  counted('pod-d');
  await vi.waitFor(() => expect(told).toEqual(['pod-a', 'pod-d']));
});

test('one whose connection breaks counts for a while longer, and as before where it comes back', async () => {
  const rig = await rigOf({ awayGrace: 100 });
  const { client } = dataPlane(rig);
  const gateway = rig.gateway();
  await vi.waitFor(() => expect(gateway.names).toEqual(['pod-a']));
  client.close();
  await vi.waitFor(() => expect(rig.fleets.at(RIG_GATEWAY)?.connected).toBe(0));
  expect(gateway.names).toEqual(['pod-a']);
  const again = dataPlane(rig);
  await vi.waitFor(() => expect(again.deltas).toHaveLength(1));
  await expect.poll(() => gateway.names, { timeout: 150, interval: 10 }).toEqual(['pod-a']);
  again.client.close();
  await vi.waitFor(() => expect(gateway.names).toEqual([]));
  expect(gateway.reviews).toBe(1);
});

test('a newer connection of a data plane takes the place of the one before', async () => {
  const rig = await rigOf();
  const first = await peerOf(rig);
  const second = await peerOf(rig);
  for (const peer of [first, second]) {
    peer.say(HELLO);
    await vi.waitFor(() => expect(peer.of('welcome')).toHaveLength(1));
    peer.say({ type: 'holds', objects: [], last: true });
    await vi.waitFor(() => expect(peer.of('piece')).toHaveLength(1));
  }
  await vi.waitFor(() => expect(first.end).toBe('the connection was closed'));
  expect(first.of('bye')).toHaveLength(1);
  expect(second.end).toBeUndefined();
  expect(rig.fleets.at(RIG_GATEWAY)?.connected).toBe(1);
});

test('a connection is made anew after a while, for nothing but to say again who it is', async () => {
  const rig = await rigOf({ times: { age: 60 } });
  let asked = 0;
  const token = (): string => {
    asked++;
    return rig.access.token();
  };
  const { deltas, whys } = dataPlane(rig, { token });
  rig.gateway().put(bundle('a/one'));
  await vi.waitFor(() => expect(asked).toBeGreaterThan(3));
  expect(deltas.length).toBeLessThanOrEqual(2);
  expect(rig.gateway().names).toEqual(['pod-a']);
  expect(whys).toContain('it is time to say again who it is');
});

test('each Gateway has its own config, and a token opens that of its own only', async () => {
  const rig = await rigOf();
  rig.tokens.set('other', { gateway: 'infra/other' });
  const secret = (gateway: string): ConfigObject => ({
    kind: 'Certificate',
    key: `${gateway}-tls`,
    certificate: 'c',
    privateKey: `key of ${gateway}`,
  });
  rig.gateway().put(secret('infra/edge'));
  rig.gateway('infra/other').put(secret('infra/other'));
  const edge = dataPlane(rig, { name: 'edge-1' });
  // Whatever it says of itself: the token decides.
  const stolen = dataPlane(rig, { name: 'edge-1', token: () => 'other' });
  await vi.waitFor(() => expect(edge.deltas).toHaveLength(1));
  await vi.waitFor(() => expect(stolen.deltas).toHaveLength(1));
  rig.gateway().put(bundle('infra/edge-ca'));
  rig.gateway('infra/other').put(bundle('infra/other-ca'));
  await vi.waitFor(() => expect(edge.deltas).toHaveLength(2));
  await vi.waitFor(() => expect(stolen.deltas).toHaveLength(2));
  expect(JSON.stringify(edge.deltas)).not.toContain('infra/other');
  expect(JSON.stringify(stolen.deltas)).not.toContain('infra/edge');
});

test('a Gateway that is gone has told its data planes so, and lets nobody in', async () => {
  const rig = await rigOf();
  rig.gateway().put(bundle('a/one'));
  const { held, whys } = dataPlane(rig);
  await vi.waitFor(() => expect(held.size).toBe(1));
  rig.gateway().remove(ref('a/one'));
  await rig.fleets.at(RIG_GATEWAY)!.drain(2000);
  expect(held.size).toBe(0);
  await vi.waitFor(() => expect(whys).toContain(`refused (gateway): there is no Gateway ${RIG_GATEWAY} here`));
});

test('a controller that ends lets its data planes go on with what they have', async () => {
  const rig = await rigOf();
  rig.gateway().put(bundle('a/one'));
  const { held, whys } = dataPlane(rig);
  await vi.waitFor(() => expect(held.size).toBe(1));
  await rig.stop();
  await vi.waitFor(() => expect(whys).toContain('this controller ends'));
  expect(held.size).toBe(1);
});

test('acknowledgements go to the controller that writes statuses, and nothing is sent twice on the way there', async () => {
  const following = await rigOf({ leading: false });
  const leading = await rigOf({ leading: false, authority: following.authority });
  for (const rig of [following, leading]) rig.gateway().put(bundle('a/one'));
  const addresses = [following.access.address];
  const { deltas, client } = dataPlane(following, { resolve: async () => addresses });
  await vi.waitFor(() => expect(following.gateway().acks).toHaveLength(1));
  addresses.push(leading.access.address);
  leading.server.lead(true);
  await vi.waitFor(() => expect(leading.gateway().acks.map(({ version }) => version)).toEqual([2]));
  expect(deltas).toHaveLength(1);
  await vi.waitFor(() => expect(following.fleets.at(RIG_GATEWAY)?.connected).toBe(0));
  // The lead goes back, and the data plane with it.
  leading.server.lead(false);
  following.server.lead(true);
  await vi.waitFor(() => expect(following.fleets.at(RIG_GATEWAY)?.connected).toBe(1));
  following.gateway().put(bundle('a/two'));
  await vi.waitFor(() => expect(deltas).toHaveLength(2));
  expect(client.state.connected).toBe(true);
});

test('where no controller leads, the one that is there goes on sending', async () => {
  const rig = await rigOf({ leading: false });
  const { held } = dataPlane(rig);
  await vi.waitFor(() => expect(rig.gateway().acks).toHaveLength(1));
  for (let i = 0; i < 20; i++) {
    rig.gateway().put(bundle('a/one', `${i}`));
    await vi.waitFor(() => expect(held.get('a/one')).toBe(`${i}`));
  }
  expect(rig.gateway().names).toEqual(['pod-a']);
});

test('a controller that was asked before the last step came from another is not taken at its word', async () => {
  const following = await rigOf({ leading: false });
  const leading = await rigOf({ authority: following.authority });
  for (const rig of [following, leading]) rig.gateway().put(bundle('a/one'));
  const addresses = [following.access.address];
  const { held, client } = dataPlane(following, { resolve: async () => addresses });
  await vi.waitFor(() => expect(held.size).toBe(1));
  const { promise, resolve } = Promise.withResolvers<void>();
  leading.hold = promise;
  addresses.shift();
  addresses.push(leading.access.address);
  await vi.waitFor(() => expect(leading.asked).toBe(1));
  following.gateway().put(bundle('a/two'));
  await vi.waitFor(() => expect(held.size).toBe(2));
  resolve();
  await vi.waitFor(() => expect([...held.keys()]).toEqual(['a/one']));
  expect(client.state.connected).toBe(true);
});

import { expect, test } from 'vitest';
import type { Ack, ConfigObject, Delta, ListenerState } from '../config/index.ts';
import { Replica } from './replica.ts';

function bundle(key: string, pem: string): ConfigObject {
  return { kind: 'TrustBundle', key, pem };
}

function delta(version: number, ...objects: ConfigObject[]): Delta {
  return { version, upserts: objects, removals: [] };
}

function answer(proxy: string, version: number, more: Partial<Ack> = {}): Ack {
  return { proxy, version, rejected: [], listeners: [], ...more };
}

function refusal(key: string, message = 'broken'): Ack['rejected'][number] {
  return { kind: 'TrustBundle', key, code: 'DMN_CERTIFICATE_INVALID', message };
}

function pems({ upserts }: Delta): Record<string, string> {
  const entries = upserts.map((one) => [one.key, one.kind === 'TrustBundle' ? one.pem : '']);
  return Object.fromEntries(entries) as Record<string, string>;
}

test('nothing is acknowledged before every worker has answered', () => {
  const replica = new Replica('pod-1', ['worker-0', 'worker-1']);
  const first = delta(71, bundle('a/a', '1'));
  replica.take(first);
  expect(replica.acknowledge(answer('worker-0', 71))).toBeUndefined();
  expect(pems(replica.good.full())).toEqual({});
  expect(pems(replica.full())).toEqual({ 'a/a': '1' });
  expect(replica.acknowledge(answer('worker-1', 71))).toEqual({
    reached: [first],
    ack: { proxy: 'pod-1', version: 71, rejected: [], listeners: [] },
  });
  expect(pems(replica.good.full())).toEqual({ 'a/a': '1' });
  replica.take(delta(72, bundle('a/a', '2')));
  expect(replica.acknowledge(answer('worker-0', 72))).toMatchObject({ reached: [], ack: { version: 71 } });
  expect(replica.acknowledge(answer('worker-1', 72))).toMatchObject({ ack: { version: 72 } });
});

test('a form that one worker refused is not good, keeps the form before it, and stays refused until another comes', () => {
  const replica = new Replica('pod-1', ['worker-0', 'worker-1']);
  replica.take(delta(1, bundle('a/a', 'good')));
  for (const worker of ['worker-0', 'worker-1']) replica.acknowledge(answer(worker, 1));
  replica.take(delta(2, bundle('a/a', 'bad'), bundle('a/b', 'new')));
  replica.acknowledge(answer('worker-0', 2, { rejected: [refusal('a/a')] }));
  const { ack } = replica.acknowledge(answer('worker-1', 2))!;
  expect(ack).toMatchObject({ version: 2, rejected: [refusal('a/a')] });
  expect(pems(replica.good.full())).toEqual({ 'a/a': 'good', 'a/b': 'new' });
  // One that starts anew gets the good form, and has nothing to refuse: what was said stands.
  expect(pems(replica.full())).toEqual({ 'a/a': 'good', 'a/b': 'new' });
  expect(replica.acknowledge(answer('worker-0', 2))).toMatchObject({
    reached: [],
    ack: { rejected: [refusal('a/a')] },
  });
  replica.take(delta(3, bundle('a/a', 'better')));
  for (const worker of ['worker-0', 'worker-1']) replica.acknowledge(answer(worker, 3));
  expect(replica.acknowledge(answer('worker-1', 3))!.ack.rejected).toEqual([]);
  expect(pems(replica.good.full())).toEqual({ 'a/a': 'better', 'a/b': 'new' });
});

test('of two deltas under way the answer to the first does not speak of the second, and one answer may end both', () => {
  const replica = new Replica('pod-1', ['worker-0']);
  replica.take(delta(1, bundle('a/a', 'one')));
  replica.take(delta(2, bundle('a/a', 'two')));
  expect(replica.acknowledge(answer('worker-0', 1))!.ack.version).toBe(1);
  expect(replica.acknowledge(answer('worker-0', 2, { rejected: [refusal('a/a')] }))!.ack.version).toBe(2);
  expect(pems(replica.good.full())).toEqual({ 'a/a': 'one' });
  replica.take(delta(3, bundle('a/a', 'three')));
  replica.take({ version: 4, upserts: [], removals: [{ kind: 'TrustBundle', key: 'a/a' }] });
  expect(replica.acknowledge(answer('worker-0', 4))!.ack).toMatchObject({ version: 4, rejected: [] });
  expect(pems(replica.good.full())).toEqual({});
});

test('a listener fails where it fails in one worker, and is not told of before all have', () => {
  const replica = new Replica('pod-1', ['worker-0', 'worker-1']);
  replica.take(delta(1));
  const serving = (key: string): ListenerState => ({ key, state: 'serving', bound: ['0.0.0.0:80'] });
  const failed: ListenerState = { key: 'g/b', state: 'failed', bound: [], code: 'DMN_PORT_IN_USE', message: 'taken' };
  replica.acknowledge(answer('worker-0', 1, { listeners: [serving('g/a'), serving('g/b'), serving('g/c')] }));
  const { ack } = replica.acknowledge(answer('worker-1', 1, { listeners: [serving('g/a'), failed] }))!;
  expect(ack.listeners).toEqual([serving('g/a'), failed]);
});

test('what several workers serve with less is told of once', () => {
  const replica = new Replica('pod-1', ['worker-0', 'worker-1']);
  replica.take(delta(1));
  const short = (policy: string) => ({ policy, message: 'has no disk' });
  replica.acknowledge(answer('worker-0', 1, { shortfalls: [short('a'), short('b')] }));
  const { ack } = replica.acknowledge(answer('worker-1', 1, { shortfalls: [short('a')] }))!;
  expect(ack.shortfalls).toEqual([short('a'), short('b')]);
});

test('an endpoint that several workers refuse is told of once', () => {
  const replica = new Replica('pod-1', ['worker-0', 'worker-1']);
  replica.take(delta(1));
  const refused = (left: number) => ({ key: 'b', endpoint: '127.0.0.1:80', message: 'is loopback', left });
  replica.acknowledge(answer('worker-0', 1, { refusedEndpoints: [refused(2)] }));
  const { ack } = replica.acknowledge(answer('worker-1', 1, { refusedEndpoints: [refused(1)] }))!;
  expect(ack.refusedEndpoints).toEqual([refused(1)]);
});

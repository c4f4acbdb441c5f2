import { expect, test, vi } from 'vitest';
import type { Ack, Certificate, ConfigObject, Delivery, Delta } from '../config/index.ts';
import type { Applied, Fleet } from '../delivery/index.ts';
import { SourceCollection } from '../graph/index.ts';
import { Feed } from './feed.ts';

function certificate(key: string, privateKey = 'k'): Certificate {
  return { kind: 'Certificate', key, certificate: 'c', privateKey };
}

function rig(names: string[]) {
  const config = new SourceCollection<ConfigObject>('config');
  const acks = new SourceCollection<Ack>('acks');
  const deliveries = new SourceCollection<Delivery>('deliveries');
  const applied: Applied[] = [];
  const sent: Delta[] = [];
  const fleet: Fleet = {
    names,
    send: (delta) => void sent.push(delta),
    metrics: async () => [],
    drain: async () => {},
    end: async () => {},
  };
  const feed = new Feed({ config, acks, deliveries, onApplied: (one) => applied.push(one) });
  const ack = (proxy: string, version: number) => feed.acknowledge({ version, proxy, rejected: [], listeners: [] });
  const put = (...objects: Certificate[]) =>
    config.apply(objects.map((value) => ({ key: `Certificate/${value.key}`, value })));
  return { config, deliveries, applied, sent, fleet, feed, ack, put };
}

test('what is there at the start is version 1, and a change is the next', async () => {
  const { sent, fleet, feed, put } = rig(['worker-0']);
  put(certificate('a/one'));
  feed.start(fleet);
  await vi.waitFor(() => expect(sent).toHaveLength(1));
  put(certificate('a/one'), certificate('a/two'));
  await vi.waitFor(() => expect(sent).toHaveLength(2));
  expect(sent).toEqual([
    { version: 1, upserts: [certificate('a/one')], removals: [] },
    { version: 2, upserts: [certificate('a/two')], removals: [] },
  ]);
  expect(feed.snapshot.version).toBe(2);
});

test('a version is applied when every proxy has answered, and its objects are delivered then', async () => {
  const { sent, fleet, feed, put, ack, applied, deliveries } = rig(['worker-0', 'worker-1']);
  put(certificate('a/one'));
  feed.start(fleet);
  await vi.waitFor(() => expect(sent).toHaveLength(1));
  ack('worker-0', 1);
  expect(applied).toEqual([]);
  expect([...deliveries.values()].map(({ state }) => state)).toEqual(['pending']);
  ack('worker-1', 1);
  expect(applied).toMatchObject([{ version: 1, upserts: 1, removals: 0 }]);
  expect([...deliveries.values()].map(({ state }) => state)).toEqual(['serving']);
});

test('an answer to a later version stands for those before', async () => {
  const { sent, fleet, feed, put, ack, applied } = rig(['worker-0']);
  feed.start(fleet);
  await vi.waitFor(() => expect(sent).toHaveLength(1));
  put(certificate('a/one'));
  await vi.waitFor(() => expect(sent).toHaveLength(2));
  ack('worker-0', 2);
  expect(applied.map(({ version }) => version)).toEqual([1, 2]);
});

test('changes that come while one is on its way go together', async () => {
  const { sent, fleet, feed, put } = rig(['worker-0']);
  feed.start(fleet);
  put(certificate('a/one'));
  put(certificate('a/one', 'other'));
  put(certificate('a/two'));
  await vi.waitFor(() => expect(sent).toHaveLength(2));
  expect(sent[0]).toEqual({ version: 1, upserts: [], removals: [] });
  expect(sent[1]!.upserts).toEqual([certificate('a/one', 'other'), certificate('a/two')]);
});

test('after stop nothing is sent', async () => {
  const { sent, fleet, feed, put } = rig(['worker-0']);
  feed.start(fleet);
  await vi.waitFor(() => expect(sent).toHaveLength(1));
  feed.stop();
  put(certificate('a/one'));
  await Promise.resolve();
  expect(sent).toHaveLength(1);
});

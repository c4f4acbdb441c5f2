import { expect, test } from 'vitest';
import { type Ack, type Listener, type ListenerState, Snapshot } from '../config/index.ts';
import { SourceCollection } from '../graph/index.ts';
import { healthOf } from './health.ts';
import { listenerViews } from './listener-view.ts';

const key = 'infra/edge/http';
const listener: Listener = {
  kind: 'Listener',
  key,
  gateway: 'infra/edge',
  name: 'http',
  addresses: [],
  port: 80,
  protocol: 'HTTP',
};
const snapshot = Snapshot.EMPTY.apply({ version: 1, upserts: [listener], removals: [] });
const serving: ListenerState = { key, state: 'serving', bound: ['127.0.0.1:80'] };
const failed: ListenerState = { key, state: 'failed', bound: [], code: 'DMN_PORT_IN_USE', message: 'taken' };

function views(...states: Array<ListenerState | undefined>) {
  const acks = new SourceCollection<Ack>('acks');
  const names = states.map((_, i) => `worker-${i}`);
  for (const [i, state] of states.entries()) {
    const value = { version: 1, proxy: names[i]!, rejected: [], listeners: state ? [state] : [] };
    acks.apply([{ key: names[i]!, value }]);
  }
  return listenerViews(snapshot, acks, names);
}

test('a listener serves when every worker serves it', () => {
  expect(views(serving, serving)[0]).toMatchObject({
    state: 'serving',
    bound: ['127.0.0.1:80'],
    port: 80,
    hostname: '*',
  });
  expect(views(serving, undefined)[0]!.state).toBe('waiting');
  expect(views(serving, failed)[0]).toMatchObject({ state: 'failed', code: 'DMN_PORT_IN_USE' });
});

test('a run is ready when it is synced and every listener serves, and says what is missing', () => {
  const facts = { synced: true, draining: false, listeners: views(serving) };
  expect(healthOf(facts)).toEqual({ ready: true, reason: '1 of 1 listeners serve' });
  expect(healthOf({ ...facts, synced: false })).toEqual({ ready: false, reason: 'waiting for the first sync' });
  expect(healthOf({ ...facts, draining: true })).toEqual({ ready: false, reason: 'draining' });
  expect(healthOf({ ...facts, listeners: views(failed) })).toEqual({
    ready: false,
    reason: 'listener infra/edge/http: DMN_PORT_IN_USE taken',
  });
  expect(healthOf({ ...facts, listeners: [] })).toMatchObject({ ready: true });
});

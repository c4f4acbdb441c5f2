import { expect, test } from 'vitest';
import { type Ack, type Listener, type ListenerState, Snapshot } from '../config/index.ts';
import { type HealthFacts, healthChecks, healthOf } from './health.ts';
import { type LeftOut, listenerViews } from './listener-view.ts';

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

const refused: LeftOut = {
  key: 'infra/edge/https',
  protocol: 'HTTPS',
  port: 443,
  message: 'Secret infra/tls does not exist',
};

function views(...states: Array<ListenerState | undefined>) {
  const acks = new Map<string, Ack>();
  const proxies = states.map((_, i) => `worker-${i}`);
  for (const [i, state] of states.entries()) {
    acks.set(proxies[i]!, { version: 1, proxy: proxies[i]!, rejected: [], listeners: state ? [state] : [] });
  }
  return listenerViews(snapshot, { acks, proxies, unserved: [refused] });
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

test('a listener that no data plane is told of is there too, and says why', () => {
  expect(views(serving)[1]).toMatchObject({ key: 'infra/edge/https', state: 'refused', bound: [], port: 443 });
});

test('ready means synced and not draining: neither a port that is taken nor a refused listener changes that', () => {
  const facts: HealthFacts = { phase: 'synced', missing: '', listeners: views(serving) };
  expect(healthOf(facts)).toEqual({ ready: true, reason: '1 of 2 listeners serve' });
  expect(healthOf({ ...facts, listeners: views(failed) })).toEqual({ ready: true, reason: '0 of 2 listeners serve' });
  expect(healthOf({ ...facts, listeners: [] })).toMatchObject({ ready: true });
  expect(healthOf({ ...facts, phase: 'reading' })).toEqual({ ready: false, reason: 'reading the manifests' });
  expect(healthOf({ ...facts, phase: 'reading', missing: 'a: none' })).toEqual({
    ready: false,
    reason: 'waiting for a: none',
  });
  expect(healthOf({ ...facts, phase: 'delivering' })).toMatchObject({ ready: false });
  expect(healthOf({ ...facts, phase: 'draining' })).toEqual({ ready: false, reason: 'draining' });
});

test('in detail, each listener says for itself what is missing', () => {
  const lines = healthChecks({ phase: 'synced', missing: '', listeners: views(failed) });
  expect(lines.map(({ name, ok, message }) => `${ok} ${name}: ${message}`)).toEqual([
    'true sources: read',
    'true config: applied',
    'true traffic: taken',
    'false listener infra/edge/http: DMN_PORT_IN_USE: taken',
    'false listener infra/edge/https: refused: Secret infra/tls does not exist',
  ]);
});

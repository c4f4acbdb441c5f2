/** Control over a source and a data plane in memory, as a controller or a test puts it together. */
import { expect, test } from 'vitest';
import type { AnyResource } from '../api/index.ts';
import type { Ack, Delta, ListenerState } from '../config/index.ts';
import { MemoryFleet } from '../delivery/index.ts';
import { SourceCollection } from '../graph/index.ts';
import { createLog } from '../observe/index.ts';
import type { Diagnostic, ResourceCollections } from '../sources/index.ts';
import { emptyInputs } from '../translate/index.ts';
import { Control, type ControlEvents, type ControlOptions, type ResourceSource, type StatusChange } from './index.ts';

const RESOURCES = [
  {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'GatewayClass',
    metadata: { name: 'any' },
    spec: { controllerName: 'example.com/any' },
  },
  {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { namespace: 'infra', name: 'edge' },
    spec: {
      gatewayClassName: 'any',
      listeners: [
        { name: 'http', port: 80, protocol: 'HTTP', allowedRoutes: { namespaces: { from: 'Same' } } },
        { name: 'odd', port: 81, protocol: 'example.com/quic', allowedRoutes: { namespaces: { from: 'Same' } } },
      ],
    },
  },
] as unknown as AnyResource[];

async function rig(state: ListenerState['state'] = 'serving', given: Partial<ControlOptions> = {}) {
  const collections = emptyInputs();
  const ready = Promise.withResolvers<void>();
  const fill = (...resources: AnyResource[]): void => {
    for (const resource of resources) {
      const { namespace = '', name } = resource.metadata;
      const collection = collections[resource.kind] as unknown as SourceCollection<AnyResource>;
      collection.apply([{ key: `${resource.kind}/${namespace}/${name}`, value: resource }]);
    }
    ready.resolve();
  };
  const source: ResourceSource = {
    name: 'memory',
    synced: undefined,
    collections: collections as unknown as ResourceCollections,
    diagnostics: new SourceCollection<Diagnostic>('diagnostics'),
    ready: ready.promise,
    close: async () => {},
  };
  const written: StatusChange[] = [];
  const health: string[] = [];
  const listeners: string[] = [];
  const events: ControlEvents = {
    onHealth: ({ reason }) => health.push(reason),
    onListener: ({ key, state: now }) => listeners.push(`${key} ${now}`),
  };
  const control = new Control(
    {
      source: () => source,
      writer: { write: (changes) => void written.push(...changes) },
      log: await createLog({ level: 'silent', format: 'json' }),
      ...given,
    },
    events,
  );
  const applied: Delta[] = [];
  let tell: (ack: Ack) => void = () => {};
  const ackOf = (version: number, now: ListenerState['state']): Ack => ({
    version,
    proxy: 'memory',
    rejected: [],
    listeners: [{ key: 'infra/edge/http', state: now, bound: now === 'serving' ? ['127.0.0.1:80'] : [] }],
  });
  const started = control.start(
    (fleet) =>
      new MemoryFleet(
        'memory',
        (_name, { onAck }) => {
          tell = onAck;
          return {
            apply: async (delta) => {
              applied.push(delta);
              return ackOf(delta.version, state);
            },
            metrics: () => [],
            drain: async () => {},
          };
        },
        fleet,
      ),
  );
  const becomes = (now: ListenerState['state']): void => tell(ackOf(applied.at(-1)!.version, now));
  return { control, fill, started, written, health, listeners, applied, becomes };
}

test('not ready while the source is read, ready once the first config is applied, and not while draining', async () => {
  const { control, fill, started, health, applied } = await rig();
  expect(control.health()).toEqual({ ready: false, reason: 'reading the manifests' });
  fill(...RESOURCES);
  await started;
  expect(applied.map(({ version }) => version)).toEqual([1]);
  expect(control.health()).toEqual({ ready: true, reason: '1 of 2 listeners serve' });
  expect(health).toEqual(['1 of 2 listeners serve']);
  await control.drain(0);
  expect(control.health()).toEqual({ ready: false, reason: 'draining' });
});

test('a listener that fails does not make it unready; its change is told and measured', async () => {
  const { control, fill, started, listeners, becomes } = await rig('failed');
  fill(...RESOURCES);
  await started;
  expect(control.health()).toEqual({ ready: true, reason: '0 of 2 listeners serve' });
  becomes('serving');
  becomes('serving');
  expect(listeners).toEqual(['infra/edge/http failed', 'infra/edge/http serving']);
  const family = (await control.metrics()).flat().find(({ name }) => name === 'daemun_listener_ready');
  expect(family?.series).toEqual([
    { labels: { listener: 'infra/edge/http' }, value: 1 },
    { labels: { listener: 'infra/edge/odd' }, value: 0 },
  ]);
});

test('every status goes to the writer beside the report, with what the data plane acknowledged', async () => {
  const { control, fill, started, written } = await rig();
  fill(...RESOURCES);
  await started;
  const last = written.findLast(({ key }) => key === 'Gateway/infra/edge')?.after;
  expect(JSON.stringify(last?.status)).toContain('"type":"Programmed","status":"True"');
  expect(control.report().items.map(({ kind }) => kind)).toContain('Gateway');
});

test('the graph says what was read and computed', async () => {
  const { control, fill, started } = await rig();
  fill(...RESOURCES);
  await started;
  const { sources, collections } = control.graph();
  expect(sources).toEqual([{ name: 'memory', synced: undefined, objects: 2 }]);
  expect(collections.find(({ name }) => name === 'config')).toMatchObject({ kind: 'join', size: 1 });
});

test('a drain before the source was read sends nothing', async () => {
  const { control, fill, started, applied } = await rig();
  await control.drain(0);
  fill(...RESOURCES);
  await started;
  expect(applied).toEqual([]);
  expect(control.health().ready).toBe(false);
});

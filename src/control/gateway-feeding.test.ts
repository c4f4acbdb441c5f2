/** What the data planes of a Gateway are told while its class goes and comes, and what follows of that is slow. */
import { afterEach, expect, test } from 'vitest';
import type { AnyResource } from '../api/index.ts';
import type { ConfigChange, Delta } from '../config/index.ts';
import { batchInTurns, SourceCollection } from '../graph/index.ts';
import { createLog } from '../observe/index.ts';
import type { Diagnostic, ResourceCollections } from '../sources/index.ts';
import { emptyInputs } from '../translate/index.ts';
import { Control, type ResourceSource } from './index.ts';

const CLASS_KEY = 'GatewayClass//any';
const CLASS = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'GatewayClass',
  metadata: { name: 'any' },
  spec: { controllerName: 'example.com/any' },
} as unknown as AnyResource;

const HTTP = { name: 'http', port: 80, protocol: 'HTTP' };
const gateway = (name: string, className = 'any', listeners: object[] = [HTTP]): AnyResource =>
  ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { namespace: 'infra', name },
    spec: { gatewayClassName: className, listeners },
  }) as unknown as AnyResource;

const ends: Array<() => Promise<void>> = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** `hold`: what changes goes no further until its answer is called. */
async function rig(...resources: AnyResource[]) {
  const collections = emptyInputs();
  const put = (kind: 'Gateway' | 'GatewayClass', key: string, value?: AnyResource): void => {
    const collection = collections[kind] as unknown as SourceCollection<AnyResource>;
    collection.apply([value === undefined ? { key } : { key, value }]);
  };
  const source: ResourceSource = {
    name: 'memory',
    synced: undefined,
    collections: collections as unknown as ResourceCollections,
    diagnostics: new SourceCollection<Diagnostic>('diagnostics'),
    ready: Promise.resolve(),
    close: async () => {},
  };
  let held: Promise<void> | undefined;
  const overlay = {
    apply: async (changes: ReadonlyArray<ConfigChange>): Promise<ConfigChange[]> => {
      await held;
      return [...changes];
    },
  };
  const hold = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    held = promise;
    return resolve;
  };
  const log = await createLog({ level: 'silent', format: 'json' });
  const control = new Control({
    source: () => source,
    controllerNames: ['example.com/any'],
    perGateway: true,
    overlay,
    log,
  });
  for (const resource of resources) put('Gateway', `Gateway/infra/${resource.metadata.name}`, resource);
  put('GatewayClass', CLASS_KEY, CLASS);
  const told = new Map<string, Delta[]>();
  await control.start((_events, name) => {
    const deltas: Delta[] = [];
    told.set(name, deltas);
    return {
      names: [],
      send: (delta) => void deltas.push(delta),
      metrics: async () => [],
      drain: async () => {},
      end: async () => {},
    };
  });
  ends.push(() => control.end());
  const removals = (name: string) => told.get(name)!.flatMap((delta) => delta.removals);
  const listeners = () => [...control.snapshot.of('Listener').keys()];
  return { put, hold, told, removals, listeners };
}

/** More than the time in which what follows of a class that has come is published. */
async function pause(): Promise<void> {
  const began = performance.now();
  await expect.poll(() => performance.now() - began, { timeout: 5000, interval: 100 }).toBeGreaterThan(1300);
}

test('a class that is there again before its going was told of takes nothing away', async () => {
  const { put, hold, removals, listeners } = await rig(gateway('edge'));
  await expect.poll(listeners).toEqual(['infra/edge/http']);
  const release = hold();
  put('GatewayClass', CLASS_KEY);
  put('GatewayClass', CLASS_KEY, CLASS);
  release();
  await pause();
  expect(removals('infra/edge')).toEqual([]);
  expect(listeners()).toEqual(['infra/edge/http']);
});

test('where what follows of a class is long in coming, nothing is taken away meanwhile', async () => {
  const { put, hold, removals, listeners } = await rig(gateway('edge'));
  await expect.poll(listeners).toEqual(['infra/edge/http']);
  put('GatewayClass', CLASS_KEY);
  await pause();
  const release = hold();
  put('GatewayClass', CLASS_KEY, CLASS);
  await pause();
  expect(removals('infra/edge')).toEqual([]);
  release();
  await pause();
  expect(removals('infra/edge')).toEqual([]);
  expect(listeners()).toEqual(['infra/edge/http']);
});

test("a Gateway whose class is not there, and that gets another controller's, has nothing to serve", async () => {
  const { put, listeners } = await rig(gateway('edge'));
  await expect.poll(listeners).toEqual(['infra/edge/http']);
  const other = { ...CLASS, metadata: { name: 'other' }, spec: { controllerName: 'example.com/other' } } as AnyResource;
  put('GatewayClass', 'GatewayClass//other', other);
  put('GatewayClass', CLASS_KEY);
  await pause();
  expect(listeners()).toEqual(['infra/edge/http']);
  put('Gateway', 'Gateway/infra/edge', gateway('edge', 'other'));
  await expect.poll(listeners, { timeout: 3000 }).toEqual([]);
});

test('a Gateway that comes before its class is served as soon as that is there', async () => {
  const { put, told } = await rig();
  put('GatewayClass', CLASS_KEY);
  put('Gateway', 'Gateway/infra/edge', gateway('edge'));
  const began = performance.now();
  put('GatewayClass', CLASS_KEY, CLASS);
  await expect.poll(() => told.get('infra/edge')?.flatMap(({ upserts }) => upserts.length)).toEqual([1]);
  expect(performance.now() - began).toBeLessThan(900);
});

test('a class that goes and comes before anybody is told of it holds nothing up', async () => {
  const { put, hold, listeners } = await rig(gateway('edge'));
  await expect.poll(listeners).toEqual(['infra/edge/http']);
  const release = hold();
  put('Gateway', 'Gateway/infra/edge', gateway('edge', 'any', [HTTP, { ...HTTP, name: 'more', port: 81 }]));
  const { promise, resolve } = Promise.withResolvers<void>();
  let isOver = true;
  const turns = { isOver: () => isOver, next: () => promise };
  const settled = batchInTurns(() => put('GatewayClass', CLASS_KEY), turns);
  release();
  await pause();
  put('GatewayClass', CLASS_KEY, CLASS);
  isOver = false;
  resolve();
  await settled;
  await expect.poll(listeners, { timeout: 3000 }).toEqual(['infra/edge/http', 'infra/edge/more']);
});

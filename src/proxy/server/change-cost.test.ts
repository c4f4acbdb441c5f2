/**
 * What a change costs the thread that serves. Times are the best of some at the machine's pace, and those of long work are of
 * the processor: other tests use the machine at the same time.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, test } from 'vitest';
import { fewest, longestTurn } from '../../../test/pace.ts';
import { type ConfigObject, type ConfigRef, type LoadBalancing, policyKey } from '../../config/index.ts';
import { backend, listener, PlaneRig, rule } from './plane.suite.ts';

const ROUTES = 5_000;
const ADDED = 4_000;
const ENDPOINTS = 10_000;
/** Milliseconds of the thread. */
const MOST = { edit: 2, turn: 10, endpoints: 5 };
/** Bytes of the heap that a route with a filter, a Service and an endpoint of its own may take. */
const MOST_BYTES = 7_000;

let rig: PlaneRig;
afterEach(() => rig.close());

/** Hosts of their own, as tenants have them, or one for all. */
type Shape = 'hosts' | 'paths';

function routeRule(i: number, shape: Shape, value = `v${i}`): ConfigObject {
  const hostnames = [shape === 'hosts' ? `service-${i}.example.com` : 'www.example.com'];
  return rule('HTTPRoute', {
    route: { kind: 'HTTPRoute', namespace: 'd', name: `r${i}` },
    key: `HTTPRoute/d/r${i}/0`,
    attachments: [{ listener: 'd/g/l', hostnames }],
    matches: [{ path: { type: 'PathPrefix', value: `/api/v${i}` }, headers: [], query: [] }],
    filters: [{ type: 'RequestHeaderModifier', set: [{ name: 'x-tenant', value }], add: [], remove: [] }],
    backends: [{ backend: `d/b${i}:80`, weight: 1, filters: [] }],
  });
}

function routes(from: number, to: number, shape: Shape): ConfigObject[] {
  return Array.from({ length: to - from }, (_, i) => [
    ...backend(8080, `b${from + i}`),
    routeRule(from + i, shape),
  ]).flat();
}

const refs = (objects: ConfigObject[]): ConfigRef[] => objects.map(({ kind, key }) => ({ kind, key }));

test.each(['hosts', 'paths'] as const)('one edit among 5,000 routes, %s of their own: 2 ms at most', async (shape) => {
  rig = new PlaneRig();
  await rig.apply([listener('HTTP'), ...routes(0, ROUTES, shape)]);
  let i = 0;
  const edit = async (): Promise<number> => {
    const before = performance.now();
    await rig.apply([routeRule(i, shape, `edited-${i++}`)]);
    return performance.now() - before;
  };
  expect(await fewest(MOST.edit, 40, edit)).toBeLessThan(MOST.edit);
});

test.each(['hosts', 'paths'] as const)(
  '4,000 more routes, %s of their own, and their removal: no turn over 10 ms',
  async (shape) => {
    rig = new PlaneRig();
    await rig.apply([listener('HTTP'), ...routes(0, ROUTES - ADDED, shape)]);
    const more = routes(ROUTES - ADDED, ROUTES, shape);
    const added = await fewest(MOST.turn, 6, async () => {
      await rig.apply([], refs(more));
      return longestTurn(() => rig.apply(more));
    });
    expect(added).toBeLessThan(MOST.turn);
    const removed = await fewest(MOST.turn, 6, async () => {
      await rig.apply(more);
      return longestTurn(() => rig.apply([], refs(more)));
    });
    expect(removed).toBeLessThan(MOST.turn);
  },
);

/** A Service of thousands, in which one is another than in the other forms. */
function crowd(edition: number): ConfigObject {
  const endpoints = Array.from({ length: ENDPOINTS }, (_, i) => {
    const [high, low] = [i >> 8, i & 255];
    return { address: `10.${i === ENDPOINTS / 2 ? edition : 0}.${high}.${low}`, port: 8080, state: 'ready' as const };
  });
  return { kind: 'Endpoints', key: 'd/b:80', endpoints };
}

function balanced(loadBalancing: LoadBalancing): ConfigObject {
  const target = { kind: 'Backend' as const, key: 'd/b:80' };
  return {
    kind: 'Policy',
    type: 'BackendTraffic',
    key: policyKey('BackendTraffic', target.key),
    target,
    spec: { loadBalancing },
  };
}

test('a Service of 10,000 endpoints, one that comes and one that goes, and another way to choose: no turn over 5 ms', async () => {
  rig = new PlaneRig();
  await rig.apply([listener('HTTP'), rule('HTTPRoute'), ...backend(8080), crowd(1)]);
  let edition = 2;
  const edited = await fewest(MOST.endpoints, 60, () => longestTurn(() => rig.apply([crowd(edition++)])));
  expect(edited).toBeLessThan(MOST.endpoints);
  const chosen = await fewest(MOST.endpoints, 60, () => {
    const weights = [{ networks: ['10.0.0.0/17'], weight: edition++ }];
    return longestTurn(() => rig.apply([balanced({ type: 'LeastRequest', weights })]));
  });
  expect(chosen).toBeLessThan(MOST.endpoints);
});

test('a route with a Service of its own takes 7 KB at most', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  rig = new PlaneRig();
  await rig.apply([listener('HTTP'), ...routes(0, 100, 'hosts')]);
  collect();
  const before = process.memoryUsage().heapUsed;
  await rig.apply(routes(100, ROUTES, 'hosts'));
  collect();
  const after = process.memoryUsage().heapUsed;
  expect((after - before) / (ROUTES - 100)).toBeLessThan(MOST_BYTES);
});

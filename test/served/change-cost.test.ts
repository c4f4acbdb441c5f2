/**
 * What a change costs the requests of a worker process, as it is built, over real sockets: the slowest request while it
 * is applied, beside the slowest of a run of the same length in which nothing changes. Of each the best of some, since other
 * tests use the machine at the same time; the bounds are those that are promised.
 */
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ConfigObject } from '../../src/config/index.ts';
import { BuiltWorker } from './built-worker.ts';
import { SteadyClient } from './steady-client.ts';

const ROUTES = 5_000;
const ADDED = 4_000;
/** Milliseconds that a change may add to a request, and MiB that a worker may take. */
const MOST = { added: 20, resident: 135 };
const ATTEMPTS = 40;

let worker: BuiltWorker;
let client: SteadyClient;
beforeEach(async () => {
  client = await SteadyClient.start({ host: 'r0.example.com', connections: 2, pace: 1 });
  worker = new BuiltWorker();
});
afterEach(async () => {
  await client.stop();
  await worker.end();
});

test('4,000 new routes in one go, and their removal, add 20 ms at most to any request', {
  timeout: 120_000,
}, async () => {
  const { port } = await worker.apply([LISTENER, ...tenants('r', ROUTES - ADDED)]);
  await client.measure(port, () => setTimeout(500));
  const more = tenants('n', ADDED);
  const least = {
    adding: Number.POSITIVE_INFINITY,
    removing: Number.POSITIVE_INFINITY,
    still: Number.POSITIVE_INFINITY,
  };
  /** Milliseconds of the slowest request while it is applied, and in as long a time after it. */
  const measure = async (change: 'adding' | 'removing', work: () => Promise<unknown>): Promise<void> => {
    const began = performance.now();
    least[change] = Math.min(least[change], await client.measure(port, work));
    const length = performance.now() - began;
    least.still = Math.min(least.still, await client.measure(port, () => setTimeout(length)));
  };
  const added = (): number => Math.max(least.adding, least.removing) - least.still;
  for (let attempt = 0; attempt === 0 || (attempt < ATTEMPTS && added() >= MOST.added); attempt++) {
    await measure('adding', () => worker.apply(more));
    await measure('removing', () => worker.apply([], more));
  }
  expect(added()).toBeLessThan(MOST.added);
});

test('a worker of 5,000 routes takes 135 MiB at most', async () => {
  const { port } = await worker.apply([LISTENER, ...tenants('r', ROUTES)]);
  await client.measure(port, () => setTimeout(1_000));
  expect(worker.resident()).toBeLessThan(MOST.resident);
});

const LISTENER: ConfigObject = {
  kind: 'Listener',
  key: 'd/g/http',
  gateway: 'd/g',
  name: 'http',
  addresses: [],
  port: 80,
  protocol: 'HTTP',
};

/** Routes with a host, a filter, a Service and an endpoint of their own, as tenants write them. */
function tenants(prefix: string, count: number): ConfigObject[] {
  return Array.from({ length: count }, (_, at) => tenant(`${prefix}${at}`)).flat();
}

function tenant(name: string): ConfigObject[] {
  const backend = `d/${name}:80`;
  return [
    { kind: 'Backend', key: backend, service: { namespace: 'd', name, port: 80 }, protocol: 'http' },
    { kind: 'Endpoints', key: backend, endpoints: [{ address: '127.0.0.1', port: client.backend, state: 'ready' }] },
    {
      kind: 'RouteRule',
      key: `HTTPRoute/d/${name}/0`,
      route: { kind: 'HTTPRoute', namespace: 'd', name },
      index: 0,
      created: '',
      attachments: [{ listener: LISTENER.key, hostnames: [`${name}.example.com`] }],
      matches: [{ path: { type: 'PathPrefix', value: '/' }, headers: [], query: [] }],
      filters: [{ type: 'RequestHeaderModifier', set: [{ name: 'x-tenant', value: name }], add: [], remove: [] }],
      backends: [{ backend, weight: 1, filters: [] }],
    },
  ];
}

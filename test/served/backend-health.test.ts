/** Backends that freeze, and what is remembered of them while the config changes. */
import { once } from 'node:events';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { backendTraffic } from '../policies/policy.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { httpBackend, rawBackend, type TestBackend } from './raw-backend.ts';
import { rawClient } from './raw-client.ts';
import { type Rig, type RigOptions, serveManifests } from './rig.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n';
const H2C = { ...service('s'), spec: { ports: [{ port: 80, appProtocol: 'kubernetes.io/h2c' }] } };
const closing: Array<() => unknown> = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function served(text: string, options: RigOptions): Promise<Rig> {
  const rig = await serveManifests(text, options);
  closing.push(() => rig.close());
  return rig;
}

async function ask(rig: Rig, count = 1): Promise<number[]> {
  const client = await rawClient(rig.port());
  const statuses: number[] = [];
  for (let i = 0; i < count; i++) statuses.push((await client.ask(GET))[0]!.status);
  client.close();
  return statuses;
}

function patient(milliseconds: number, more: object = {}): object {
  return { ...backendRefs('s'), timeouts: { backendRequest: `${milliseconds}ms` }, ...more };
}

/** An h2c server behind a wire that can be cut without a word: what arrives on it then goes nowhere. */
async function h2Behind(wire: { frozen: Set<number> }): Promise<{ port: number; connections(): number }> {
  const server = http2.createServer((_request, response) => response.end('ok'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  let connections = 0;
  const front = await rawBackend((socket) => {
    const own = connections++;
    const behind = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.on('data', (bytes) => !wire.frozen.has(own) && behind.write(bytes));
    behind.on('data', (bytes) => !wire.frozen.has(own) && socket.write(bytes));
    behind.on('error', () => {});
    socket.on('close', () => behind.destroy());
  });
  closing.push(
    () => server.close(),
    () => front.close(),
  );
  return { port: front.port, connections: () => connections };
}

test('a frozen HTTP/2 connection fails one call, and the next goes over another one', async () => {
  const wire = { frozen: new Set<number>() };
  const backend = await h2Behind(wire);
  const rig = await served(manifests([HTTP], httpRoute('r', [patient(1000)]), H2C), {
    endpoints: [endpointsOf('s', backend.port)],
  });
  expect(await ask(rig, 3)).toEqual([200, 200, 200]);
  expect(backend.connections()).toBe(1);
  wire.frozen.add(0);
  expect(await ask(rig, 5)).toEqual([504, 200, 200, 200, 200]);
  expect(backend.connections()).toBe(2);
});

test('a node:http2 backend that turns requests away, since clients broke off, answers over another connection', async () => {
  // Node counts what it had not sent of a reset stream until its connection ends, and turns away all above 10 MB.
  const server = http2.createServer((_request, response) => response.end(Buffer.alloc(3_000_000)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  let connections = 0;
  let turnedAway = 0;
  server.on('session', () => connections++);
  const rig = await served(manifests([HTTP], httpRoute('r', [backendRefs('s')]), H2C), {
    endpoints: [endpointsOf('s', (server.address() as AddressInfo).port)],
  });
  const session = http2.connect(`http://127.0.0.1:${rig.port()}`);
  closing.push(() => session.destroy());
  for (let i = 0; i < 20; i++) {
    const stream = session.request({ ':path': '/', ':authority': 'a.example' });
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    if (Number(headers[':status']) !== 200) turnedAway++;
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await once(stream, 'close');
  }
  expect(turnedAway).toBe(0);
  expect(connections).toBeGreaterThan(1);
});

test('after a timeout idle HTTP/1.1 connections that have not answered since are not used', async () => {
  let frozen = false;
  const backend = await rawBackend((socket) => {
    const born = frozen;
    socket.on('data', () => {
      if (frozen === born) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
  });
  closing.push(() => backend.close());
  const rig = await served(manifests([HTTP], httpRoute('r', [patient(1000)]), service('s')), {
    endpoints: [endpointsOf('s', backend.port)],
  });
  const at = await Promise.all(Array.from({ length: 6 }, () => rawClient(rig.port())));
  await Promise.all(at.map((client) => client.ask(GET)));
  for (const client of at) client.close();
  expect(backend.accepted).toBeGreaterThan(1);
  frozen = true;
  expect(await ask(rig, 4)).toEqual([504, 200, 200, 200]);
});

/** Two endpoints: the first takes connections and says nothing while `frozen`. */
async function pair(): Promise<{ state: { frozen: boolean }; backends: TestBackend[] }> {
  const state = { frozen: true };
  const frozen = await httpBackend((_request, response) => {
    if (!state.frozen) response.end('back');
  });
  const good = await httpBackend((_request, response) => void response.end('good'));
  closing.push(
    () => frozen.close(),
    () => good.close(),
  );
  return { state, backends: [frozen, good] };
}

test('a frozen endpoint loses its share after three timeouts, and gets it back when it answers', async () => {
  const { state, backends } = await pair();
  const text = manifests([HTTP], httpRoute('r', [patient(100)]), service('s'));
  const rig = await served(text, { endpoints: [endpointsOf('s', ...backends.map(({ port }) => port))] });
  const statuses = await ask(rig, 30);
  expect(statuses.filter((status) => status === 504)).toHaveLength(3);
  expect(statuses.slice(-20)).toEqual(new Array(20).fill(200));
  state.frozen = false;
  await expect
    .poll(
      async () => {
        await ask(rig, 4);
        return new Set(rig.accesses.slice(-4).map(({ endpoint }) => endpoint)).size;
      },
      { timeout: 10_000 },
    )
    .toBe(2);
});

test('an endpoint that answers with errors only is passed over, though never more than half of them', async () => {
  const bad = await httpBackend((_request, response) => void response.writeHead(503).end());
  const good = await httpBackend((_request, response) => void response.end('good'));
  closing.push(
    () => bad.close(),
    () => good.close(),
  );
  const text = manifests([HTTP], httpRoute('r', [backendRefs('s')]), service('s'));
  const rig = await served(text, { endpoints: [endpointsOf('s', bad.port, good.port)] });
  expect((await ask(rig, 30)).filter((status) => status === 503)).toHaveLength(5);
  const alone = await served(text, { endpoints: [endpointsOf('s', bad.port)] });
  expect(await ask(alone, 8)).toEqual(new Array(8).fill(503));
});

test('an edit elsewhere, or of its own policy, resets neither health nor turn; an endpoint that goes is forgotten', async () => {
  const { backends } = await pair();
  const [frozen, good] = backends.map(({ port }) => port) as [number, number];
  const text = (...more: object[]): string =>
    manifests([HTTP], httpRoute('r', [patient(100)]), service('s'), service('t'), ...more);
  const rig = await served(text(), { endpoints: [endpointsOf('s', frozen, good), endpointsOf('t', good)] });
  expect((await ask(rig, 12)).filter((status) => status === 504)).toHaveLength(3);
  const other = httpRoute('other', [backendRefs('t')], { hostnames: ['b.example'] });
  await rig.write(text(other));
  const policy = {
    apiVersion: 'policies.daemun.dev/v1alpha1',
    kind: 'BackendTrafficPolicy',
    metadata: { name: 'p' },
    spec: { targetRefs: [{ group: '', kind: 'Service', name: 's' }], loadBalancing: { type: 'LeastRequest' } },
  };
  await rig.write(text(policy));
  expect((await ask(rig, 12)).filter((status) => status === 504).length).toBeLessThanOrEqual(1);
});

test('retries are limited by the backend’s budget, and what is refused is counted', async () => {
  let asked = 0;
  const bad = await httpBackend((_request, response) => {
    asked++;
    response.writeHead(503).end();
  });
  closing.push(() => bad.close());
  const rule = { ...backendRefs('s'), retry: { codes: [503], attempts: 3, backoff: '1ms' } };
  const rig = await served(manifests([HTTP], httpRoute('r', [rule]), service('s')), {
    endpoints: [endpointsOf('s', bad.port)],
  });
  const began = performance.now();
  await Promise.all(Array.from({ length: 20 }, () => ask(rig, 5)));
  const seconds = (performance.now() - began) / 1000;
  // A hundred requests: three hundred retries without a budget; a fifth of them, and ten a second with it.
  expect(asked).toBeGreaterThan(100);
  expect(asked).toBeLessThanOrEqual(100 + 20 + 10 + Math.ceil(seconds * 10));
  const refused = rig.proxy.metrics().find(({ name }) => name === 'daemun_http_retries_refused_total');
  expect(refused?.series[0]?.value).toBeGreaterThan(0);
});

test('LeastRequest sends less to an endpoint that is slow', async () => {
  const counts = [0, 0];
  const slow = await httpBackend((_request, response) => {
    counts[0]!++;
    setTimeout(() => response.end('slow'), 100);
  });
  const fast = await httpBackend((_request, response) => {
    counts[1]!++;
    response.end('fast');
  });
  closing.push(
    () => slow.close(),
    () => fast.close(),
  );
  const policy = backendTraffic('s', { loadBalancing: { type: 'LeastRequest' } });
  const rig = await served(manifests([HTTP], httpRoute('r', [backendRefs('s')]), service('s'), policy), {
    endpoints: [endpointsOf('s', slow.port, fast.port)],
  });
  const statuses = await Promise.all(Array.from({ length: 8 }, () => ask(rig, 25)));
  expect(new Set(statuses.flat())).toEqual(new Set([200]));
  expect(counts[0]! * 3).toBeLessThan(counts[1]!);
});

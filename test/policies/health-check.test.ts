/** Active health checks of a BackendTrafficPolicy: who is left out, who comes back, and who asks. */
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import type net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { httpBackend, rawBackend } from '../served/raw-backend.ts';
import { rawClient } from '../served/raw-client.ts';
import { type Rig, type RigOptions, serveManifests } from '../served/rig.ts';
import { Authority, caConfigMap, VERIFIED } from '../tls/authority.ts';
import { checkedPod, grpcCheckedPod, h2CheckedPod } from './checked-pod.ts';
import { h2Listening, type Pod, slice } from './pods.ts';
import { backendTraffic } from './policy.ts';

const closing: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const PACE = { interval: '100ms', timeout: '100ms', healthyThreshold: 1, unhealthyThreshold: 2 };
const HTTP_CHECK = { type: 'HTTP', http: { path: '/healthz' }, ...PACE };

function site(pods: readonly Pod[], healthCheck: object | undefined, h2 = false, ...more: object[]): string {
  const port = h2 ? { port: 80, appProtocol: 'kubernetes.io/h2c' } : { port: 80 };
  const slices = pods.map((pod) => slice('s', pod));
  const policies = healthCheck === undefined ? [] : [backendTraffic('s', { healthCheck })];
  const to = { ...service('s'), spec: { ports: [port] } };
  return manifests([HTTP], httpRoute('r', [backendRefs('s')]), to, ...slices, ...policies, ...more);
}

async function made<P extends Pod>(...pods: Array<Promise<P>>): Promise<P[]> {
  const all = await Promise.all(pods);
  for (const pod of all) closing.push(() => pod.close());
  return all;
}

async function served(text: string, options: RigOptions = {}): Promise<Rig> {
  const rig = await serveManifests(text, options);
  closing.push(() => rig.close());
  return rig;
}

/** Whom some requests reach, each once; or the status where that is not 200. */
async function reached(rig: Rig, count = 8): Promise<string[]> {
  const client = await rawClient(rig.port());
  const names = new Set<string>();
  for (let i = 0; i < count; i++) {
    const [answer] = await client.ask('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
    names.add(answer!.status === 200 ? String(answer!.body) : String(answer!.status));
  }
  client.close();
  return [...names].sort();
}

function rows(rig: Rig, family: string): Array<{ labels: Record<string, string>; value: number }> {
  return rig.proxy.metrics().find(({ name }) => name === family)?.series as never;
}

function healthy(rig: Rig, { port }: Pod): number | undefined {
  const all = rows(rig, 'daemun_backend_endpoint_healthy');
  return all.find(({ labels }) => labels.endpoint === `127.0.0.1:${port}`)?.value;
}

function reasonOf(rig: Rig, { port }: Pod): string | undefined {
  const all = rows(rig, 'daemun_backend_endpoint_unhealthy_reason');
  return all.find(({ labels }) => labels.endpoint === `127.0.0.1:${port}`)?.labels.reason;
}

async function until(look: () => unknown, value: unknown): Promise<void> {
  await expect.poll(look, { timeout: 5_000 }).toEqual(value);
}

test.each([
  ['HTTP/1.1', checkedPod, false],
  ['HTTP/2', h2CheckedPod, true],
] as const)('an endpoint that fails is left out, and comes back: %s', async (_, make, h2) => {
  const [a, b] = await made(make('a'), make('b'));
  const rig = await served(site([a!, b!], { ...HTTP_CHECK, http: { path: '/healthz?deep=1', host: 'h.example' } }, h2));
  expect(await reached(rig)).toEqual(['a', 'b']);
  b!.state.status = 500;
  await until(() => healthy(rig, b!), 0);
  await until(() => reached(rig), ['a']);
  expect(healthy(rig, a!)).toBe(1);
  expect(b!.state.checks.at(-1)).toBe('h.example/healthz?deep=1');
  expect(rows(rig, 'daemun_backend_endpoint_unhealthy_reason')[0]!.labels.reason).toBe('status_500');
  const told = (): string =>
    rig
      .report()
      .diagnostics.map(({ message }) => message)
      .join();
  await until(() => told().includes(`${b!.port} of port 80 fails its health check`), true);
  expect(told()).toContain('status_500');
  b!.state.status = 204;
  await until(() => reached(rig), ['a', 'b']);
});

test('the health service of gRPC: what it says, how it ends, and the service that is asked for', async () => {
  const [a, b] = await made(grpcCheckedPod('a'), grpcCheckedPod('b'));
  const check = { type: 'GRPC', grpc: { service: 'shop.Cart' }, ...PACE };
  const rig = await served(site([a!, b!], check, true));
  await until(() => a!.state.checks[0], 'shop.Cart');
  expect(await reached(rig)).toEqual(['a', 'b']);
  const reason = (): string | undefined => rows(rig, 'daemun_backend_endpoint_unhealthy_reason')[0]?.labels.reason;
  for (const [status, word] of [
    [2, 'not_serving'],
    [-14, 'grpc_14'],
    [-5, 'grpc_5'],
  ] as const) {
    b!.state.status = status;
    await until(reason, word);
    await until(() => reached(rig), ['a']);
    b!.state.status = 1;
    await until(() => reached(rig), ['a', 'b']);
  }
});

test('TCP: it opens, and that is enough', async () => {
  const [a] = await made(checkedPod('a', 500));
  const gone = await rawBackend(() => {});
  await gone.close();
  const rig = await served(site([a!, { name: 'b', port: gone.port, close() {} }], { type: 'TCP', ...PACE }));
  await until(() => healthy(rig, { ...a!, port: gone.port }), 0);
  expect(healthy(rig, a!)).toBe(1);
  await until(() => reached(rig), ['a']);
});

test('a look believes whom requests would believe', async () => {
  const [own, other] = [await Authority.make('own'), await Authority.make('other')];
  const pods = await Promise.all(
    [own, other].map(async (authority): Promise<Pod> => {
      const { certificate: cert, privateKey: key } = await authority.sign({ dns: ['s.example'] });
      const server = https.createServer({ cert, key }, (request, response) => response.end(request.headers.host));
      await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
      const close = () => server.close();
      closing.push(close);
      return { name: authority === own ? 'own' : 'other', port: (server.address() as net.AddressInfo).port, close };
    }),
  );
  for (const check of [HTTP_CHECK, { type: 'TCP', ...PACE }]) {
    const rig = await served(site(pods, check, false, VERIFIED, caConfigMap('ca', own)));
    await until(() => pods.map((one) => healthy(rig, one)), [1, 0]);
    expect(rows(rig, 'daemun_backend_endpoint_unhealthy_reason')[0]!.labels.reason).toBe('tls_failed');
  }
});

test('an endpoint that says 1xx without end, or begins a message of gRPC that never ends, is unhealthy', async () => {
  const heads = await httpBackend((_request, response) => {
    for (let i = 0; i <= 64; i++) response.writeProcessing();
    response.end('x');
  });
  closing.push(() => heads.close());
  const talker = { name: 'talker', port: heads.port, close() {} };
  const patient = { interval: '100ms', timeout: '5s', unhealthyThreshold: 1 };
  const rig = await served(site([talker], { ...HTTP_CHECK, ...patient, interval: '5s', initialState: 'Unhealthy' }));
  await until(() => reasonOf(rig, talker), 'protocol_error');
  const server = http2.createServer();
  server.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    const pour = (): void => {
      while (!stream.destroyed && stream.write(Buffer.alloc(8 * 1024))) {}
      stream.once('drain', pour);
    };
    pour();
  });
  const listening = await h2Listening(server);
  closing.push(() => listening.close());
  const pourer = { name: 'pourer', ...listening };
  const endless = {
    type: 'GRPC',
    ...PACE,
    timeout: '5s',
    interval: '5s',
    unhealthyThreshold: 1,
    initialState: 'Unhealthy',
  };
  const other = await served(site([pourer], endless, true));
  await until(() => reasonOf(other, pourer), 'malformed');
});

test('a look says in its PROXY header that the gateway asks for itself', async () => {
  const lines: string[] = [];
  const backend = await rawBackend(
    (socket) => void socket.once('data', (bytes) => lines.push(String(bytes)) && socket.end('HTTP/1.1 200 OK\r\n\r\n')),
  );
  closing.push(() => backend.close());
  const policy = backendTraffic('s', { healthCheck: HTTP_CHECK, proxyProtocol: 'V1' });
  const pods = [{ name: 'x', port: backend.port, close() {} }];
  const rig = await served(site(pods, undefined, false, policy));
  await until(() => healthy(rig, pods[0]!), 1);
  await until(() => lines[0]?.startsWith('PROXY UNKNOWN\r\nGET /healthz HTTP/1.1\r\n'), true);
});

test('UDP ports have nobody who could be asked, and the status says so', async () => {
  const dns = { ...service('s'), spec: { ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] } };
  const route = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'UDPRoute',
    metadata: { name: 'u' },
    spec: { parentRefs: [{ name: 'gw' }], rules: [{ backendRefs: [{ name: 's', port: 53 }] }] },
  };
  const udp = { name: 'udp', port: 53, protocol: 'UDP' };
  const policy = backendTraffic('s', { healthCheck: { type: 'TCP' }, loadBalancing: { type: 'Random' } });
  const rig = await served(manifests([udp], route, dns, policy), { ports: [53] });
  expect(JSON.stringify(rig.report().items)).toContain('no health check on UDP port 53');
});

test('too few that are healthy: all are used, unless a policy would rather answer 503', async () => {
  const [a, b, c] = await made(checkedPod('a'), checkedPod('b', 500), checkedPod('c', 500));
  const rig = await served(site([a!, b!, c!], HTTP_CHECK));
  const panic = (): number | undefined => rows(rig, 'daemun_backend_health_panic')[0]?.value;
  await until(() => [healthy(rig, b!), healthy(rig, c!)], [0, 0]);
  await until(panic, 1);
  expect(await reached(rig)).toEqual(['a', 'b', 'c']);
  await rig.write(site([a!, b!, c!], { ...HTTP_CHECK, panicThresholdPercent: 30 }));
  // What is known of them did not begin anew.
  expect(await reached(rig)).toEqual(['a']);
  expect(panic()).toBe(0);
  a!.state.status = 500;
  await until(() => reached(rig), ['a', 'b', 'c']);
  await rig.write(site([a!, b!, c!], { ...HTTP_CHECK, panicThresholdPercent: 0 }));
  await until(() => reached(rig), ['503']);
});

test('a session whose endpoint is left out goes elsewhere, and comes back with it', async () => {
  const pods = await made(checkedPod('a'), checkedPod('b'), checkedPod('c'));
  const policy = backendTraffic('s', { healthCheck: HTTP_CHECK, sessionPersistence: { cookie: { name: 'sid' } } });
  const rig = await served(site(pods, undefined, false, policy));
  const client = await rawClient(rig.port());
  closing.push(() => client.close());
  const [first] = await client.ask('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
  const [, cookie = ''] = /sid=([^;]+)/.exec(first!.headers.get('set-cookie') ?? '') ?? [];
  const kept = async (): Promise<string> => {
    const [answer] = await client.ask(`GET / HTTP/1.1\r\nHost: a.example\r\nCookie: sid=${cookie}\r\n\r\n`);
    return String(answer!.body);
  };
  const home = await kept();
  expect(home).toBe(String(first!.body));
  const { state } = pods.find(({ name }) => name === home)!;
  state.status = 500;
  await until(async () => (await kept()) === home, false);
  state.status = 200;
  await until(kept, home);
});

test('one that nobody knows is used, or is not until somebody has looked', async () => {
  const [a, b, c] = await made(checkedPod('a'), checkedPod('b'), checkedPod('c', 500));
  const slow = { ...HTTP_CHECK, interval: '10s', timeout: '1s', initialState: 'Unhealthy', healthyThreshold: 5 };
  const rig = await served(site([a!], slow));
  await until(() => healthy(rig, a!), 1);
  await rig.write(site([a!, b!, c!], slow));
  expect(await reached(rig)).toEqual(['a']);
  await until(() => reached(rig), ['a', 'b']);
  expect(healthy(rig, c!)).toBe(0);
});

test('what is known outlives edits, and with the policy all of it goes', async () => {
  const [a, b] = await made(checkedPod('a'), checkedPod('b', 500));
  const rig = await served(site([a!, b!], HTTP_CHECK));
  await until(() => reached(rig), ['a']);
  const other = httpRoute('other', [backendRefs('s')], { hostnames: ['b.example'] });
  for (const text of [
    site([a!, b!], HTTP_CHECK, false, other),
    site([a!, b!], { ...HTTP_CHECK, interval: '200ms' }, false, other),
    site([a!, b!], { ...HTTP_CHECK, http: { path: '/healthz/other' } }),
  ]) {
    await rig.write(text);
    expect(await reached(rig)).toEqual(['a']);
  }
  await rig.write(site([a!, b!], undefined));
  expect(await reached(rig)).toEqual(['a', 'b']);
  expect(rows(rig, 'daemun_backend_endpoint_healthy')).toEqual([]);
  const asked = a!.state.checks.length;
  const began = performance.now();
  await expect.poll(() => performance.now() - began).toBeGreaterThan(400);
  expect(a!.state.checks.length).toBeLessThanOrEqual(asked + 1);
});

test('a check that is under way while its policy goes, and one while the gateway drains', async () => {
  const held: net.Socket[] = [];
  const tarpit = await rawBackend((socket) => void held.push(socket));
  closing.push(() => tarpit.close());
  const pods = [{ name: 'x', port: tarpit.port, close() {} }];
  const patient = { ...HTTP_CHECK, interval: '300ms', timeout: '300ms' };
  const rig = await serveManifests(site(pods, patient));
  await until(() => held.length > 0, true);
  await rig.write(site(pods, undefined));
  await until(() => tarpit.open, 0);
  await rig.write(site(pods, { ...HTTP_CHECK, timeout: '50ms' }));
  const client = await rawClient(rig.port());
  client.send('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
  const before = tarpit.accepted;
  await until(() => tarpit.accepted > before + 2, true);
  const began = performance.now();
  const closed = rig.close();
  const accepted = tarpit.accepted;
  await closed;
  // The request that is under way has that long, and ten looks would have found their time in it.
  expect(performance.now() - began).toBeGreaterThan(900);
  expect(tarpit.accepted).toBe(accepted);
  client.close();
});

test('nobody has the gateway look at itself', async () => {
  const [pod] = await made(checkedPod('a'));
  const rig = await served(site([pod!], HTTP_CHECK));
  const own: Pod = { name: 'own', port: rig.port(), close() {} };
  await rig.write(site([pod!, own], HTTP_CHECK));
  await until(() => healthy(rig, pod!), 1);
  const asked = rig.accesses.length;
  const checks = pod!.state.checks.length;
  await until(() => pod!.state.checks.length > checks + 4, true);
  expect(rig.accesses.length).toBe(asked);
  expect(healthy(rig, own)).toBeUndefined();
});

test('one that never answers, one that never stops, and one that sends elsewhere', async () => {
  const [good, elsewhere] = await made(checkedPod('good'), checkedPod('elsewhere', 302));
  const silent = await httpBackend(({ url }, response) => void (url === '/' && response.end('silent')));
  let sent = 0;
  const endless = await httpBackend(({ url }, response) => {
    if (url === '/') return void response.end('endless');
    const go = (): void => {
      while (!response.destroyed && sent < 100_000_000) {
        sent += 65_536;
        if (!response.write(Buffer.alloc(65_536))) return void response.once('drain', go);
      }
    };
    go();
  });
  closing.push(
    () => silent.close(),
    () => endless.close(),
  );
  const bare = (name: string, { port }: { port: number }): Pod => ({ name, port, close() {} });
  const all = [good!, elsewhere!, bare('s', silent), bare('e', endless)];
  const rig = await served(site(all, { ...HTTP_CHECK, panicThresholdPercent: 0 }));
  await until(() => reached(rig, 12), ['endless', 'good']);
  // What it answers is right, and is read no further than it must be.
  expect(healthy(rig, all[3]!)).toBe(1);
  expect(sent).toBeLessThan(20_000_000);
  const reasons = rows(rig, 'daemun_backend_endpoint_unhealthy_reason').map(({ labels }) => labels.reason);
  expect(reasons.sort()).toEqual(['status_302', 'timeout']);
});

test('several workers look at each endpoint once, and all go by what one of them finds', async () => {
  const pods = await made(...['a', 'b', 'c', 'd', 'e', 'f'].map((name) => checkedPod(name)));
  const folder = mkdtempSync(join(tmpdir(), 'shared-'));
  const fd = openSync(join(folder, 'memory'), 'w+');
  closing.push(() => {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });
  const text = site(pods, { ...HTTP_CHECK, jitterPercent: 0, panicThresholdPercent: 0 });
  const memory = (index: number) => ({ sharedMemory: { fd, index, workers: 3, seed: 7 } });
  const rigs = [await served(text, memory(0)), await served(text, memory(1)), await served(text, memory(2))];
  const bad = pods.slice(0, 3);
  for (const { state } of bad) state.status = 500;
  const good = pods.slice(3).map(({ name }) => name);
  for (const rig of rigs) await until(() => reached(rig, 12), good);
  const looks = (rig: Rig): number =>
    rows(rig, 'daemun_backend_health_checks_total').reduce((sum, { value }) => sum + value, 0);
  const asked = pods.reduce((sum, { state }) => sum + state.checks.length, 0);
  const told = rigs.reduce((sum, rig) => sum + looks(rig), 0);
  // Looks that are on their way are not told yet.
  expect(Math.abs(asked - told)).toBeLessThanOrEqual(pods.length * 2);
  for (const pod of pods) {
    const { state } = pod;
    const before = state.checks.length;
    const began = performance.now();
    await expect.poll(() => performance.now() - began, { timeout: 5_000 }).toBeGreaterThan(500);
    expect(state.checks.length - before).toBeLessThanOrEqual(7);
  }
  for (const { state } of bad) state.status = 200;
  for (const rig of rigs)
    await until(
      () => reached(rig, 12),
      pods.map(({ name }) => name),
    );
});

/** Worker processes: two behave as one gateway, and one serves apart from control. */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { ask, askAdmin, isTurnedAway, Load } from './client.ts';
import { freePort, ServingProcess } from './daemun-process.ts';
import { documents, GATEWAY, gateway, route, service } from './manifest.ts';

const shop = (backend: string) => documents(service(backend), route('shop', { hostname: 'shop.example.com', backend }));

let running: ServingProcess | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

async function start(port: number, flags: string[] = []): Promise<ServingProcess> {
  const files = { 'gateway.yaml': GATEWAY, 'shop.yaml': shop('cart') };
  running = await ServingProcess.start(files, [
    '--workers',
    '2',
    '--port-map',
    `80=${port}`,
    '--echo-backends',
    ...flags,
  ]);
  return running;
}

/** Of all workers together. */
async function requestsCounted(): Promise<number> {
  const lines = (await askAdmin(running!.admin, '/metrics')).body.split('\n');
  const counts = lines.filter((line) => line.startsWith('daemun_http_requests_total{'));
  return counts.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

test('a change reaches the traffic of both workers, and no request fails meanwhile', async () => {
  const port = await freePort();
  await start(port);
  const loads = Array.from({ length: 12 }, () => new Load({ port }, 1));
  for (const name of ['next', 'cart', 'last']) {
    const before = loads.map(({ services }) => services.get(name) ?? 0);
    running!.write('shop.yaml', shop(name));
    // Each connection stays with one worker, and twelve of them are on both.
    await vi.waitFor(
      () => {
        for (const [index, { services }] of loads.entries()) {
          expect(services.get(name) ?? 0).toBeGreaterThan(before[index]!);
        }
      },
      { timeout: 10_000, interval: 10 },
    );
  }
  await Promise.all(loads.map((load) => load.stop()));
  expect(loads.flatMap(({ failures }) => failures)).toEqual([]);
});

test('an endpoint that refuses connections is in the log and in `daemun status`', async () => {
  const port = await freePort();
  const dead = await freePort();
  const files = { 'gateway.yaml': GATEWAY, 'shop.yaml': shop('cart') };
  const flags = ['--port-map', `80=${port}`, '--endpoint', `shop/cart:80=127.0.0.1:${dead}`];
  running = await ServingProcess.start(files, flags);
  await ask({ port, host: 'shop.example.com' });
  const record = await running.logged(
    'endpoint refuses connections, or cannot be reached: see that something listens there',
  );
  expect(record).toMatchObject({ service: 'shop/cart', endpoint: `127.0.0.1:${dead}`, reason: 'connect_refused' });
  const { body } = await askAdmin(running.admin, '/status');
  expect(body).toContain(`endpoint 127.0.0.1:${dead} of port 80 refuses connections`);
});

test('a drain under load loses nothing: what was taken is answered, counted and in the access log, line by line', async () => {
  const port = await freePort();
  await start(port, ['--access-log', 'json']);
  const loads = Array.from({ length: 12 }, () => new Load({ port }, 1));
  await vi.waitFor(() => expect(loads.every(({ sent }) => sent > 20)).toBe(true));
  expect(await requestsCounted()).toBeGreaterThan(12 * 20);
  running!.child.kill('SIGTERM');
  const { code, stdout } = await running!.finished;
  await Promise.all(loads.map((load) => load.stop()));
  expect(code).toBe(0);
  const failures = loads.flatMap((load) => load.failures);
  expect(failures.filter((failure) => !isTurnedAway(failure))).toEqual([]);
  const answered = loads.reduce((sum, { sent }) => sum + sent, 0) - failures.length;
  const lines = stdout.trimEnd().split('\n');
  const ids = new Set(lines.map((line) => (JSON.parse(line) as { requestId: string }).requestId));
  expect(ids.size).toBe(lines.length);
  expect(lines).toHaveLength(answered);
});

test('a worker that is killed takes only its own connections with it, and is replaced', async () => {
  const port = await freePort();
  await start(port);
  const loads = Array.from({ length: 16 }, () => new Load({ port }, 1));
  await vi.waitFor(() => expect(loads.every(({ sent }) => sent > 10)).toBe(true));
  const before = running!.records().length;
  const { pid } = await running!.logged('worker started');
  process.kill(Number(pid), 'SIGKILL');
  await running!.logged('worker started', before);
  const restarted = async () =>
    expect((await askAdmin(running!.admin, '/metrics')).body).toContain('daemun_worker_restarts_total 1\n');
  await vi.waitFor(restarted, { timeout: 10_000 });
  const since = loads.map(({ sent }) => sent);
  await vi.waitFor(() => expect(loads.every(({ sent }, index) => sent > since[index]! + 10)).toBe(true));
  await Promise.all(loads.map((load) => load.stop()));
  // A connection breaks once; the one that follows may still reach the queue of the listener that is being torn down.
  const broken = loads.map(({ failures }) => failures.filter((failure) => !isTurnedAway(failure)).length);
  expect(Math.max(...broken)).toBeLessThanOrEqual(1);
  expect(Math.max(...loads.map(({ failures }) => failures.length))).toBeLessThanOrEqual(3);
  expect(loads.some(({ failures }) => failures.length === 0)).toBe(true);
  expect(loads.flatMap(({ failures }) => failures).every((failure) => /ECONNRESET|socket hang up/.test(failure))).toBe(
    true,
  );
  expect(await askAdmin(running!.admin, '/readyz')).toMatchObject({ status: 200 });
});

test('a port that is taken is named once, and not by each worker', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const edge = gateway([
    { name: 'http', port: 80, protocol: 'HTTP' },
    { name: 'other', port: 8080, protocol: 'HTTP' },
  ]);
  const files = {
    'class.yaml': GATEWAY.split('---\n')[0]!,
    'gateway.yaml': documents(edge),
    'shop.yaml': shop('cart'),
  };
  const free = await freePort();
  const map = `80=${free},8080=${port}`;
  running = await ServingProcess.start(files, ['--workers', '2', '--port-map', map, '--echo-backends']);
  expect(await ask({ port: free })).toMatchObject({ status: 200 });
  const [failed, ...more] = running.listeners.filter(({ state }) => state === 'failed');
  expect(failed).toMatchObject({ key: 'shop/edge/other', code: 'DMN_PORT_IN_USE' });
  expect(more).toEqual([]);
  const problems = running.records().filter((record) => ['error', 'warn'].includes(record.level));
  expect(problems.filter(({ msg }) => msg.includes('DMN_PORT_IN_USE')).map(({ msg }) => msg)).toHaveLength(1);
  taken.close();
  await running.logged('listener serves');
});

test('one worker is a process too: it serves on while control stands still, and comes back when it crashes', async () => {
  const port = await freePort();
  const files = { 'gateway.yaml': GATEWAY, 'shop.yaml': shop('cart') };
  const backend = createHttpServer((_, response) => response.end('here')).listen(0, '127.0.0.1');
  await once(backend, 'listening');
  const endpoint = `shop/cart:80=127.0.0.1:${(backend.address() as AddressInfo).port}`;
  running = await ServingProcess.start(files, ['--port-map', `80=${port}`, '--endpoint', endpoint]);
  running.child.kill('SIGSTOP');
  expect(await ask({ port })).toMatchObject({ status: 200, body: 'here' });
  running.child.kill('SIGCONT');
  const before = running.records().length;
  process.kill(Number((await running.logged('worker started')).pid), 'SIGKILL');
  await running.logged('worker started', before);
  await vi.waitFor(async () => expect(await ask({ port })).toMatchObject({ status: 200 }), { timeout: 10_000 });
  backend.close();
});

test('a worker that does not answer is told of, and does not make the gateway unready beside another', async () => {
  const port = await freePort();
  await start(port);
  const started = running!.records().filter(({ msg }) => msg === 'worker started');
  const [first, second] = started.map(({ pid }) => Number(pid));
  process.kill(first!, 'SIGSTOP');
  await running!.logged('worker does not answer');
  expect((await askAdmin(running!.admin, '/readyz')).status).toBe(200);
  expect((await askAdmin(running!.admin, '/readyz?verbose')).body).toMatch(/worker-\d+ *.*does not answer/);
  process.kill(second!, 'SIGSTOP');
  const unready = async () => expect((await askAdmin(running!.admin, '/readyz')).status).toBe(503);
  await vi.waitFor(unready, { timeout: 15_000, interval: 200 });
  for (const pid of [first!, second!]) process.kill(pid, 'SIGCONT');
  await running!.logged('worker answers again');
  const ready = async () => expect((await askAdmin(running!.admin, '/readyz')).status).toBe(200);
  await vi.waitFor(ready, { timeout: 10_000, interval: 200 });
});

test('a rate limit is that of both workers together', async () => {
  const port = await freePort();
  const limit = `
apiVersion: policies.daemun.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: few, namespace: shop }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: edge }]
  limits: [{ requests: 40, per: Day, key: [{ type: ClientAddress }] }]
`;
  running = await ServingProcess.start({ 'gateway.yaml': GATEWAY, 'shop.yaml': shop('cart'), 'limit.yaml': limit }, [
    ...['--workers', '2', '--port-map', `80=${port}`, '--echo-backends'],
  ]);
  const statuses = await Promise.all(Array.from({ length: 100 }, () => ask({ port })));
  expect(statuses.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(40);
  expect(statuses.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(42);
  expect(new Set(statuses.map(({ status }) => status))).toEqual(new Set([200, 429]));
});

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { ask, askAdmin, isTurnedAway, Load } from './client.ts';
import { daemun, freePort, ServingProcess } from './daemun-process.ts';
import { documents, GATEWAY, gateway, route, service } from './manifest.ts';

const SHOP = documents(service('cart'), route('shop', { hostname: 'shop.example.com', backend: 'cart' }));
const FLAGS = ['--port-map', '80=0', '--echo-backends'];

let running: ServingProcess | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

test('manifests of another vendor are served as they are, with echoes, readiness, metrics and an access log', async () => {
  running = await ServingProcess.start({ 'gateway.yaml': GATEWAY, 'shop.yaml': SHOP }, [
    ...FLAGS,
    '--access-log',
    'json',
  ]);
  const { status, body, headers } = await ask({ port: running.port, path: '/a?b=1' });
  expect(status).toBe(200);
  expect(headers['x-echo-service']).toBe('shop/cart');
  expect(JSON.parse(body)).toMatchObject({
    service: 'cart',
    namespace: 'shop',
    port: 80,
    method: 'GET',
    path: '/a?b=1',
    host: 'shop.example.com',
    headers: { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http' },
  });
  expect(await ask({ port: running.port, host: 'other.example.com' })).toMatchObject({ status: 404 });
  expect(await askAdmin(running.admin, '/readyz')).toMatchObject({ status: 200 });
  expect((await askAdmin(running.admin, '/metrics')).body).toMatch(/daemun_http_requests_total\{.*code="200".*\} 1\n/);
  const line = await running.until(() => running!.stdout.split('\n').find((one) => one.includes('"status":200')));
  expect(JSON.parse(line)).toMatchObject({
    requestId: JSON.parse(body).headers['x-request-id'],
    route: 'HTTPRoute/shop/shop/0',
    backend: 'shop/cart:80',
    path: expect.stringMatching(/^\/a/),
  });
});

test('debug graph shows what is computed of what, and that the files were read', async () => {
  running = await ServingProcess.start({ 'gateway.yaml': GATEWAY, 'shop.yaml': SHOP }, FLAGS);
  const { code, stdout } = await daemun(['debug', 'graph', '--admin', running.admin]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^files +4 +\d{4}-\d\d-\d\dT/m);
  expect(stdout).toMatch(/^HTTPRoute +source +1$/m);
  expect(stdout).toMatch(/^rules +derived +1 +\d+ +judged routes$/m);
  const json = await daemun(['debug', 'graph', '--admin', running.admin, '-o', 'json']);
  expect(JSON.parse(json.stdout).collections).toContainEqual(
    expect.objectContaining({ name: 'config', kind: 'join', size: 4 }),
  );
  expect((await askAdmin(running.admin, '/metrics')).body).toMatch(
    /daemun_source_synced_timestamp_seconds\{source="files"\} 1/,
  );
});

test('WebSocket messages are echoed through the gateway', async () => {
  running = await ServingProcess.start({ 'gateway.yaml': GATEWAY, 'shop.yaml': SHOP }, FLAGS);
  const socket = new WebSocket(`ws://127.0.0.1:${running.port}/chat`, { headers: { host: 'shop.example.com' } });
  await once(socket, 'open');
  socket.send('hello');
  const [data] = await once(socket, 'message');
  expect(String(data)).toBe('hello');
  socket.close();
  await once(socket, 'close');
});

test('a change of a file reaches traffic, and no request fails meanwhile', async () => {
  running = await ServingProcess.start({ 'gateway.yaml': GATEWAY, 'shop.yaml': SHOP }, FLAGS);
  const load = new Load({ port: running.port });
  for (const name of ['next', 'cart', 'next', 'last']) {
    const before = load.services.get(name) ?? 0;
    running.write(
      'shop.yaml',
      documents(service(name), route('shop', { hostname: 'shop.example.com', backend: name })),
    );
    await vi.waitFor(() => expect(load.services.get(name) ?? 0).toBeGreaterThan(before), {
      timeout: 5000,
      interval: 10,
    });
  }
  await load.stop();
  expect(load.failures).toEqual([]);
});

test('a file that breaks keeps its objects serving, says why, and is taken up again when it is mended', async () => {
  running = await ServingProcess.start({ 'gateway.yaml': GATEWAY, 'shop.yaml': SHOP }, FLAGS);
  running.write('shop.yaml', '{ this is: [no YAML');
  const told = await running.until(() =>
    running!.records().find(({ level, file }) => level === 'error' && file !== undefined),
  );
  expect(told.file).toContain('shop.yaml');
  expect(await ask({ port: running.port })).toMatchObject({ status: 200 });
  running.write(
    'shop.yaml',
    documents(service('mended'), route('shop', { hostname: 'shop.example.com', backend: 'mended' })),
  );
  await running.logged('config applied');
  expect((await ask({ port: running.port })).headers['x-echo-service']).toBe('shop/mended');
});

test('a port that is taken is named with its code, the other listeners serve, and it serves once it is free', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const two = documents(
    ...[
      gateway([
        { name: 'http', port: 80, protocol: 'HTTP' },
        { name: 'other', port: 8080, protocol: 'HTTP' },
      ]),
    ],
  );
  running = await ServingProcess.start(
    { 'class.yaml': GATEWAY.split('---\n')[0]!, 'gateway.yaml': two, 'shop.yaml': SHOP },
    ['--port-map', `80=0,8080=${port}`, '--echo-backends'],
  );
  expect(await ask({ port: running.port })).toMatchObject({ status: 200 });
  expect(running.listeners.find(({ key }) => key === 'shop/edge/other')).toMatchObject({
    state: 'failed',
    code: 'DMN_PORT_IN_USE',
  });
  // The other tenants' traffic must come: a load balancer asks no more than that.
  expect(await askAdmin(running.admin, '/readyz')).toMatchObject({ status: 200, body: '1 of 2 listeners serve\n' });
  const { body } = await askAdmin(running.admin, '/readyz?verbose');
  expect(body).toContain('[+] listener shop/edge/http: serves on 127.0.0.1:');
  expect(body).toMatch(/^\[-\] listener shop\/edge\/other: DMN_PORT_IN_USE/m);
  const metric = async () => (await askAdmin(running!.admin, '/metrics')).body;
  expect(await metric()).toContain('daemun_listener_ready{listener="shop/edge/other"} 0\n');
  const before = running.records().length;
  taken.close();
  await running.logged('listener serves', before);
  expect(await metric()).toContain('daemun_listener_ready{listener="shop/edge/other"} 1\n');
  expect(await ask({ port })).toMatchObject({ status: 200 });
  expect(await askAdmin(running.admin, '/readyz')).toMatchObject({ status: 200 });
});

test('SIGTERM lets requests under way finish, takes no new ones, and exits 0', async () => {
  const slow = createServer((_request, response) => {
    response.writeHead(200);
    response.write('first');
    const end = () => response.end(' last');
    // One that the worker takes before it hears of the drain is answered like any other.
    if (release.length > 0) end();
    else release.push(end);
  }).listen(0, '127.0.0.1');
  const release: Array<() => void> = [];
  await once(slow, 'listening');
  const backend = `shop/cart:80=127.0.0.1:${(slow.address() as AddressInfo).port}`;
  running = await ServingProcess.start({ 'gateway.yaml': GATEWAY, 'shop.yaml': SHOP }, [
    '--port-map',
    '80=0',
    '--endpoint',
    backend,
  ]);
  const { port } = running;
  const answer = ask({ port });
  await vi.waitFor(() => expect(release).toHaveLength(1));
  running.child.kill('SIGTERM');
  await running.logged('draining');
  await vi.waitFor(() => expect(ask({ port })).rejects.toThrow());
  release[0]!();
  expect(await answer).toMatchObject({ status: 200, body: 'first last' });
  expect((await running.finished).code).toBe(0);
  slow.close();
});

test('under load, no request fails while the gateway drains', async () => {
  running = await ServingProcess.start({ 'gateway.yaml': GATEWAY, 'shop.yaml': SHOP }, FLAGS);
  const load = new Load({ port: running.port });
  await vi.waitFor(() => expect(load.sent).toBeGreaterThan(50));
  running.child.kill('SIGTERM');
  expect((await running.finished).code).toBe(0);
  await load.stop();
  expect(load.failures.filter((failure) => !isTurnedAway(failure))).toEqual([]);
});

test('a second signal ends at once', async () => {
  const hanging = createServer(() => {}).listen(0, '127.0.0.1');
  await once(hanging, 'listening');
  const backend = `shop/cart:80=127.0.0.1:${(hanging.address() as AddressInfo).port}`;
  running = await ServingProcess.start({ 'gateway.yaml': GATEWAY, 'shop.yaml': SHOP }, [
    '--port-map',
    '80=0',
    '--endpoint',
    backend,
  ]);
  const answer = ask({ port: running.port }).catch((error: unknown) => error);
  await once(hanging, 'request');
  running.child.kill('SIGINT');
  await running.logged('draining');
  running.child.kill('SIGINT');
  expect((await running.finished).code).toBe(1);
  await answer;
  hanging.closeAllConnections();
  hanging.close();
});

test('two workers share the port, are counted as one, and one that crashes comes back with the config', async () => {
  const port = await freePort();
  running = await ServingProcess.start({ 'gateway.yaml': GATEWAY, 'shop.yaml': SHOP }, [
    '--workers',
    '2',
    '--port-map',
    `80=${port}`,
    '--echo-backends',
  ]);
  for (let i = 0; i < 20; i++) expect(await ask({ port })).toMatchObject({ status: 200 });
  const requests = async () => {
    const lines = (await askAdmin(running!.admin, '/metrics')).body.split('\n');
    return lines.filter((line) => line.startsWith('daemun_http_requests_total{')).map((line) => line.split(' ').at(-1));
  };
  expect(await requests()).toEqual(['20']);
  const before = running.records().length;
  const { pid } = await running.logged('worker started');
  process.kill(Number(pid), 'SIGKILL');
  await running.logged('worker crashed', before);
  await running.logged('worker started', before);
  const restarted = async () =>
    expect((await askAdmin(running!.admin, '/metrics')).body).toContain('daemun_worker_restarts_total 1\n');
  await vi.waitFor(restarted, { timeout: 10_000 });
  for (let i = 0; i < 20; i++) expect(await ask({ port })).toMatchObject({ status: 200 });
  expect((await running.stop()).code).toBe(0);
});

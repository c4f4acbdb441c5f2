/** A run that has few file descriptors: what it can serve it serves, and all of it once there are some again. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { ask, askAdmin } from './client.ts';
import { DaemunProcess, freePort } from './daemun-process.ts';
import { documents, GATEWAY, route, service } from './manifest.ts';

/** Of each of its processes: enough to start, and no more than some connections. */
const DESCRIPTORS = 100;
const FLOOD = 150;
/** Of those one in eight is kept for backends: more than that are asked at once. */
const AT_ONCE = 20;

const closing: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Services, each with an endpoint of its own; `slow` answers once `release` was called. */
async function start(): Promise<{ process: DaemunProcess; port: number; admin: string; release: () => void }> {
  const folder = mkdtempSync(join(tmpdir(), 'daemun-descriptors-'));
  closing.push(() => rmSync(folder, { recursive: true, force: true }));
  const port = await freePort();
  const ends: string[] = [];
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  for (const name of ['cart', 'till', 'slow']) {
    const answer = (response: http.ServerResponse): unknown => response.end(name);
    const backend = http
      .createServer((_, response) => void (name === 'slow' ? released.then(() => answer(response)) : answer(response)))
      .listen(0, '127.0.0.1');
    await once(backend, 'listening');
    closing.push(
      () => backend.closeAllConnections(),
      () => backend.close(),
    );
    ends.push('--endpoint', `shop/${name}:80=127.0.0.1:${(backend.address() as AddressInfo).port}`);
    const text = documents(service(name), route(name, { hostname: `${name}.example.com`, backend: name }));
    writeFileSync(join(folder, `${name}.yaml`), text);
  }
  writeFileSync(join(folder, 'gateway.yaml'), GATEWAY);
  const flags = ['--log-format', 'json', '--admin', '127.0.0.1:0', '--bind', '127.0.0.1', '--port-map', `80=${port}`];
  const few = ['bash', '-c', `ulimit -n ${DESCRIPTORS}; exec "$@"`, 'bash'];
  const process = new DaemunProcess(['run', '-f', folder, ...flags, ...ends], few);
  closing.push(async () => {
    process.child.kill('SIGTERM');
    await process.finished;
  });
  const { admin } = await process.logged('serving');
  return { process, port, admin: String(admin), release };
}

/** Connections of which some are let in. */
async function flood(port: number): Promise<net.Socket[]> {
  const sockets = Array.from({ length: FLOOD }, () => net.connect(port, '127.0.0.1').on('error', () => {}));
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
  });
  await Promise.allSettled(sockets.map((socket) => once(socket, 'connect')));
  return sockets;
}

test('clients beyond them are turned away, and those that are there are served', {
  timeout: 90_000,
}, async () => {
  const { process: running, port, admin, release } = await start();
  const kept = new http.Agent({ keepAlive: true, maxSockets: 1 });
  closing.push(() => kept.destroy());
  const asked = (host: string, agent = kept): Promise<[number | undefined, string | undefined]> =>
    new Promise((resolve, reject) => {
      const headers = { host: `${host}.example.com` };
      http
        .get({ host: '127.0.0.1', port, headers, agent }, (response) => {
          response.resume().on('end', () => resolve([response.statusCode, response.headers['retry-after']]));
        })
        .on('error', reject);
    });
  expect(await asked('cart')).toEqual([200, undefined]);
  // Connections that are there already, each of which will need one of its own to another backend.
  const many = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE });
  closing.push(() => many.destroy());
  await Promise.all(Array.from({ length: AT_ONCE }, () => asked('cart', many)));
  const sockets = await flood(port);
  await expect.poll(() => sockets.filter(({ closed }) => closed).length, { timeout: 20_000 }).toBeGreaterThan(50);
  const left = sockets.filter(({ closed }) => closed).length;
  const metrics = (await askAdmin(admin, '/metrics')).body;
  expect(metrics).toContain(`daemun_connections_refused_total{reason="descriptors"} ${left}\n`);
  expect(await running.logged('port turns clients away')).toMatchObject({ gateway: 'shop/edge', count: left });
  expect(await asked('cart')).toEqual([200, undefined]);
  // Some are kept for backends: a client that was let in is served, and no more at once than there are.
  expect(await asked('till')).toEqual([200, undefined]);
  const refused = Promise.withResolvers<void>();
  const slow = Array.from({ length: AT_ONCE }, async () => {
    const answer = String(await asked('slow', many));
    if (answer !== '200,') refused.resolve();
    return answer;
  });
  await refused.promise;
  release();
  expect(new Set(await Promise.all(slow))).toEqual(new Set(['200,', '503,1']));
  // Neither does it end a worker that what it would tell takes one.
  expect((await askAdmin(admin, '/metrics')).body).toContain('daemun_worker_restarts_total 0\n');
  expect(await asked('cart')).toEqual([200, undefined]);
  for (const socket of sockets) socket.destroy();
  await expect.poll(() => asked('till'), { timeout: 20_000 }).toEqual([200, undefined]);
});

test('a worker that ends while control has none is started when it has some', { timeout: 90_000 }, async () => {
  const { process: running, port, admin } = await start();
  const sockets = await flood(Number(admin.split(':').at(-1)));
  process.kill(Number((await running.logged('worker started')).pid), 'SIGKILL');
  expect(await running.logged('worker failed')).toMatchObject({ error: expect.stringContaining('EMFILE') });
  for (const socket of sockets) socket.destroy();
  const again = async (): Promise<unknown> =>
    (await ask({ port, host: 'cart.example.com' }).catch(() => undefined))?.status;
  await expect.poll(again, { timeout: 40_000 }).toBe(200);
});

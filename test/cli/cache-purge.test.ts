/** `daemun cache purge`, and what a request changed, over all workers of a gateway. */
import { request } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask, askAdmin } from './client.ts';
import { daemun, freePort, ServingProcess } from './daemun-process.ts';
import { documents, GATEWAY, route, service } from './manifest.ts';

const KEPT = `apiVersion: policies.daemun.dev/v1alpha1
kind: ResponsePolicy
metadata: { name: kept, namespace: shop }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: shop }]
  cache: { defaultTtl: 1h }
`;
const HOST = 'shop.example.com';
const WORKERS = 2;

let running: ServingProcess;
beforeAll(async () => {
  const shop = documents(service('cart'), route('shop', { hostname: HOST, backend: 'cart' }));
  const port = await freePort();
  running = await ServingProcess.start({ 'gateway.yaml': GATEWAY, 'shop.yaml': shop, 'kept.yaml': KEPT }, [
    ...['--port-map', `80=${port}`, '--echo-backends', '--workers', String(WORKERS)],
  ]);
});
afterAll(() => running.stop());

async function urlsKept(): Promise<number> {
  const { body } = await askAdmin(running.admin, '/metrics');
  return Number(/^daemun_cache_urls\{[^}]*\} (\d+)$/m.exec(body)?.[1] ?? 0);
}

/** Until every worker has it: who takes a connection is the kernel's to say. */
async function keepEverywhere(...paths: string[]): Promise<void> {
  const before = await urlsKept();
  while ((await urlsKept()) < before + WORKERS * paths.length) {
    await Promise.all(paths.flatMap((path) => Array.from({ length: 8 }, () => ask({ port: running.port, path }))));
  }
}

const purge = (...words: string[]) => daemun(['cache', 'purge', ...words, '--admin', running.admin]);

test('every worker forgets what is asked for', async () => {
  await keepEverywhere('/a', '/b/1', '/b/2');
  const dry = await purge('--prefix', `https://${HOST}/b/`, '--dry-run');
  expect(dry.code).toBe(0);
  expect(dry.stdout).toMatch(/^WORKER +URLS TO FORGET +BYTES\nworker-0 +2 +\d+\nworker-1 +2 +\d+\n$/);
  expect(await urlsKept()).toBe(6);
  const one = await purge(`${HOST}/b/1`, '-o', 'json');
  expect(JSON.parse(one.stdout)).toMatchObject({
    dryRun: false,
    proxies: [
      { name: 'worker-0', urls: 1 },
      { name: 'worker-1', urls: 1 },
    ],
    unanswered: [],
  });
  expect(await urlsKept()).toBe(4);
  expect((await purge('--policy', 'shop/other', '-o', 'yaml')).stdout).toContain('urls: 0');
  expect(await urlsKept()).toBe(4);
  expect((await purge('--policy', 'shop/kept')).code).toBe(0);
  expect(await urlsKept()).toBe(0);
});

test('what a request changes no worker gives any more', async () => {
  await keepEverywhere('/a', '/b');
  await new Promise((resolve, reject) => {
    const call = request({ port: running.port, path: '/a', method: 'POST', agent: false, headers: { host: HOST } });
    call.on('response', (response) => response.resume().on('end', resolve)).on('error', reject);
    call.end();
  });
  await expect.poll(urlsKept).toBe(2);
  expect((await purge('--all')).code).toBe(0);
});

test('a wrong command line is 2, and nobody who answers 1', async () => {
  for (const [words, said] of [
    [[], 'name a URL or --policy, or say --all'],
    [['--all', 'http://a/'], '--all, or a URL or --policy'],
    [['--prefix', '--all'], '--prefix goes with a URL'],
    [['/a'], 'is no URL with a host'],
    [['--policy', 'kept'], 'is not NAMESPACE/NAME'],
  ] as const) {
    const { code, stderr } = await purge(...words);
    expect([words, code, stderr.includes(said)]).toEqual([words, 2, true]);
  }
  expect((await daemun(['debug', 'graph', '--nothing'])).code).toBe(2);
  const { code, stderr } = await daemun(['cache', 'purge', '--all', '--admin', `127.0.0.1:${await freePort()}`]);
  expect(code).toBe(1);
  expect(stderr).toContain('no gateway answers');
});

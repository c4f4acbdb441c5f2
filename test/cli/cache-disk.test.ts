/** `--cache-path`: answers that outlive a restart, whichever worker wrote them, and folders that are not taken. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ask, askAdmin } from './client.ts';
import { daemun, freePort, ServingProcess } from './daemun-process.ts';
import { documents, GATEWAY, route, service } from './manifest.ts';

const KEPT = `apiVersion: policies.daemun.dev/v1alpha1
kind: ResponsePolicy
metadata: { name: kept, namespace: shop }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: shop }]
  cache: { defaultTtl: 1h, disk: {} }
`;
const HOST = 'shop.example.com';
const folder = mkdtempSync(join(tmpdir(), 'daemun-cache-path-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const DISK = ['--cache-path', folder, '--cache-bytes', '10000000'];

async function serve(disk: string[] = DISK): Promise<ServingProcess> {
  const shop = documents(service('cart'), route('shop', { hostname: HOST, backend: 'cart' }));
  return ServingProcess.start({ 'gateway.yaml': GATEWAY, 'shop.yaml': shop, 'kept.yaml': KEPT }, [
    ...['--port-map', `80=${await freePort()}`, '--echo-backends', '--workers', '2'],
    ...disk,
  ]);
}

async function metric(running: ServingProcess, name: string): Promise<number> {
  const { body } = await askAdmin(running.admin, '/metrics');
  return Number(new RegExp(`^daemun_cache_disk_${name} (\\d+)$`, 'm').exec(body)?.[1] ?? -1);
}

test('what any worker wrote any worker has after a restart, until it is purged', async () => {
  const paths = Array.from({ length: 6 }, (_, i) => `/${i}`);
  const first = await serve();
  await expect.poll(() => metric(first, 'usable')).toBe(2);
  for (const path of paths) await ask({ port: first.port, path });
  await expect.poll(() => metric(first, 'files'), { timeout: 10_000 }).toBe(paths.length);
  await first.stop();
  const own = join(folder, 'daemun-answers');
  expect(statSync(own).mode & 0o777).toBe(0o700);
  const second = await serve();
  await expect.poll(() => metric(second, 'usable')).toBe(2);
  for (const path of paths) {
    expect((await ask({ port: second.port, path })).headers['cache-status']).toContain('detail=disk');
  }
  const { code, stdout } = await daemun(['cache', 'purge', '--all', '--admin', second.admin]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^WORKER +URLS FORGOTTEN +BYTES +FILES +BYTES\n/);
  expect((await ask({ port: second.port, path: '/0' })).headers['cache-status']).toContain('uri-miss');
  await second.stop();
});

test('a policy that wants a disk where none was given: the log and the status say so', async () => {
  const running = await serve([]);
  await ask({ port: running.port, path: '/' });
  expect(await running.logged('disk for answers is not given')).toMatchObject({
    level: 'warn',
    policy: 'ResponsePolicy/shop/kept',
    reason: 'disk_absent',
  });
  const { stdout } = await daemun(['status', '--admin', running.admin]);
  expect(stdout.replaceAll(/\s+/g, ' ')).toMatch(
    /warning: the disk for answers is not given to the data plane, .*: start it with --cache-path, .*ResponsePolicy\/shop\/kept/,
  );
  await running.stop();
});

test('a folder into which others can write is not taken, nor a size that is none', async () => {
  const open = join(folder, 'open');
  mkdirSync(join(open, 'daemun-answers'), { recursive: true });
  chmodSync(join(open, 'daemun-answers'), 0o777);
  for (const [words, said] of [
    [['--cache-path', open], 'can be read or written by others: give it mode 0700'],
    [['--cache-bytes', '10000000'], '--cache-bytes goes with --cache-path'],
    [['--cache-path', folder, '--cache-bytes', '10'], 'is not a number of bytes'],
  ] as const) {
    const { code, stderr } = await daemun(['run', 'nowhere.yaml', ...words]);
    expect([words, code, stderr.includes(said)]).toEqual([words, 2, true]);
  }
});

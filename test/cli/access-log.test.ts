/** The access log as a run writes it. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { demoCertificate, tlsSecret } from '../../src/cli/demo-certificate.ts';
import { ask } from './client.ts';
import { daemun, freePort, ServingProcess } from './daemun-process.ts';
import { documents, GATEWAY, gateway, route, service } from './manifest.ts';

const run = promisify(execFile);
const [CLASS] = GATEWAY.split('---\n');
const LISTENERS = [
  { name: 'http', port: 80, protocol: 'HTTP' },
  { name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'cert' }] } },
];
const SHOP = documents(service('cart'), route('shop', { hostname: 'shop.example.com', backend: 'cart' }));

let folder: string;
let running: ServingProcess | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'daemun-access-'));
});
afterEach(async () => {
  await running?.stop();
  running = undefined;
  rmSync(folder, { recursive: true });
});

test('a line tells query, referer, client port, TLS, endpoint and attempts', async () => {
  const secret = tlsSecret({ namespace: 'shop', name: 'cert' }, await demoCertificate(['*.example.com']));
  const files = { 'all.yaml': `${CLASS}---\n${documents(gateway(LISTENERS))}---\n${SHOP}`, 'secret.json': secret };
  running = await ServingProcess.start(files, ['--port-map', '80=0,443=0', '--echo-backends', '--access-log', 'json']);
  const { bound } = running.listeners.find(({ key }) => key.endsWith('/https'))!;
  const port = bound[0]!.split(':').at(-1);
  const url = `https://shop.example.com:${port}/cart?id=7&x=%20`;
  const to = ['--resolve', `shop.example.com:${port}:127.0.0.1`, '-e', 'https://from.example/', '-w', '%{local_port}'];
  const { stdout } = await run('curl', ['-sko', '/dev/null', ...to, url]);
  const line = await running.until(() => running!.stdout.split('\n').find((text) => text.includes('"path":"/cart"')));
  expect(JSON.parse(line)).toMatchObject({
    client: '127.0.0.1',
    clientPort: Number(stdout),
    query: 'id=7&x=%20',
    referer: 'https://from.example/',
    userAgent: expect.stringMatching(/^curl/),
    tlsVersion: 'TLSv1.3',
    tlsCipher: expect.stringMatching(/^TLS_/),
    endpoint: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    attempts: 1,
  });
});

test('workers append to one file; one that is moved away before SIGHUP is left alone after it', async () => {
  const path = join(folder, 'access.log');
  const port = await freePort();
  const flags = ['--access-log', '{method} {path}', '--access-log-file', path, '--workers', '2'];
  running = await ServingProcess.start({ 'all.yaml': `${GATEWAY}---\n${SHOP}` }, [
    '--port-map',
    `80=${port}`,
    '--echo-backends',
    ...flags,
  ]);
  const lines = (name: string): string[] =>
    existsSync(name) ? readFileSync(name, 'utf8').split('\n').slice(0, -1).sort() : [];
  for (let i = 0; i < 8; i++) await ask({ port, path: `/before/${i}` });
  const before = Array.from({ length: 8 }, (_, i) => `GET /before/${i}`);
  await vi.waitFor(() => expect(lines(path)).toEqual(before));
  renameSync(path, `${path}.1`);
  running.child.kill('SIGHUP');
  await running.logged('reading the manifests again');
  for (let i = 0; i < 8; i++) await ask({ port, path: `/after/${i}` });
  await vi.waitFor(() => expect(lines(path)).toEqual(Array.from({ length: 8 }, (_, i) => `GET /after/${i}`)));
  expect(lines(`${path}.1`)).toEqual(before);
});

test.each([
  [['--access-log', 'apache'], 2, 'allowed are off, json, text, combined, or a template'],
  [['--access-log', '{username}'], 2, 'the access log has no field {username}; there are time, requestId'],
  [['--access-log-file', 'x.log'], 2, '--access-log-file goes with --access-log'],
  [['--access-log', 'json', '--access-log-file', '/nowhere/x.log'], 1, 'the access log cannot be written: ENOENT'],
] as const)('%j is told', async (flags, code, message) => {
  const ended = await daemun(['run', '-', '--admin', 'off', ...flags]);
  expect([ended.code, ended.stderr]).toEqual([code, expect.stringContaining(message)]);
});

/** Who may read the admin API, and the limits that flags set. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { daemun, ServingProcess } from './daemun-process.ts';
import { documents, GATEWAY, route, service } from './manifest.ts';

const TOKEN = 'a-token-that-nobody-guesses';
const FILES = {
  'gateway.yaml': GATEWAY,
  'shop.yaml': documents(service('cart'), route('shop', { hostname: 'shop.example.com', backend: 'cart' })),
};

const folder = mkdtempSync(join(tmpdir(), 'daemun-token-'));
const tokenFile = join(folder, 'token');
writeFileSync(tokenFile, `${TOKEN}\n`);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

let running: ServingProcess | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

test('an admin address that others reach is refused without a token, and the message names the way out', async () => {
  const { code, stderr } = await daemun(['run', '-f', '-', '--admin', '0.0.0.0:0'], '');
  expect(code).toBe(2);
  expect(stderr).toContain('--admin-token-file');
  expect(stderr).toContain('--admin-insecure');
});

test('with a token, all but the health checks ask for it', async () => {
  const flags = ['--port-map', '80=0', '--echo-backends', '--admin-token-file', tokenFile];
  running = await ServingProcess.start(FILES, flags);
  const status = async (path: string, headers: Record<string, string> = {}) =>
    (await fetch(`http://${running!.admin}${path}`, { headers })).status;
  expect(await status('/readyz')).toBe(200);
  expect(await status('/healthz')).toBe(200);
  for (const path of ['/', '/config', '/metrics', '/status', '/nothing']) expect(await status(path)).toBe(401);
  expect(await status('/config', { authorization: 'Bearer another-token-altogether' })).toBe(401);
  expect(await status('/config', { authorization: `Bearer ${TOKEN}` })).toBe(200);
  const without = await daemun(['status', '--admin', running.admin]);
  expect(without.code).toBe(1);
  expect(without.stderr).toContain('--admin-token-file');
  expect((await daemun(['status', '--admin', running.admin, '--admin-token-file', tokenFile])).code).toBe(0);
  const explained = ['explain', '--admin', running.admin, '--admin-token-file', tokenFile, 'http://shop.example.com/'];
  expect((await daemun(explained)).code).toBe(0);
});

test('a token that can be guessed is refused', async () => {
  const weak = join(folder, 'weak');
  writeFileSync(weak, 'short\n');
  expect((await daemun(['run', '-f', '-', '--admin-token-file', weak], '')).code).toBe(2);
  expect((await daemun(['run', '-f', '-', '--admin-token-file', join(folder, 'none')], '')).code).toBe(2);
  rmSync(weak);
});

test('--max-body-bytes refuses a larger body with 413', async () => {
  running = await ServingProcess.start(FILES, ['--port-map', '80=0', '--echo-backends', '--max-body-bytes', '10']);
  const post = async (body: string) => {
    const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
    const call = request(
      { host: '127.0.0.1', port: running!.port, method: 'POST', headers: { host: 'shop.example.com' } },
      (response) => {
        response.resume();
        resolve(response.statusCode);
      },
    );
    call.on('error', reject);
    call.end(body);
    return await promise;
  };
  expect(await post('0123456789')).toBe(200);
  expect(await post('0123456789a')).toBe(413);
});

test('explain counts endpoints and echoes in that run would get by flags', async () => {
  const manifests = Object.values(FILES).join('---\n');
  const url = 'http://shop.example.com/';
  expect((await daemun(['explain', '-f', '-', url], manifests)).code).toBe(1);
  const echoed = await daemun(['explain', '-f', '-', '--echo-backends', url], manifests);
  expect([echoed.code, echoed.stdout]).toEqual([0, expect.stringContaining('shop/cart:80 (http) -> built-in echo:80')]);
  const given = await daemun(['explain', '-f', '-', '--endpoint', 'shop/cart:80=127.0.0.1:3000', url], manifests);
  expect([given.code, given.stdout]).toEqual([0, expect.stringContaining('-> 127.0.0.1:3000')]);
});

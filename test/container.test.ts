/** The root file system of the container, run as a container runs it: a namespace, a read-only root, a user without rights. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask } from './cli/client.ts';
import { freePort } from './cli/daemun-process.ts';
import { documents, GATEWAY, route, service } from './cli/manifest.ts';

const CHECKOUT = fileURLToPath(new URL('..', import.meta.url));
/** Only root may make such a namespace everywhere. */
const ROOT = process.getuid?.() === 0;

let folder: string;
let root: string;

beforeAll(() => {
  if (!ROOT) return console.log('not root: the container is not run');
  folder = mkdtempSync(join(tmpdir(), 'daemun-container-'));
  chmodSync(folder, 0o755);
  root = join(folder, 'root');
  const copy = join(folder, 'checkout');
  mkdirSync(copy);
  for (const name of readdirSync(CHECKOUT)) {
    if (!['node_modules', 'dist', '.git', 'test', 'bench'].includes(name))
      cpSync(join(CHECKOUT, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(CHECKOUT, 'node_modules'), join(copy, 'node_modules'));
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}`, NODE: process.execPath };
  execFileSync(join(copy, 'packaging/root-file-system.sh'), [root], { cwd: copy, env, stdio: 'pipe' });
}, 180_000);

afterAll(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

test.runIf(ROOT)('it has no shell and nothing else to run', () => {
  expect(readdirSync(join(root, 'bin'))).toEqual(['node']);
  for (const path of ['bin/sh', 'usr/bin', 'sbin']) expect(existsSync(join(root, path)), path).toBe(false);
});

test.runIf(ROOT)('it serves as a user without rights, from a root that is read-only, and drains', async () => {
  const port = await freePort();
  // What a container runtime does: a mount namespace, the root read-only, /proc, and another user without capabilities.
  const script = `set -e
mount --bind "$0" "$0"
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
mount -o remount,ro,bind "$0"
exec setpriv --no-new-privs chroot --userspec=65532:65532 --groups=65532 "$0" \
  /bin/node /app/node_modules/daemun/bin/daemun.js "$@"`;
  const flags = ['run', '-', '--port-map', `80=${port}`, '--bind', '127.0.0.1', '--admin', 'off', '--echo-backends'];
  const args = ['--mount', 'sh', '-c', script, root, ...flags];
  const child = spawn('unshare', [...args, '--log-format', 'json'], { stdio: ['pipe', 'ignore', 'pipe'] });
  const exited = once(child, 'exit');
  child.stdin.end(
    `${GATEWAY}---\n${documents(service('cart'), route('shop', { hostname: 'shop.example.com', backend: 'cart' }))}`,
  );
  let log = '';
  for await (const chunk of child.stderr) {
    log += chunk;
    if (log.includes('"msg":"serving"')) break;
  }
  expect(log).toContain('"msg":"serving"');
  expect((await ask({ port })).headers['x-echo-service']).toBe('shop/cart');
  child.kill('SIGTERM');
  expect((await exited)[0]).toBe(0);
});

/** The package as users install it: packed, installed into an empty folder, and run there. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask } from './cli/client.ts';
import { freePort } from './cli/daemun-process.ts';
import { documents, GATEWAY, route, service } from './cli/manifest.ts';
import { fewest } from './pace.ts';

const CHECKOUT = fileURLToPath(new URL('..', import.meta.url));
/** npm comes with Node, but not with the one of the dev dependencies; it runs under any. */
const ENV = {
  ...process.env,
  PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
  npm_config_update_notifier: 'false',
};

let folder: string;
let installed: string;
let command: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'daemun-package-'));
  // A copy, so that what is built does not appear in the checkout that other tests run from.
  const copy = join(folder, 'checkout');
  mkdirSync(copy);
  for (const name of readdirSync(CHECKOUT)) {
    if (!['node_modules', 'dist', '.git', 'test', 'bench'].includes(name))
      cpSync(join(CHECKOUT, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(CHECKOUT, 'node_modules'), join(copy, 'node_modules'));
  execFileSync('npm', ['pack', '--pack-destination', folder], { cwd: copy, env: ENV, stdio: 'pipe' });
  const archive = readdirSync(folder).find((name) => name.endsWith('.tgz'))!;
  installed = join(folder, 'empty');
  mkdirSync(installed);
  writeFileSync(join(installed, 'package.json'), '{"private":true}');
  execFileSync('npm', ['install', '--no-audit', '--no-fund', join(folder, archive)], {
    cwd: installed,
    env: ENV,
    stdio: 'pipe',
  });
  command = join(installed, 'node_modules/.bin/daemun');
}, 180_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('it holds compiled code, examples and the licence, and no sources or tests', () => {
  const root = join(installed, 'node_modules/daemun');
  expect(
    readdirSync(root)
      .filter((name) => name !== 'node_modules')
      .sort(),
  ).toEqual(
    ['LICENSE', 'README.md', 'bin', 'dist', 'examples', 'package.json'].filter(
      (name) => existsSync(join(CHECKOUT, name)) || name === 'dist',
    ),
  );
  const files = readdirSync(root, { recursive: true }) as string[];
  expect(files.filter((name) => /\.test\.|\.suite\.|(?<!\.d)\.ts$/.test(name))).toEqual([]);
  // Source maps are three quarters of what is built, and only who has the sources can use them.
  expect(files.filter((name) => name.endsWith('.map'))).toEqual([]);
  expect(existsSync(join(installed, 'node_modules/typescript'))).toBe(false);
});

test('what is kept in memory of a module is a byte a character: its text is ASCII, without comments', () => {
  const built = join(installed, 'node_modules/daemun/dist/cli');
  const modules = readdirSync(built).filter((name) => name.endsWith('.js'));
  const told = modules.map((name) => [name, readFileSync(join(built, name), 'utf8')] as const);
  expect(told.filter(([, text]) => /[^\0-\x7f]/.test(text)).map(([name]) => name)).toEqual([]);
  expect(told.filter(([, text]) => /^\s*\/\*\*/m.test(text)).map(([name]) => name)).toEqual([]);
});

test('what does not serve loads no data plane', () => {
  const built = join(installed, 'node_modules/daemun/dist/cli');
  const imported = (name: string): string[] =>
    Array.from(readFileSync(join(built, name), 'utf8').matchAll(/^import .*"\.\/(.+?)";$/gm), ([, to]) => to!);
  const loaded = (start: RegExp): string[] => {
    const [entry] = readdirSync(built).filter((name) => start.test(name));
    const reached = new Set([entry!]);
    for (const one of reached) for (const next of imported(one)) reached.add(next);
    return [...reached].map((name) => name.replace(/-[\w-]{8}\.js$|\.js$/, ''));
  };
  expect(loaded(/^worker\.js$/)).toContain('proxy');
  for (const entry of [/^serve-dataplane-/, /^serve-[\w-]{8}\.js$/, /^controller-run-/]) {
    expect(loaded(entry)).not.toContain('proxy');
  }
});

test('it tells its version quickly', async () => {
  const version = () => execFileSync(process.execPath, [command, '--version'], { encoding: 'utf8' });
  expect(version()).toMatch(/^\d+\.\d+\.\d+\n$/);
  const taken = await fewest(150, 8, () => {
    const start = performance.now();
    version();
    return performance.now() - start;
  });
  expect(taken).toBeLessThan(150);
});

test.each([1, 2])('it serves with --workers %i', async (workers) => {
  const port = await freePort();
  writeFileSync(
    join(installed, 'all.yaml'),
    `${GATEWAY}---\n${documents(service('cart'), route('shop', { hostname: 'shop.example.com', backend: 'cart' }))}`,
  );
  const args = [
    'run',
    '-f',
    'all.yaml',
    '--port-map',
    `80=${port}`,
    '--workers',
    String(workers),
    '--bind',
    '127.0.0.1',
    '--admin',
    'off',
    '--echo-backends',
    '--log-format',
    'json',
  ];
  const child = spawn(process.execPath, [command, ...args], { cwd: installed, stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(child, 'exit');
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

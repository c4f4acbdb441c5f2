/** The single executable: built as for a release, and run without Node.js, from a folder of its own. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { ask } from './cli/client.ts';
import { freePort, type LogRecord, RunningProgram } from './cli/daemun-process.ts';
import { documents, GATEWAY, route, service } from './cli/manifest.ts';
import { findTool, run } from './protocols/tool.ts';

const CHECKOUT = fileURLToPath(new URL('..', import.meta.url));
const strip = findTool('strip', 'binutils');
/** No `node` and no npm to be found. */
const ENV = { PATH: '/usr/bin:/bin', HOME: tmpdir() };

vi.setConfig({ testTimeout: 60_000 });

let folder: string;
let command: string;
let running: RunningProgram | undefined;

beforeAll(() => {
  if (strip === undefined) return;
  folder = mkdtempSync(join(tmpdir(), 'daemun-executable-'));
  command = join(folder, 'daemun');
  execFileSync(process.execPath, ['packaging/executable.ts', command], { cwd: CHECKOUT, stdio: 'pipe' });
  writeFileSync(
    join(folder, 'all.yaml'),
    `${GATEWAY}---\n${documents(service('cart'), route('shop', { hostname: 'shop.example.com', backend: 'cart' }))}`,
  );
}, 180_000);
afterEach(async () => {
  running?.child.kill('SIGTERM');
  await running?.finished;
  running = undefined;
});
afterAll(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true });
});

function start(args: string[]): RunningProgram {
  running = new RunningProgram(command, args, { cwd: folder, env: ENV });
  return running;
}

const once = async (...args: string[]) => await run(command, args, { cwd: folder, env: ENV });

test.runIf(strip)('it is one file of less than 120 MB, with the licences of what is in it', () => {
  expect(readdirSync(folder).sort()).toEqual(['all.yaml', 'daemun', 'daemun.licenses.txt']);
  expect(statSync(command).size).toBeLessThan(120_000_000);
  const licences = readFileSync(`${command}.licenses.txt`, 'utf8');
  const { dependencies } = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  for (const [name, version] of Object.entries(dependencies)) expect(licences).toContain(`${name} ${version} (`);
});

test.runIf(strip)('it tells its version, checks and explains', async () => {
  expect((await once('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(await once('check', 'all.yaml')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('HTTPRoute shop/shop'),
  });
  const { stdout } = await once('explain', 'all.yaml', 'http://shop.example.com/');
  expect(stdout).toContain('HTTPRoute shop/shop, rule 0');
  expect(await once('run', 'nowhere.yaml')).toMatchObject({ code: 1 });
  expect(await once('daemun:worker')).toMatchObject({ code: 2, stderr: expect.stringContaining('unknown command') });
});

test.runIf(strip)('it serves with workers of itself, starts one that crashed again, and drains', async () => {
  const port = await freePort();
  const flags = ['--bind', '127.0.0.1', '--admin', 'off', '--echo-backends', '--log-format', 'json', '--workers', '2'];
  const serving = start(['run', 'all.yaml', '--port-map', `80=${port}`, ...flags]);
  await serving.logged('serving');
  const { pid } = (await serving.logged('worker started')) as LogRecord & { pid: number };
  const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  expect(words.slice(0, 2)).toEqual([command, 'daemun:worker']);
  expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).toContain(
    'NODE_OPTIONS=--disable-sigusr1 --max-semi-space-size=8',
  );
  process.kill(pid, 'SIGKILL');
  await serving.logged('worker crashed');
  expect((await ask({ port })).headers['x-echo-service']).toBe('shop/cart');
  process.kill(serving.child.pid!, 'SIGTERM');
  expect((await serving.finished).code).toBe(0);
});

test.runIf(strip)('it shows the examples, from a copy that it takes away again', async () => {
  const demo = start(['demo', '--port-map', '80=0,443=0', '--admin', '127.0.0.1:0']);
  await demo.until(() => (demo.stdout.includes('Ctrl-C ends.') ? true : undefined));
  const [, copy] = /Edit a file in (\S+)\/ and/.exec(demo.stdout)!;
  expect(readdirSync(copy!)).toEqual(readdirSync(join(CHECKOUT, 'examples')));
  const [, port] = /shop\.example\.com:(\d+)/.exec(demo.stdout)!;
  expect((await ask({ port: Number(port) })).headers['x-echo-service']).toBe('shop/web');
  demo.child.kill('SIGTERM');
  expect((await demo.finished).code).toBe(0);
  expect(() => statSync(copy!)).toThrow('ENOENT');
});

/** What signals do to a run: all of them, its workers too, and while it starts. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { ask, askAdmin } from './client.ts';
import { DaemunProcess, ServingProcess } from './daemun-process.ts';
import { documents, GATEWAY, route, service } from './manifest.ts';

const shop = (backend: string) => documents(service(backend), route('shop', { hostname: 'shop.example.com', backend }));
const FILES = { 'gateway.yaml': GATEWAY, 'shop.yaml': shop('cart') };
const JSON_LOG = ['--log-format', 'json', '--bind', '127.0.0.1', '--port-map', '80=0'];

let running: DaemunProcess | undefined;
let folder: string | undefined;
afterEach(async () => {
  if (running instanceof ServingProcess) await running.stop();
  else if (running?.child.exitCode === null) running.child.kill('SIGKILL');
  running = undefined;
  if (folder) rmSync(folder, { recursive: true, force: true });
  folder = undefined;
});

async function serve(flags: string[] = ['--echo-backends']): Promise<ServingProcess> {
  const started = await ServingProcess.start(FILES, ['--port-map', '80=0', ...flags]);
  running = started;
  return started;
}

function emptyFolder(): string {
  folder = mkdtempSync(join(tmpdir(), 'daemun-signals-'));
  return folder;
}

/** Whether a process of this id runs. */
function lives(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
}

function childrenOf(pid: number): number[] {
  const listed = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  const rows = listed
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  return rows.filter(([, parent]) => parent === pid).map(([child]) => child!);
}

/** A backend that never answers: what holds a drain. */
async function hangingBackend(): Promise<{ flag: string[]; close(): void; asked: Promise<unknown> }> {
  const server = createServer(() => {}).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const flag = ['--endpoint', `shop/cart:80=127.0.0.1:${(server.address() as AddressInfo).port}`];
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { flag, close, asked: once(server, 'request') };
}

test('under npm, which passes on what the terminal has sent already, one Ctrl-C is one', async () => {
  vi.stubEnv('npm_lifecycle_event', 'start');
  const backend = await hangingBackend();
  const gateway = await serve([...backend.flag, '--drain-timeout', '1s']);
  vi.unstubAllEnvs();
  void ask({ port: gateway.port }).catch(() => {});
  await backend.asked;
  gateway.child.kill('SIGINT');
  await gateway.logged('draining');
  gateway.child.kill('SIGINT');
  expect((await gateway.finished).code).toBe(0);
  expect(gateway.records().at(-1)).toMatchObject({ msg: 'drained' });
  backend.close();
});

test('SIGHUP looks at the files at once, and nothing ends', async () => {
  const gateway = await serve();
  const before = gateway.records().length;
  gateway.child.kill('SIGHUP');
  await gateway.logged('reading the manifests again', before);
  for (const pid of childrenOf(gateway.child.pid!)) process.kill(pid, 'SIGHUP');
  expect(await ask({ port: gateway.port })).toMatchObject({ status: 200 });
  expect(gateway.records().filter(({ msg }) => msg === 'worker started')).toHaveLength(1);
});

test('SIGHUP and SIGUSR1 while the manifests are still to come change nothing', async () => {
  running = new DaemunProcess(['run', '-f', '-', '--echo-backends', '--admin', '127.0.0.1:0', ...JSON_LOG]);
  await running.logged('worker started');
  running.child.kill('SIGHUP');
  running.child.kill('SIGUSR1');
  await running.logged('reading the manifests again');
  running.child.stdin!.end(Object.values(FILES).join('---\n'));
  await running.logged('serving');
  running.child.kill('SIGTERM');
  const { code, stderr } = await running.finished;
  expect(code).toBe(0);
  expect(stderr).not.toContain('Debugger');
});

test('a SIGTERM that comes while the program is still being loaded is not lost', async () => {
  // As soon as its first lines have run. The first process of a container would outlive it, and the others not drain.
  const early = `const on = process.on;
  process.on = function (name, ...rest) {
    if (name === 'SIGUSR1' && process.argv[1]?.endsWith('daemun.js')) {
      process.on = on;
      queueMicrotask(() => process.kill(process.pid, 'SIGTERM'));
    }
    return on.call(this, name, ...rest);
  }`;
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(early)}`;
  running = new DaemunProcess(['run', '-f', emptyFolder(), ...JSON_LOG], ['env', `NODE_OPTIONS=${NODE_OPTIONS}`]);
  const { code, stdout, stderr } = await running.finished;
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('DMN_')]);
  expect(stdout + stderr).toContain('drained');
});

test('SIGQUIT drains as SIGTERM does', async () => {
  const gateway = await serve();
  for (const pid of childrenOf(gateway.child.pid!)) process.kill(pid, 'SIGQUIT');
  expect(await ask({ port: gateway.port })).toMatchObject({ status: 200 });
  gateway.child.kill('SIGQUIT');
  await gateway.logged('drained');
  expect((await gateway.finished).code).toBe(0);
});

test('SIGUSR1 opens no debugger, neither in the parent nor in a worker', async () => {
  const gateway = await serve();
  const workers = childrenOf(gateway.child.pid!);
  expect(workers).toHaveLength(1);
  for (const pid of [gateway.child.pid!, ...workers]) process.kill(pid, 'SIGUSR1');
  expect(await ask({ port: gateway.port })).toMatchObject({ status: 200 });
  expect(await askAdmin(gateway.admin, '/livez')).toMatchObject({ status: 200 });
  expect((await gateway.stop()).stderr).not.toContain('Debugger');
});

test('SIGUSR2 ends neither the parent nor a worker', async () => {
  const gateway = await serve();
  const workers = childrenOf(gateway.child.pid!);
  for (const pid of [gateway.child.pid!, ...workers]) process.kill(pid, 'SIGUSR2');
  expect(await ask({ port: gateway.port })).toMatchObject({ status: 200 });
  expect(await askAdmin(gateway.admin, '/livez')).toMatchObject({ status: 200 });
  expect(childrenOf(gateway.child.pid!)).toEqual(workers);
  expect((await gateway.stop()).code).toBe(0);
});

test.each([
  ['SIGTERM', 'SIGTERM'],
  ['SIGQUIT', 'SIGINT'],
] as const)('a second signal (%s, %s) ends a drain at once, and takes the workers along', async (first, second) => {
  const backend = await hangingBackend();
  const gateway = await serve(backend.flag);
  const workers = childrenOf(gateway.child.pid!);
  const answer = ask({ port: gateway.port }).catch((error: unknown) => error);
  await backend.asked;
  gateway.child.kill(first);
  await gateway.logged('draining');
  expect(await askAdmin(gateway.admin, '/readyz')).toMatchObject({ status: 503, body: 'draining\n' });
  const since = performance.now();
  gateway.child.kill(second);
  expect((await gateway.finished).code).toBe(1);
  expect(performance.now() - since).toBeLessThan(2000);
  expect(workers.filter(lives)).toEqual([]);
  await answer;
  backend.close();
});

test('a worker that hangs does not outlive the second signal', async () => {
  const gateway = await serve();
  const [worker] = childrenOf(gateway.child.pid!);
  process.kill(worker!, 'SIGSTOP');
  gateway.child.kill('SIGTERM');
  await gateway.logged('draining');
  gateway.child.kill('SIGTERM');
  expect((await gateway.finished).code).toBe(1);
  await vi.waitFor(() => expect(lives(worker!)).toBe(false));
});

test('a signal while the manifests are still to come ends the run', async () => {
  running = new DaemunProcess(['run', '-f', '-', '--admin', '127.0.0.1:0', ...JSON_LOG]);
  await running.logged('worker started');
  running.child.kill('SIGTERM');
  expect((await running.finished).code).toBe(0);
});

test('an admin address that was asked for and is taken ends the run with 1, and says --admin', async () => {
  const taken = createTcpServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const address = `127.0.0.1:${(taken.address() as AddressInfo).port}`;
  // Standard input stays open: it must not hold the process.
  running = new DaemunProcess(['run', '-f', emptyFolder(), '-f', '-', '--admin', address, ...JSON_LOG]);
  const { code, stderr } = await running.finished;
  expect(code).toBe(1);
  expect(stderr).toContain(`error: DMN_PORT_IN_USE: --admin ${address}: another process listens here`);
  taken.close();
});

test('a path that cannot be read at the start ends the run with 1, and names it', async () => {
  const path = join(emptyFolder(), 'missing');
  running = new DaemunProcess(['run', '-f', path, '--admin', 'off', ...JSON_LOG]);
  const { code, stderr } = await running.finished;
  expect(code).toBe(1);
  expect(stderr).toContain(`error: DMN_MANIFESTS_UNREADABLE: ${path}: there is no such file or folder`);
});

test('with --wait it is waited for: not ready until it is there, and then it is served', async () => {
  const path = join(emptyFolder(), 'later');
  const admin = createTcpServer().listen(0, '127.0.0.1');
  await once(admin, 'listening');
  const address = `127.0.0.1:${(admin.address() as AddressInfo).port}`;
  await new Promise((resolve) => admin.close(resolve));
  running = new DaemunProcess(['run', '-f', path, '--wait', '--echo-backends', '--admin', address, ...JSON_LOG]);
  await running.logged('waiting for');
  expect(await askAdmin(address, '/readyz')).toMatchObject({
    status: 503,
    body: `waiting for ${path}: there is no such file or folder\n`,
  });
  expect(await askAdmin(address, '/livez')).toMatchObject({ status: 200 });
  mkdirSync(path);
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(path, name), text);
  await running.logged('serving');
  expect(await askAdmin(address, '/readyz')).toMatchObject({ status: 200, body: '1 of 1 listeners serve\n' });
  running.child.kill('SIGTERM');
  expect((await running.finished).code).toBe(0);
});

/** The data plane of one Gateway, as a pod runs it: what it serves, what it says, and what it does alone. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { ask, askAdmin } from '../cli/client.ts';
import { daemun, freePort } from '../cli/daemun-process.ts';
import { StreamRig } from '../stream-rig.ts';
import { DataPlaneProcess } from './dataplane-process.ts';
import { answering, config, listener, SECRET } from './served-config.ts';

const FREE = ['--port-map', '80=0,81=0', '--drain-delay', '0s'];
/** For what takes a process to start on a busy machine. */
const LONG = { timeout: 20_000 };

const closing: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function rigOf(): Promise<StreamRig> {
  const rig = await StreamRig.start();
  closing.push(() => rig.close());
  return rig;
}

function kept<T extends DataPlaneProcess>(process: T): T {
  closing.push(() => process.remove());
  return process;
}

const start = async (rig: StreamRig, flags: string[] = []) => {
  const begun = kept(DataPlaneProcess.begin(rig, [...FREE, ...flags]));
  await begun.logged('serving');
  return begun;
};

function folderInMemory(): string {
  const folder = mkdtempSync('/dev/shm/daemun-dataplane-');
  closing.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const bodyOf = async (port: number, path = '/') => (await ask({ port, path })).body;

test('it is ready with the first config, serves every change, and acknowledges what all its workers serve', async () => {
  const rig = await rigOf();
  rig.gateway().put(...config(80));
  const running = await start(rig);
  expect(await askAdmin(running.admin, '/readyz')).toMatchObject({ status: 200, body: '1 of 1 listeners serve\n' });
  expect(await bodyOf(running.port)).toBe('one');
  rig.gateway().put(answering('two'));
  await vi.waitFor(() => expect(rig.gateway().acks.at(-1)?.version).toBe(rig.gateway().version), LONG);
  expect(await bodyOf(running.port)).toBe('two');
  expect(rig.gateway().acks.at(-1)).toMatchObject({ rejected: [], listeners: [{ state: 'serving' }] });
  expect((await askAdmin(running.admin, '/metrics')).body).toMatch(/^daemun_controller_connected 1$/m);
});

test('it is not ready before it has a config, and says what it waits for', async () => {
  const rig = await rigOf();
  await rig.stop();
  const running = kept(DataPlaneProcess.begin(rig, FREE));
  const { reason } = await running.logged('not connected to the controller');
  expect(reason).toMatch(/ECONNREFUSED/);
  const { code, stderr } = await running.terminate();
  expect(code).toBe(0);
  expect(stderr).toContain('drained');
});

test('several workers answer as one', async () => {
  const rig = await rigOf();
  rig.gateway().put(...config(18_080));
  const running = kept(DataPlaneProcess.begin(rig, ['--workers', '2', '--drain-delay', '0s']));
  await running.logged('serving');
  await vi.waitFor(() => expect(rig.gateway().acks.at(-1)?.listeners[0]?.state).toBe('serving'), LONG);
  rig.gateway().put(answering('two'), { ...SECRET, privateKey: '' });
  await vi.waitFor(() => expect(rig.gateway().acks.at(-1)?.version).toBe(rig.gateway().version), LONG);
  expect(rig.gateway().acks.at(-1)?.rejected).toMatchObject([{ kind: 'Certificate', key: 'infra/tls' }]);
  expect(new Set(rig.gateway().acks.map(({ proxy }) => proxy)).size).toBe(1);
});

test('a token that was replaced is read again for the next connection', async () => {
  const rig = await rigOf();
  rig.gateway().put(...config(80));
  const running = await start(rig);
  await vi.waitFor(() => expect(rig.gateway().acks).not.toEqual([]), LONG);
  const [identity] = rig.tokens.values();
  rig.tokens.clear();
  rig.tokens.set('rotated', identity!);
  running.rotate('rotated');
  await rig.restart((gateway) => gateway.put(...config(80, 'two')));
  await vi.waitFor(async () => expect(await bodyOf(running.port)).toBe('two'), LONG);
});

test('it serves on while the controller is away, and starts from its snapshot when it is started anew then', async () => {
  const rig = await rigOf();
  const folder = folderInMemory();
  rig.gateway().put(...config(80), answering('old', '/old'));
  const first = await start(rig, ['--snapshot', folder]);
  const file = join(folder, 'config.snapshot');
  await vi.waitFor(() => expect(readFileSync(file, 'utf8')).toContain('DirectAnswer'), LONG);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  await rig.stop();
  await first.logged('not connected to the controller');
  expect(await bodyOf(first.port)).toBe('one');
  await first.terminate();

  const second = await start(rig, ['--snapshot', folder]);
  expect(await second.logged('the controller is away')).toMatchObject({ level: 'warn' });
  expect(await askAdmin(second.admin, '/readyz')).toMatchObject({ status: 200 });
  expect((await askAdmin(second.admin, '/readyz?verbose')).body).toMatch(/^\[-\] controller: /m);
  expect(await bodyOf(second.port)).toBe('one');

  // What the controller knows better comes as a difference.
  await rig.restart((gateway) => gateway.put(...config(80, 'two')));
  await vi.waitFor(async () => expect(await bodyOf(second.port)).toBe('two'), LONG);
  const { changed, removed } = await second.logged('config applied');
  expect({ changed, removed }).toEqual({ changed: 1, removed: 1 });
  await vi.waitFor(() => expect(readFileSync(file, 'utf8')).toContain('two'), LONG);
});

test('a snapshot is not served where the controller knows better', async () => {
  const rig = await rigOf();
  const folder = folderInMemory();
  rig.gateway().put(...config(80), answering('old', '/old'));
  await (await start(rig, ['--snapshot', folder])).terminate();
  await rig.restart((gateway) => gateway.put(...config(80, 'two')));
  const second = await start(rig, ['--snapshot', folder]);
  expect(await bodyOf(second.port, '/old')).toBe('two');
  expect(second.stderr).not.toContain('the controller is away');
});

test('without a folder in memory it serves all the same where a snapshot is optional, and keeps none on the disk', async () => {
  const rig = await rigOf();
  rig.gateway().put(...config(80));
  const folder = mkdtempSync(join(process.cwd(), '.daemun-snapshot-'));
  closing.push(() => rmSync(folder, { recursive: true }));
  const running = await start(rig, ['--snapshot', folder, '--snapshot-optional']);
  await running.logged('no config is kept for a start without the controller');
  await running.terminate();
  expect(readdirSync(folder)).toEqual([]);
});

test('a snapshot that is torn is told of and set aside', async () => {
  const rig = await rigOf();
  const folder = folderInMemory();
  rig.gateway().put(...config(80));
  writeFileSync(join(folder, 'config.snapshot'), 'half');
  const running = await start(rig, ['--snapshot', folder]);
  expect(running.stderr).toContain('is broken');
  expect(await bodyOf(running.port)).toBe('one');
});

test('a worker that crashes begins with the last good config, and what was refused stays told', async () => {
  const rig = await rigOf();
  rig.gateway().put(...config(80));
  const running = await start(rig);
  rig.gateway().put(answering('two'), { ...SECRET, privateKey: '' });
  await vi.waitFor(() => expect(rig.gateway().acks.at(-1)?.rejected).toHaveLength(1), LONG);
  const said = rig.gateway().acks.length;
  process.kill((await running.logged('worker started')).pid as number, 'SIGKILL');
  await vi.waitFor(() => expect(rig.gateway().acks.length).toBeGreaterThan(said), LONG);
  const { rejected, listeners } = rig.gateway().acks.at(-1)!;
  expect(rejected).toMatchObject([{ key: 'infra/tls' }]);
  // A new process gets another free port.
  expect(await bodyOf(Number(listeners[0]!.bound[0]!.split(':').at(-1)))).toBe('two');
});

test('another port, and a listener that goes', async () => {
  const rig = await rigOf();
  rig.gateway().put(...config(80));
  const running = await start(rig);
  rig.gateway().put(listener(81));
  await running.logged('config applied');
  const listeners = JSON.parse((await askAdmin(running.admin, '/listeners')).body) as Array<{ bound: string[] }>;
  expect(await bodyOf(Number(listeners[0]!.bound[0]!.split(':').at(-1)))).toBe('one');
});

test.for([
  [['--snapshot', '.'], 1, /DMN_SNAPSHOT_PLACE.*medium: Memory/],
  [['--snapshot-key', '/dev/null'], 2, /at least 32 bytes/],
] as const)('%s is refused with the way out', async ([flags, code, message]) => {
  const access = ['--controller', 'https://127.0.0.1:1', '--ca', '/dev/null', '--token', '/dev/null'];
  const finished = await daemun(['dataplane', ...access, ...flags]);
  expect(finished).toMatchObject({ code, stderr: expect.stringMatching(message) });
});

test('a controller is reached by https, and only so', async () => {
  const finished = await daemun([
    'dataplane',
    '--controller',
    'http://a:1',
    '--ca',
    '/dev/null',
    '--token',
    '/dev/null',
  ]);
  expect(finished).toMatchObject({ code: 2, stderr: expect.stringContaining('is not https://HOST:PORT') });
});

test('a limit is the pod’s, and its workers count together', async () => {
  const rig = await rigOf();
  const port = await freePort();
  rig.gateway().put(...config(port), {
    kind: 'Policy',
    key: 'RateLimit/infra/edge/http',
    type: 'RateLimit',
    target: { kind: 'Listener', key: 'infra/edge/http' },
    spec: { acts: [{ source: 'RateLimitPolicy/infra/edge', holds: 'Default', settings: HOURLY }] },
  });
  const running = kept(DataPlaneProcess.begin(rig, ['--workers', '2', '--drain-delay', '0s']));
  await running.logged('serving');
  const statuses: number[] = [];
  // Each over a connection of its own, so that both workers get some.
  for (let at = 0; at < 40; at++) statuses.push((await ask({ port })).status);
  const passed = statuses.filter((status) => status === 200).length;
  expect(passed).toBe(10);
  expect(statuses.filter((status) => status === 429)).toHaveLength(30);
});

const HOURLY = {
  limits: [
    {
      type: 'Requests' as const,
      name: 'hourly',
      key: [],
      when: [],
      exempt: [],
      dryRun: false,
      requests: 10,
      period: 3_600_000,
      burst: 10,
      cost: 1,
      statusCode: 429,
    },
  ],
  headers: 'None' as const,
};

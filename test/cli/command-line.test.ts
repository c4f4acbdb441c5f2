/** Small things that make a command line pleasant, or strange where they are missing. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DaemunProcess, daemun, ServingProcess } from './daemun-process.ts';
import { documents, GATEWAY, route, service } from './manifest.ts';

const GOOD = `${GATEWAY}---\n${documents(service('cart'), route('shop', { hostname: 'shop.example.com', backend: 'cart' }))}`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'daemun-line-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function put(name: string, text: string): string {
  mkdirSync(join(folder, name, '..'), { recursive: true });
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

test('paths need no flag', async () => {
  const file = put('shop.yaml', GOOD);
  expect((await daemun(['check', file])).code).toBe(0);
  expect((await daemun(['check', '-'], GOOD)).code).toBe(0);
  const url = 'http://shop.example.com/';
  for (const words of [
    [file, url],
    [url, file],
    [url, '-f', file],
    ['-f', file, url],
    [url, '--file', file],
  ]) {
    const { code, stdout } = await daemun(['explain', '--echo-backends', ...words]);
    expect([code, stdout], words.join(' ')).toEqual([0, expect.stringContaining('HTTPRoute shop/shop')]);
  }
  const lone = await daemun(['explain', file]);
  expect([lone.code, lone.stderr]).toEqual([2, expect.stringContaining(`"${file}" is not a URL`)]);
  const both = await daemun(['explain', file, url, '--admin', '127.0.0.1:15000']);
  expect([both.code, both.stderr]).toEqual([2, expect.stringContaining('not both')]);
});

test.each(['run', 'explain', 'check', 'cache purge'])('help of %s fits a terminal of 80 columns', async (name) => {
  const { code, stdout } = await daemun([...name.split(' '), '--help']);
  expect(code).toBe(0);
  // Command lines are for whoever copies them: they stay whole.
  const prose = stdout.split('\n').filter((line) => !/^Usage:|^ +(?:\$|--token)/.test(line));
  expect(prose.filter((line) => line.length > 80)).toEqual([]);
});

test.each(['check', 'run'])('%s tells a wrong flag before a missing one', async (command) => {
  const wrong = await daemun([command, '--colour']);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("unknown option '--colour'")]);
  const missing = await daemun([command]);
  expect([missing.code, missing.stderr]).toEqual([2, expect.stringMatching(/name (?:files or folders|manifests)/)]);
});

test('a folder that holds other files than manifests is checked, and they are told in one line', async () => {
  put('shop.yaml', GOOD);
  put('package.json', '{"name":"shop","version":"1.0.0"}');
  put('tsconfig.json', '{ // comments\n  "compilerOptions": {} }');
  put('list.json', '[1, 2]');
  put('.github/workflows/ci.yml', 'on: push');
  put('compose.yaml', 'services: { web: { image: web } }');
  const { code, stdout } = await daemun(['check', '-f', folder]);
  expect(code).toBe(0);
  expect(stdout.match(/^(?:error|warning|info): .*$/gm)).toEqual([
    'info: is left out: it has neither apiVersion nor kind, and is no manifest; so are 3 more files',
    'info: 1 Service has no endpoint: shop/cart; give an EndpointSlice, --endpoint or --echo-backends',
  ]);
});

test('what is meant as a manifest is an error as ever: with a kind alone, among others, or named', async () => {
  put('kind.yaml', 'kind: HTTPRoute\nmetadata: { name: shop }\n');
  put('mixed.yaml', `${GOOD}---\nspec: {}\n`);
  put('torn.yaml', 'metadata: {\n');
  const { code, stdout } = await daemun(['check', '-f', folder]);
  expect(code).toBe(1);
  for (const name of ['kind', 'mixed', 'torn'])
    expect(stdout).toMatch(new RegExp(`error: .*\\n +--> .*/${name}\\.yaml`));
  expect((await daemun(['check', '-f', put('package.json', '{"name":"shop"}')])).code).toBe(1);
});

test('-o wide shows every condition with its reason, generation and time', async () => {
  const { code, stdout } = await daemun(['check', '-', '-o', 'wide'], GOOD);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^OBJECT +PART +CONDITION +STATUS +REASON +GENERATION +SINCE +MESSAGE$/m);
  expect(stdout).toMatch(/^Gateway shop\/edge +listener http +Conflicted +False +NoConflicts +1 +- /m);
  expect(stdout).toMatch(/^HTTPRoute shop\/shop +parent shop\/edge +Accepted +True +Accepted +1 +- +accepted$/m);
});

test('check --watch prints again when a file changes, and ends with the status of the last look', async () => {
  const file = put('shop.yaml', GOOD);
  const watching = new DaemunProcess(['check', file, '--watch', '-o', 'json']);
  await watching.until(() => /^}$/m.exec(watching.stdout) ?? undefined);
  writeFileSync(file, GOOD.replace('"kind": "Service"', '"kind": "Servize"'));
  await watching.until(() => (watching.stdout.match(/^}$/gm)?.length === 2 ? true : undefined));
  watching.child.kill('SIGINT');
  const { code, stdout } = await watching.finished;
  expect(code).toBe(1);
  const [before, after] = stdout.split(/(?<=^})\n(?={)/m).map((text) => JSON.parse(text));
  expect(before.items).toHaveLength(3);
  expect(JSON.stringify(before)).not.toContain('BackendNotFound');
  expect(JSON.stringify(after)).toContain('BackendNotFound');
});

test('status --watch follows a running gateway, and tells when it is gone', async () => {
  const serving = await ServingProcess.start({ 'shop.yaml': GOOD }, ['--port-map', '80=0,8081=0', '--echo-backends']);
  try {
    await serving.logged('--port-map 8081=0 is not used: no listener has port 8081');
    expect(serving.stderr).not.toContain('80=0 is not used');
    const watching = new DaemunProcess(['status', '--admin', serving.admin, '--watch']);
    await watching.until(() => /1 not|accepted/.exec(watching.stdout) ?? undefined);
    serving.write('other.yaml', documents(route('other', { hostname: 'o.example.com', backend: 'missing' })));
    await watching.until(() => /BackendNotFound/.exec(watching.stdout) ?? undefined);
    await serving.stop();
    await watching.until(() => /error: no gateway answers/.exec(watching.stderr) ?? undefined);
    watching.child.kill('SIGINT');
    expect((await watching.finished).code).toBe(1);
  } finally {
    await serving.stop();
  }
});

test('daemun version tells what runs, also to programs', async () => {
  const { code, stdout } = await daemun(['version']);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^daemun \d+\.\d+\.\d+\nnode \d+.*, openssl \d+.*\n$/)]);
  const { version } = JSON.parse((await daemun(['version', '-o', 'json'])).stdout);
  expect(stdout).toContain(`daemun ${version}\n`);
});

test('the help shows every default address', async () => {
  for (const command of ['run', 'demo', 'status']) {
    expect((await daemun([command, '--help'])).stdout, command).toMatch(
      /--admin [\s\S]*?default:\s+127\.0\.0\.1:15000/,
    );
  }
  expect((await daemun(['run', '--help'])).stdout).toMatch(/--bind [\s\S]*?default:\s+\[::\] and\s+0\.0\.0\.0/);
});

test('a reader that goes, such as head, ends any command without a word', async () => {
  const file = put('shop.yaml', GOOD);
  for (const words of [
    ['version'],
    ['--help'],
    ['completion', 'bash'],
    ['check', file],
    ['check', '--suggest', file],
    ['explain', '--echo-backends', file, 'http://shop.example.com/'],
    ['proxy', '--print', 'a.example.com=127.0.0.1:3000'],
  ]) {
    const running = new DaemunProcess(words);
    running.child.stdout!.destroy();
    const { code, stderr } = await running.finished;
    expect([code, stderr], words.join(' ')).toEqual([141, '']);
  }
});

test('standard output that takes nothing is an error that is told', () => {
  const entry = fileURLToPath(new URL('../../bin/daemun.js', import.meta.url));
  const command = `'${process.execPath}' '${entry}' version 2>&1 >/dev/full; echo "exit $?"`;
  const text = execFileSync('sh', ['-c', command], { encoding: 'utf8' });
  expect(text).toMatch(/^error: standard output: ENOSPC.*\nexit 1\n$/);
});

test('an old Node.js is told how to get a newer one', () => {
  const old = put(
    'old.mjs',
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.0' } });`,
  );
  const entry = fileURLToPath(new URL('../../bin/daemun.js', import.meta.url));
  const command = [process.execPath, '--import', old, entry, '--version'].map((word) => `'${word}'`).join(' ');
  const text = execFileSync('sh', ['-c', `${command} 2>&1; echo "exit $?"`], { encoding: 'utf8' });
  expect(text).toContain('needs Node.js 24 or newer');
  expect(text).toContain('https://nodejs.org/en/download');
  expect(text).toContain('nvm install 24');
  expect(text).toContain('exit 2');
});

test('arguments are told as text: none of them moves a cursor or forges a line', async () => {
  const hostile = '\u001b[2Jx\nerror: forged';
  const lines = [
    [`--${hostile}`],
    ['run', `--${hostile}`],
    ['explain', hostile],
    ['check', '-o', hostile],
    ['status', '--admin', hostile],
  ];
  for (const words of lines) {
    const { stderr } = await daemun(words);
    expect(stderr).toContain('\\x1b[2Jx\\x0aerror: forged');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it must not be there.
    expect(stderr).not.toMatch(/\u001b|^error: forged/m);
  }
});

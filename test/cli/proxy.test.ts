/** `daemun proxy`, as docs/guides/proxy.md tells it. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { guideCommands } from '../house/guide.ts';
import { ask } from './client.ts';
import { DaemunProcess, daemun, freePort } from './daemun-process.ts';

let running: DaemunProcess | undefined;

afterEach(async () => {
  running?.child.kill('SIGTERM');
  await running?.finished;
  running = undefined;
});

async function backend(answer: string): Promise<{ port: number; close: () => void }> {
  const server = createServer((request, response) => response.end(`${answer} ${request.url}`)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as { port: number }).port, close: () => server.close() };
}

async function proxy(words: string[], input = ''): Promise<void> {
  running = new DaemunProcess([...words, '--bind', '127.0.0.1', '--admin', 'off']);
  running.child.stdin!.end(input);
  await running.until(() => (running!.stderr.includes('ready:') ? true : undefined));
}

test('one line serves a host, and a part of it from elsewhere; --print says the same in manifests', async () => {
  const [shop, api] = [await backend('shop'), await backend('api')];
  const port = await freePort();
  const sites = [`shop.example.com=${shop.port}`, `shop.example.com/api=127.0.0.1:${api.port}`];
  const bound = ['--port-map', `80=${port}`];
  const seen = async (): Promise<string[]> => {
    const answers = await Promise.all(['/cart', '/api/v1'].map((path) => ask({ port, path })));
    const other = await ask({ port, host: 'other.example.com' });
    return [...answers.map(({ body }) => body), String(other.status)];
  };
  await proxy(['proxy', ...sites, ...bound]);
  expect(await seen()).toEqual(['shop /cart', 'api /api/v1', '404']);
  running!.child.kill('SIGTERM');
  expect((await running!.finished).code).toBe(0);
  const { code, stdout } = await daemun(['proxy', ...sites, '--print']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^# daemun run -f FILE\napiVersion: /);
  expect(await daemun(['check', '-f', '-'], stdout)).toMatchObject({ code: 0, stderr: '' });
  await proxy(['run', '-f', '-', ...bound], stdout);
  expect(await seen()).toEqual(['shop /cart', 'api /api/v1', '404']);
  for (const { close } of [shop, api]) close();
});

test('with TLS port 80 leads to https, and each host has a listener of its own', async () => {
  const sites = ['a.example.com=3000', 'b.example.com=3001'];
  const { stdout } = await daemun(['proxy', ...sites, '--tls', 'c.pem,k.pem', '--print']);
  expect(stdout).toContain('# daemun run -f FILE --certificate a.example.com=c.pem,k.pem --certificate b.example.com=');
  expect(stdout.match(/protocol: HTTPS/g)?.length).toBe(2);
  expect(stdout).toContain('scheme: https');
  const acme = await daemun(['proxy', 'a.example.com=3000', '--tls', 'acme', '--print']);
  expect(acme.stdout).toContain('daemun.dev/acme: "true"');
});

test.each([
  ['=3000', 'the host is missing'],
  ['shop_1=3000', '"shop_1" is not a host'],
  ['shop.example.com=', 'a target is missing'],
  ['shop.example.com/a?b=3000', 'is not a path'],
  ['shop.example.com=10.0.0.7', 'is not host:port'],
])('%s is a wrong command line', async (word, why) => {
  const { code, stderr } = await daemun(['proxy', word, '--print']);
  expect([code, stderr]).toEqual([2, expect.stringContaining(why)]);
});

test('every command of the guide can be given', async () => {
  const commands = guideCommands('docs/guides/proxy.md').filter((command) => command.startsWith('daemun proxy'));
  expect(commands.length).toBeGreaterThanOrEqual(4);
  for (const command of commands) {
    const words = command.replace(/ > .*/, '').split(' ').slice(1);
    const { code, stdout, stderr } = await daemun([...words, ...(words.includes('--print') ? [] : ['--print'])]);
    expect([code, stderr], command).toEqual([0, '']);
    expect(stdout).toContain('kind: Gateway');
  }
});

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { DaemunProcess } from './daemun-process.ts';

const run = promisify(execFile);

let demo: DaemunProcess | undefined;
afterEach(async () => {
  demo?.child.kill('SIGTERM');
  await demo?.finished;
});

test('every line that the demo prints to try does what it says', async () => {
  demo = new DaemunProcess(['demo', '--port-map', '80=0,443=0', '--admin', '127.0.0.1:0']);
  await demo.until(() => (demo!.stdout.includes('Ctrl-C ends.') ? true : undefined));
  const lines = demo.stdout.split('\n').filter((line) => /^ {4}(curl|for) /.test(line));
  expect(lines.length).toBeGreaterThanOrEqual(9);
  const answers = await Promise.all(lines.map(async (line) => (await run('bash', ['-c', line])).stdout));
  const services = answers.flatMap((answer) => [...answer.matchAll(/"service": "([^"]+)"/g)].map((match) => match[1]!));
  const count = (name: string) => services.filter((service) => service === name).length;
  expect([count('search-stable'), count('search-canary')]).toEqual([18, 2]);
  // The redirect was followed, and each request is shown as it comes.
  const served = /^127\.0\.0\.1 \[.*"GET secure\.example\.com\/ HTTP\/\S+" 200 /m;
  await demo.until(() => (served.test(demo!.stdout) ? true : undefined));
  for (const name of ['web', 'cart', 'health', 'api-current', 'api-next', 'invoices', 'accounts', 'tenant']) {
    expect(count(name), name).toBe(1);
  }
  expect(answers.some((answer) => answer.includes('"path": "/v2/7"'))).toBe(true);
  expect(
    answers.some((answer) => /HTTP\/1\.1 301 [\s\S]*Location: https:\/\/secure\.example\.com\//i.test(answer)),
  ).toBe(true);
});

test('nothing is there to try where another process has a part of the addresses', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  try {
    const { port } = other.address() as AddressInfo;
    demo = new DaemunProcess(['demo', '--port-map', `80=${port},443=0`, '--admin', '127.0.0.1:0']);
    await demo.until(() => (/ready: 1 of 2/.test(demo!.stderr) && demo!.stdout !== '' ? true : undefined));
    expect(demo.stderr).toContain('DMN_PORT_IN_USE');
    expect(demo.stdout).toContain('Not every listener serves');
    expect(demo.stdout).not.toContain('curl');
  } finally {
    other.close();
  }
});

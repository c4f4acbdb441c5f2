/** Where a run listens that is told nothing of addresses: on every address of the families that the machine has. */
import { afterEach, expect, test, vi } from 'vitest';
import { DaemunProcess, type ServedListener } from './daemun-process.ts';
import { documents, GATEWAY, gateway, route, service } from './manifest.ts';
import { beside, inNetwork, type Network } from './network-namespace.ts';

const [CLASS] = GATEWAY.split('---\n');
const UDP_ROUTE = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'UDPRoute',
  metadata: { name: 'dns', namespace: 'shop' },
  spec: { parentRefs: [{ name: 'edge', sectionName: 'dns' }], rules: [{ backendRefs: [{ name: 'dns', port: 53 }] }] },
};
const DNS = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'dns', namespace: 'shop' },
  spec: { ports: [{ port: 53, protocol: 'UDP' }] },
};
const LISTENERS = [
  { name: 'http', port: 80, protocol: 'HTTP' },
  { name: 'dns', port: 53, protocol: 'UDP' },
];
const MANIFESTS = `${CLASS}---\n${documents(
  gateway(LISTENERS),
  service('cart'),
  route('shop', { hostname: 'shop.example.com', backend: 'cart' }),
  DNS,
  UDP_ROUTE,
)}`;

/** Each starts a run or two, and asks it over programs of their own. */
vi.setConfig({ testTimeout: 90_000 });

let running: DaemunProcess | undefined;
afterEach(async () => {
  running?.child.kill('SIGTERM');
  await running?.finished;
  running = undefined;
});

/** By listener name. */
async function started(network: Network, flags: string[] = []): Promise<Record<string, string[]>> {
  const args = ['run', '-', '--echo-backends', '--log-format', 'json', '--access-log', 'combined', ...flags];
  running = new DaemunProcess(args, inNetwork(network));
  running.child.stdin!.end(MANIFESTS);
  const { listeners } = (await running.logged('serving')) as unknown as { listeners: ServedListener[] };
  expect(listeners.map(({ state, message }) => message ?? state)).toEqual(['serving', 'serving']);
  return Object.fromEntries(listeners.map(({ key, bound }) => [key.split('/').at(-1)!, bound]));
}

async function answers(address: string, port = 80): Promise<boolean> {
  const url = `http://${address}:${port}/`;
  const { stdout } = await beside(running!.child.pid!, 'curl', ['-gs', '-H', 'Host: shop.example.com', url]);
  return stdout.includes('"service": "cart"');
}

async function echoes(address: string, port = 53): Promise<boolean> {
  const script = `import socket, sys
s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.connect((sys.argv[1], ${port}))
s.send(b'hello')
print(s.recv(100))`;
  const { stdout } = await beside(running!.child.pid!, 'python3', ['-c', script, address]);
  return stdout.includes('hello');
}

const notes = (): string[] =>
  running!
    .records()
    .filter(({ level, msg }) => level === 'info' && msg.startsWith('this machine has no'))
    .map(({ msg }) => msg);

/** Of the Gateway. */
async function statusAddresses(): Promise<string[]> {
  const { stdout } = await beside(running!.child.pid!, process.execPath, [
    new URL('../../bin/daemun.js', import.meta.url).pathname,
    'status',
    '-o',
    'json',
  ]);
  const { items } = JSON.parse(stdout) as {
    items: Array<{ kind: string; status: { addresses?: Array<{ value: string }> } }>;
  };
  return items.find(({ kind }) => kind === 'Gateway')!.status.addresses!.map(({ value }) => value);
}

test('both families, each with its own sockets', async () => {
  const bound = await started({});
  expect(bound.http).toEqual(['[::]:80', '0.0.0.0:80']);
  expect(bound.dns!.toSorted()).toEqual(['127.0.0.1:53', '[::1]:53']);
  for (const address of ['127.0.0.1', '[::1]']) expect(await answers(address), address).toBe(true);
  for (const address of ['127.0.0.1', '::1']) expect(await echoes(address), address).toBe(true);
  expect(notes()).toEqual([]);
  expect(await statusAddresses()).toEqual(['127.0.0.1', '::1']);
  await running!.until(() => (/^::1 - - \[/m.test(running!.stdout) ? true : undefined));
  expect(running!.stdout).toMatch(/^127\.0\.0\.1 - - \[/m);
});

test.each(['disabled', 'unknown'] as const)('on a machine whose IPv6 is %s: IPv4, which is told once', async (ipv6) => {
  const bound = await started({ ipv6 });
  expect(bound).toEqual({ http: ['0.0.0.0:80'], dns: ['127.0.0.1:53'] });
  expect(await answers('127.0.0.1')).toBe(true);
  expect(await echoes('127.0.0.1')).toBe(true);
  expect(notes()).toEqual(['this machine has no IPv6: listeners are bound for IPv4']);
});

test('on a machine without IPv4: IPv6', async () => {
  const bound = await started({ ipv4: 'disabled' }, ['--admin', '[::1]:15000']);
  expect(bound).toEqual({ http: ['[::]:80'], dns: ['[::1]:53'] });
  expect(await answers('[::1]')).toBe(true);
  expect(await echoes('::1')).toBe(true);
  expect(notes()).toEqual(['this machine has no IPv4: listeners are bound for IPv6']);
  const { stdout } = await beside(running!.child.pid!, 'curl', ['-gs', 'http://[::1]:15000/readyz']);
  expect(stdout).toBe('2 of 2 listeners serve\n');
});

test.each(['there', 'unknown'] as const)('--admin [::] is every address, IPv6 being %s', async (ipv6) => {
  await started({ ipv6 }, ['--admin', '[::]:15000', '--admin-insecure']);
  for (const address of ipv6 === 'there' ? ['127.0.0.1', '[::1]'] : ['127.0.0.1']) {
    const { stdout } = await beside(running!.child.pid!, 'curl', ['-gs', `http://${address}:15000/readyz`]);
    expect(stdout, address).toBe('2 of 2 listeners serve\n');
  }
});

test('with several workers, too', async () => {
  const bound = await started({}, ['--workers', '2']);
  expect(bound.http).toEqual(['[::]:80', '0.0.0.0:80']);
  for (const address of ['127.0.0.1', '[::1]']) expect(await answers(address), address).toBe(true);
});

test('a free port is the same for both', async () => {
  const bound = await started({}, ['--port-map', '80=0,53=0']);
  const port = (name: string): number => Number(bound[name]![0]!.split(':').at(-1));
  expect(bound.http).toEqual([`[::]:${port('http')}`, `0.0.0.0:${port('http')}`]);
  for (const address of ['127.0.0.1', '::1']) expect(await echoes(address, port('dns')), address).toBe(true);
});

test('--bind ::1 is that address alone, and --bind :: alone serves both families', async () => {
  expect((await started({}, ['--bind', '::1'])).http).toEqual(['[::1]:80']);
  expect(await answers('[::1]')).toBe(true);
  expect(await answers('127.0.0.1')).toBe(false);
  running!.child.kill('SIGTERM');
  await running!.finished;
  expect((await started({}, ['--bind', '::'])).http).toEqual(['[::]:80']);
  for (const address of ['127.0.0.1', '[::1]']) expect(await answers(address), address).toBe(true);
  expect(await statusAddresses()).toEqual(['127.0.0.1', '::1']);
});

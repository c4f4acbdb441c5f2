import { expect, test } from 'vitest';
import { gateway, route, service } from '../protocols/manifest.ts';
import { daemun } from './daemun-process.ts';

const MANIFESTS = [
  gateway([
    { name: 'http', port: 80, protocol: 'HTTP' },
    { name: 'pass', port: 443, protocol: 'TLS', hostname: '*.pass.example.com', tls: { mode: 'Passthrough' } },
    { name: 'database', port: 5432, protocol: 'TCP' },
    { name: 'alone', port: 5433, protocol: 'TCP' },
    { name: 'dns', port: 53, protocol: 'UDP' },
  ]),
  route('GRPCRoute', 'shop', {
    hostnames: ['api.example.com'],
    rules: [{ matches: [{ method: { service: 'shop.Cart' } }], backendRefs: [{ name: 'cart', port: 50 }] }],
  }),
  route('TLSRoute', 'any', {
    on: 'pass',
    hostnames: ['*.pass.example.com'],
    rules: [{ backendRefs: [{ name: 'any', port: 443 }] }],
  }),
  route('TLSRoute', 'exact', {
    on: 'pass',
    hostnames: ['one.pass.example.com'],
    rules: [{ backendRefs: [{ name: 'exact', port: 443 }] }],
  }),
  route('TCPRoute', 'database', {
    on: 'database',
    rules: [
      {
        backendRefs: [
          { name: 'blue', port: 5432, weight: 3 },
          { name: 'green', port: 5432, weight: 1 },
        ],
      },
    ],
  }),
  route('UDPRoute', 'dns', { on: 'dns', rules: [{ backendRefs: [{ name: 'missing', port: 53 }] }] }),
  service('cart', 50),
  service('any', 443),
  service('exact', 443),
  service('blue', 5432),
  service('green', 5432),
].join('');

async function explained(...args: string[]) {
  return await daemun(['explain', '-f', '-', ...args], MANIFESTS);
}

test('a gRPC call: the rule, and statuses of gRPC', async () => {
  const found = await explained('grpc://api.example.com/shop.Cart/Add');
  expect(found.stdout).toContain('POST http://api.example.com:80/shop.Cart/Add');
  expect(found.stdout).toMatch(/Rule +GRPCRoute default\/shop, rule 0/);
  expect(found.stdout).toContain('100 %  default/cart:50;h2c (h2c) -> no endpoints: UNAVAILABLE');
  expect(found.stdout).toContain('UNAVAILABLE: no backend has an endpoint');
  const missed = await explained('grpc://api.example.com/shop.Other/Add', '-o', 'json');
  expect(JSON.parse(missed.stdout).outcome).toMatchObject({ kind: 'error', status: 200, grpcStatus: 'UNIMPLEMENTED' });
  expect([found.code, missed.code]).toEqual([1, 1]);
});

test('TLS: the most specific name decides, and a name that nobody has is turned away', async () => {
  const exact = await explained('tls://one.pass.example.com');
  expect(exact.stdout).toMatch(/Listener +default\/gw\/pass \(TLS, port 443, hostname \*\.pass\.example\.com\)/);
  expect(exact.stdout).toMatch(/Rule +TLSRoute default\/exact/);
  expect((await explained('tls://two.pass.example.com:443')).stdout).toMatch(/Rule +TLSRoute default\/any/);
  const other = await explained('tls://other.example.com');
  expect(other.stdout).toContain('hostnames on this port: *.pass.example.com');
  expect(other.stdout).toMatch(/Answer +no listener takes this server name: the connection is closed with a TLS alert/);
  expect(other.code).toBe(1);
});

test('TCP: weights, a listener without a route, and a port that is not there', async () => {
  const { stdout } = await explained('tcp://:5432', '-o', 'json');
  const { rule, backends, outcome } = JSON.parse(stdout);
  expect(rule.route).toEqual({ kind: 'TCPRoute', namespace: 'default', name: 'database' });
  expect(backends.map(({ share }: { share: number }) => share)).toEqual([0.75, 0.25]);
  expect(outcome).toEqual({ kind: 'error', reason: 'no backend has an endpoint: the connection is closed' });
  expect((await explained('tcp://:5433')).stdout).toContain('no TCPRoute takes it: the connection is closed');
  expect((await explained('tcp://:1')).stdout).toContain('none has port 1 for tcp; there are ports 5432, 5433');
});

test('UDP: a reference that does not resolve', async () => {
  const { code, stdout } = await explained('udp://:53');
  expect(stdout).toMatch(/Rule +UDPRoute default\/dns/);
  expect(stdout).toMatch(/its datagrams are dropped/);
  expect(code).toBe(1);
});

test('an IPv6 address stands in brackets, as the one that was asked for and as an endpoint', async () => {
  const { stdout } = await explained('tcp://[::1]:5432', '--endpoint', 'default/blue:5432=[2001:db8::1]:5432');
  expect(stdout).toMatch(/Connection +tcp:\/\/\[::1\]:5432\n/);
  expect(stdout).toContain('-> [2001:db8::1]:5432');
  expect((await explained('http://[::1]:80/a')).stdout).toMatch(/Request +GET http:\/\/\[::1\]:80\/a\n/);
});

test('what is no such URL is a wrong command line', async () => {
  for (const url of ['tcp://db', 'udp://', 'tls://', 'ftp://a:1/']) expect((await explained(url)).code).toBe(2);
});

/** IPv6 from clients to backends: every protocol, and every place where the client's address is told. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { backendTraffic, clientTraffic } from '../policies/policy.ts';
import { Authority } from '../tls/authority.ts';
import { backendRefs, HTTP, httpRoute, manifests, service, tlsSecret } from './manifest.ts';
import { rawBackend, type TestBackend } from './raw-backend.ts';
import { rawClient, rawTlsClient } from './raw-client.ts';
import { type Rig, type RigOptions, serveManifests } from './rig.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n';
const ONLY_V6: RigOptions = { bind: ['::1'], endpoints: [] };
const closing: Array<{ close(): unknown }> = [];
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close();
});

async function served(text: string, options: RigOptions): Promise<Rig> {
  const rig = await serveManifests(text, { ...ONLY_V6, ...options });
  closing.push(rig);
  return rig;
}

/** Answers heads, echoes all else, and keeps what it was sent; on ::1. */
async function backend(): Promise<TestBackend & { got: string }> {
  let got = '';
  const bare = await rawBackend((socket) => {
    socket.on('data', (bytes: Buffer) => {
      got += bytes.latin1Slice();
      if (/^GET [\s\S]*\r\n\r\n$/m.test(got)) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi');
      else if (!got.startsWith('PROXY ')) socket.write(bytes);
    });
    socket.on('end', () => socket.end());
  }, '::1');
  closing.push(bare);
  return {
    get port() {
      return bare.port;
    },
    get accepted() {
      return bare.accepted;
    },
    get open() {
      return bare.open;
    },
    get got() {
      return got;
    },
    close: () => bare.close(),
  };
}

function l4Route(kind: 'TCPRoute' | 'UDPRoute' | 'TLSRoute', name: string, spec: object = {}): object {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind,
    metadata: { name },
    spec: { parentRefs: [{ name: 'gw', sectionName: name }], ...spec, rules: [backendRefs('one')] },
  };
}

/** An EndpointSlice of one IPv6 address. */
function slice(port: number, protocol = 'TCP'): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'one-6', labels: { 'kubernetes.io/service-name': 'one' } },
    addressType: 'IPv6',
    endpoints: [{ addresses: ['::1'] }],
    ports: [{ name: '', port, protocol }],
  };
}

const lineOf = (got: string, name: string): string | undefined => new RegExp(`\r\n${name}: ([^\r]*)`).exec(got)?.[1];

test('HTTP: the listener, the backend, X-Forwarded-For, the access log and the status have IPv6 addresses', async () => {
  const one = await backend();
  const text = manifests([HTTP], httpRoute('r', [backendRefs('one')]), service('one'), slice(one.port));
  const rig = await served(text, {});
  const client = await rawClient(rig.port(), { host: '::1' });
  expect((await client.ask(GET))[0]!.body).toBe('hi');
  client.close();
  expect(lineOf(one.got, 'X-Forwarded-For')).toBe('::1');
  expect(rig.accesses.at(-1)).toMatchObject({ client: '::1', endpoint: `[::1]:${one.port}`, status: 200 });
  const [gateway] = rig.report().items.filter(({ kind }) => kind === 'Gateway');
  expect(gateway).toMatchObject({ status: { addresses: [{ type: 'IPAddress', value: '::1' }] } });
});

test('an --endpoint in brackets is one, and networks of trusted hops may be IPv6', async () => {
  const one = await backend();
  const text = manifests([HTTP], httpRoute('r', [backendRefs('one')]), service('one'));
  const endpoints = [`default/one:80=[::1]:${one.port}`];
  const rig = await served(text, { endpoints, trustedHops: ['::/64'] });
  const client = await rawClient(rig.port(), { host: '::1' });
  const hops = 'X-Forwarded-For: 2001:db8::7\r\nForwarded: for="[2001:db8::7]:4711"';
  await client.ask(GET.replace('\r\n\r\n', `\r\n${hops}\r\n\r\n`));
  client.close();
  expect(lineOf(one.got, 'X-Forwarded-For')).toBe('2001:db8::7, ::1');
  expect(lineOf(one.got, 'Forwarded')).toBe('for="[2001:db8::7]:4711"');
  expect(rig.accesses.at(-1)).toMatchObject({ client: '2001:db8::7' });
});

test('a Host that is an IPv6 address is one', async () => {
  const one = await backend();
  const text = manifests([HTTP], httpRoute('r', [backendRefs('one')]), service('one'), slice(one.port));
  const rig = await served(text, {});
  const client = await rawClient(rig.port(), { host: '::1' });
  const [answer] = await client.ask(GET.replace('a.example', `[::1]:${rig.port()}`));
  client.close();
  expect(answer!.status).toBe(200);
  expect([lineOf(one.got, 'Host'), lineOf(one.got, 'X-Forwarded-Host')]).toEqual(Array(2).fill(`[::1]:${rig.port()}`));
});

test('HTTPS, TLS that ends here and TLS that passes through', async () => {
  const one = await backend();
  const tls = (mode: string) => ({ mode, ...(mode === 'Terminate' ? { certificateRefs: [{ name: 'cert' }] } : {}) });
  const authority = await Authority.make('ecdsa');
  const text = manifests(
    [
      { name: 'https', port: 443, protocol: 'HTTPS', tls: tls('Terminate') },
      { name: 'ended', port: 8443, protocol: 'TLS', tls: tls('Terminate') },
      { name: 'passed', port: 9443, protocol: 'TLS', tls: tls('Passthrough') },
    ],
    tlsSecret('cert', await authority.sign({ dns: ['a.example'] })),
    httpRoute('r', [backendRefs('one')], { parentRefs: [{ name: 'gw', sectionName: 'https' }] }),
    l4Route('TLSRoute', 'ended', { hostnames: ['a.example'] }),
    l4Route('TLSRoute', 'passed', { hostnames: ['a.example'] }),
    service('one'),
    slice(one.port),
  );
  const rig = await served(text, { ports: [443, 8443, 9443] });
  const options = { host: '::1', servername: 'a.example' };
  for (const port of [443, 8443]) {
    const client = await rawTlsClient(rig.port(port), options);
    expect((await client.ask(GET))[0]!.body).toBe('hi');
    client.close();
  }
  const before = one.got.length;
  const hello = rawTlsClient(rig.port(9443), { ...options, timeout: 100 }).catch((error: Error) => error);
  await expect.poll(() => one.got.length).toBeGreaterThan(before);
  // The backend speaks no TLS: what matters is that the ClientHello came there as it was.
  expect(one.got.slice(before)).toContain('a.example');
  await hello;
});

test('TCP and UDP', async () => {
  const one = await backend();
  const datagrams = createSocket('udp6').bind(0, '::1');
  await once(datagrams, 'listening');
  closing.push(datagrams);
  datagrams.on('message', (bytes, from) => datagrams.send(bytes, from.port, from.address));
  const listeners = [
    { name: 'tcp', port: 5432, protocol: 'TCP' },
    { name: 'udp', port: 53, protocol: 'UDP' },
  ];
  const udp = { ...(service('two') as object), spec: { ports: [{ port: 80, protocol: 'UDP' }] } };
  const udpRoute = l4Route('UDPRoute', 'udp') as { spec: object };
  const routes = [
    l4Route('TCPRoute', 'tcp'),
    { ...udpRoute, spec: { ...udpRoute.spec, rules: [{ backendRefs: [{ name: 'two', port: 80 }] }] } },
  ];
  const rig = await served(manifests(listeners, ...routes, service('one'), udp, slice(one.port)), {
    ports: [5432, 53],
    endpoints: [`default/two:80=[::1]:${datagrams.address().port}`],
  });
  const client = await rawClient(rig.port(5432), { host: '::1' });
  client.send('hello');
  await client.until(() => client.text === 'hello');
  client.close();
  const asking = createSocket('udp6').bind(0, '::1');
  closing.push(asking);
  asking.send('datagram', rig.port(53), '::1');
  const [answer, from] = (await once(asking, 'message')) as [Buffer, { address: string; port: number }];
  expect([answer.toString(), from.address, from.port]).toEqual(['datagram', '::1', rig.port(53)]);
});

test.each([
  ['V1', /^PROXY TCP6 2001:db8::1 2001:db8::2 1000 80\r\n/],
  ['V2', /^\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24/],
])('the PROXY protocol from clients, and %s to backends', async (version, start) => {
  const one = await backend();
  const objects = [
    clientTraffic('all', { proxyProtocol: { trustedSources: ['::1/128'] } }),
    backendTraffic('one', { proxyProtocol: version }),
  ];
  const rig = await served(
    manifests([HTTP], httpRoute('r', [backendRefs('one')]), service('one'), slice(one.port), ...objects),
    {},
  );
  const client = await rawClient(rig.port(), { host: '::1' });
  await client.ask(`PROXY TCP6 2001:db8::1 2001:db8::2 1000 80\r\n${GET}`);
  client.close();
  expect(one.got).toMatch(start);
  expect(lineOf(one.got, 'X-Forwarded-For')).toBe('2001:db8::1');
  expect(rig.accesses.at(-1)).toMatchObject({ client: '2001:db8::1' });
});

test('a port that may be any free one is the same for both families, for TCP and UDP', async () => {
  const listeners = [HTTP, { name: 'udp', port: 53, protocol: 'UDP' }];
  const rig = await served(manifests(listeners, httpRoute('r', [backendRefs('one')]), service('one')), {
    bind: ['::1', '127.0.0.1'],
    ports: [80, 53],
  });
  for (const written of [80, 53]) {
    const port = rig.port(written);
    const bound = [`[::1]:${port}`, `127.0.0.1:${port}`];
    expect(JSON.stringify(rig.listeners())).toContain(JSON.stringify(bound));
  }
  for (const host of ['::1', '127.0.0.1']) {
    const socket = net.connect(rig.port(), host);
    await once(socket, 'connect');
    socket.destroy();
  }
});

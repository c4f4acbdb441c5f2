/** What may never be a backend: this machine by a name, the cloud's own addresses, the gateway's own sockets. */
import dns from 'node:dns/promises';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { startNameServer } from '../protocols/nameserver.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { httpBackend, type TestBackend } from './raw-backend.ts';
import { rawClient } from './raw-client.ts';
import { type Rig, type RigOptions, serveManifests } from './rig.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n';
const closing: Array<() => unknown> = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function served(text: string, options: RigOptions = {}): Promise<Rig> {
  const rig = await serveManifests(text, options);
  closing.push(() => rig.close());
  return rig;
}

async function admin(): Promise<TestBackend> {
  const backend = await httpBackend((_request, response) => void response.end('secrets'));
  closing.push(() => backend.close());
  return backend;
}

function external(externalName: string, port: number): object {
  const spec = { type: 'ExternalName', externalName, ports: [{ port: 80, targetPort: port }] };
  return { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec };
}

function slice(addressType: string, address: string, port: number): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `s-${addressType.toLowerCase()}`, labels: { 'kubernetes.io/service-name': 's' } },
    addressType,
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: '', port, protocol: 'TCP' }],
  };
}

async function statusOf(rig: Rig, port = 80): Promise<number> {
  const client = await rawClient(rig.port(port));
  const [response] = await client.ask(GET);
  client.close();
  return response!.status;
}

const REWRITE = { type: 'URLRewrite', urlRewrite: { hostname: '127.0.0.1' } };
const TO_S = httpRoute('r', [{ ...backendRefs('s'), filters: [REWRITE] }]);

function said(rig: Rig): string {
  return JSON.stringify(rig.report());
}

test.each(['localhost', 'a.localhost.', '127.0.0.1', '2130706433'])(
  'an ExternalName %s leads nowhere, and the route says why',
  async (name) => {
    const backend = await admin();
    const rig = await served(manifests([HTTP], TO_S, external(name, backend.port)));
    expect(await statusOf(rig)).toBe(500);
    expect(said(rig)).toContain(`Service default/s has the externalName ${name}, which is`);
    expect(said(rig)).toContain('"reason":"BackendNotFound"');
    expect(backend.accepted).toBe(0);
  },
);

test('a name that resolves to this machine leads nowhere, in a slice, too', async () => {
  const nameServers = dns.getServers();
  const names = await startNameServer();
  dns.setServers([`127.0.0.1:${names.port}`]);
  closing.push(
    () => names.close(),
    () => dns.setServers(nameServers),
  );
  const backend = await admin();
  names.records.set('evil.example.test', ['127.0.0.1']).set('worse.example.test', ['127.9.9.9']);
  const rig = await served(manifests([HTTP], TO_S, external('evil.example.test', backend.port)));
  expect(await statusOf(rig)).toBe(503);
  expect(backend.accepted).toBe(0);
  await expect.poll(() => said(rig)).toContain(`endpoint 127.0.0.1:${backend.port} of default/s:80 is of this machine`);
  await rig.write(manifests([HTTP], TO_S, service('s'), slice('FQDN', 'worse.example.test', backend.port)));
  expect(await statusOf(rig)).toBe(503);
  expect(backend.accepted).toBe(0);
});

test.each([
  ['IPv4', '169.254.169.254'],
  ['IPv6', 'fd00:ec2::254'],
  ['IPv4', '0.0.0.0'],
])('an EndpointSlice (%s) with %s is not connected to', async (type, address) => {
  const rig = await served(manifests([HTTP], TO_S, service('s'), slice(type, address, 80)));
  expect(await statusOf(rig)).toBe(503);
  expect(rig.accesses.at(-1)).toMatchObject({ reason: 'no_endpoints' });
});

test('loopback in EndpointSlices is for standalone gateways only', async () => {
  const backend = await admin();
  const text = manifests([HTTP], TO_S, service('s'), slice('IPv4', '127.0.0.1', backend.port));
  expect(await statusOf(await served(text))).toBe(200);
  const inCluster = await served(text, { loopbackEndpoints: 'refused' });
  expect(await statusOf(inCluster)).toBe(503);
  expect(said(inCluster)).toContain('is of this machine: no request goes there');
});

test('the admin API is no backend, by whatever address, and Programmed says so', async () => {
  const backend = await admin();
  const options = { ownAddresses: [`127.0.0.1:${backend.port}`], endpoints: [endpointsOf('s', backend.port)] };
  const rig = await served(manifests([HTTP], TO_S, service('s')), options);
  expect(await statusOf(rig)).toBe(503);
  expect(backend.accepted).toBe(0);
  expect(said(rig)).toContain(`127.0.0.1:${backend.port} of default/s:80 is the admin API of this gateway`);
  expect(said(rig)).toMatch(/"type":"Programmed","status":"False","reason":"Invalid","message":"endpoint/);
  const wild = await served(manifests([HTTP], TO_S, service('s'), slice('IPv6', '::ffff:127.0.0.1', backend.port)), {
    ownAddresses: [`0.0.0.0:${backend.port}`],
  });
  expect(await statusOf(wild)).toBe(503);
  expect(backend.accepted).toBe(0);
});

test('a listener is no backend of this gateway, for HTTP, mirrors and TCP', async () => {
  const tcp = { name: 'tcp', port: 5432, protocol: 'TCP' };
  const good = await httpBackend((_request, response) => void response.end('good'));
  closing.push(() => good.close());
  const text = (...more: object[]): string =>
    manifests(
      [HTTP, tcp],
      httpRoute('r', [{ ...backendRefs('s'), filters: [] }], { parentRefs: [{ name: 'gw', sectionName: 'http' }] }),
      httpRoute(
        'm',
        [
          {
            ...backendRefs('good'),
            filters: [{ type: 'RequestMirror', requestMirror: { backendRef: { name: 's', port: 80 } } }],
          },
        ],
        { hostnames: ['m.example'], parentRefs: [{ name: 'gw', sectionName: 'http' }] },
      ),
      {
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind: 'TCPRoute',
        metadata: { name: 't' },
        spec: { parentRefs: [{ name: 'gw', sectionName: 'tcp' }], rules: [{ backendRefs: [{ name: 't', port: 80 }] }] },
      },
      service('s'),
      service('t'),
      service('good'),
      ...more,
    );
  const rig = await served(text(), { ports: [80, 5432], endpoints: [endpointsOf('good', good.port)] });
  const at = (name: string, port: number): object => {
    const one = slice('IPv4', '127.0.0.1', port) as { metadata: object };
    return { ...one, metadata: { name, labels: { 'kubernetes.io/service-name': name } } };
  };
  await rig.write(text(at('s', rig.port(80)), at('t', rig.port(5432))));
  expect(await statusOf(rig)).toBe(503);
  const before = rig.accesses.length;
  const client = await rawClient(rig.port());
  expect((await client.ask(GET.replace('a.example', 'm.example')))[0]!.status).toBe(200);
  client.close();
  await expect.poll(() => rig.accesses.length).toBe(before + 1);
  const socket = net.connect(rig.port(5432), '127.0.0.1');
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('close', resolve));
  expect(rig.accesses.at(-1)).toMatchObject({ reason: 'no_endpoint', attempts: 0 });
  expect(said(rig)).toContain('is a listener of this gateway: no request goes there');
});

/** An endpoint that takes no connections is told of, whatever is spoken with it, and so is its return; and one that answers what is no HTTP. */
import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { rawClient } from './raw-client.ts';
import { type Rig, serveManifests } from './rig.ts';

async function listening(port = 0): Promise<net.Server> {
  const server = net.createServer((socket) => socket.end('HTTP/1.1 204 No Content\r\n\r\n')).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const portOf = (server: net.Server): number => (server.address() as net.AddressInfo).port;

/** As a script does that writes its own answers. */
const script = net.createServer((socket) => {
  socket.on('error', () => {}).once('data', () => socket.end('HTTP/1.1 200 OK\n\nhello'));
});

let rig: Rig;
const ports: Record<string, number> = {};

beforeAll(async () => {
  const names = ['plain', 'h2c', 'tcp'];
  for (const name of names) {
    const server = await listening();
    ports[name] = portOf(server);
    server.close();
  }
  script.listen(0, '127.0.0.1');
  await once(script, 'listening');
  const tcpRoute = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'TCPRoute',
    metadata: { name: 'tcp', namespace: 'default' },
    spec: { parentRefs: [{ name: 'gw', sectionName: 'tcp' }], rules: [backendRefs('tcp')] },
  };
  const at = (value: string): object[] => [{ path: { type: 'PathPrefix', value } }];
  const rules = [
    { matches: at('/plain'), ...backendRefs('plain') },
    { matches: at('/h2c'), ...backendRefs('h2c') },
    { matches: at('/script'), ...backendRefs('script') },
  ];
  const h2c = { ...service('h2c') } as { spec: { ports: object[] } };
  h2c.spec = { ...h2c.spec, ports: h2c.spec.ports.map((port) => ({ ...port, appProtocol: 'kubernetes.io/h2c' })) };
  rig = await serveManifests(
    manifests(
      [HTTP, { name: 'tcp', port: 5432, protocol: 'TCP' }],
      httpRoute('r', rules),
      tcpRoute,
      service('plain'),
      h2c,
      service('tcp'),
      service('script'),
    ),
    {
      endpoints: [...names.map((name) => endpointsOf(name, ports[name]!)), endpointsOf('script', portOf(script))],
      ports: [80, 5432],
    },
  );
});
afterAll(async () => {
  script.close();
  await rig.close();
});

function told(name: string): string | undefined {
  return rig.report().diagnostics.find(({ object }) => object === `Service/default/${name}`)?.message;
}

async function knock(name: string): Promise<void> {
  const client = await rawClient(rig.port(name === 'tcp' ? 5432 : 80));
  if (name !== 'tcp') await client.ask(`GET /${name} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
  else await client.end();
  client.close();
}

test.each(['plain', 'h2c', 'tcp'])('%s', async (name) => {
  await knock(name);
  await vi.waitFor(
    () => expect(told(name)).toMatch(/refuses connections, or cannot be reached \(\w+( times)? within/),
    {
      timeout: 5000,
    },
  );
  const line = rig.report().diagnostics.find(({ object }) => object === `Service/default/${name}`)!;
  expect(line).toMatchObject({ severity: 'warning', line: expect.any(Number) });
  expect(line.message).toContain(`endpoint 127.0.0.1:${ports[name]}`);
  if (name === 'h2c') return;
  const server = await listening(ports[name]!);
  await vi.waitFor(
    async () => {
      await knock(name);
      expect(told(name)).toBeUndefined();
    },
    { timeout: 8000, interval: 200 },
  );
  server.close();
});

test('an answer that is no HTTP is told of, with the rule that it breaks; its client hears of none', async () => {
  const client = await rawClient(rig.port(80));
  const [answer] = await client.ask('GET /script HTTP/1.1\r\nHost: a.test\r\n\r\n');
  expect(answer).toMatchObject({ status: 502, body: expect.not.stringContaining('LF') });
  client.close();
  await vi.waitFor(
    () =>
      expect(told('script')).toMatch(/break HTTP, .* \(A line ends with LF alone; lines end with CRLF, once within/),
    { timeout: 5000 },
  );
});

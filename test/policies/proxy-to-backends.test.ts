/** BackendTrafficPolicy.proxyProtocol: every connection to an endpoint begins with who its client is. */
import http2 from 'node:http2';
import type net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endpointsOf, httpRoute, manifests } from '../served/manifest.ts';
import { rawBackend, type TestBackend } from '../served/raw-backend.ts';
import { rawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority, caConfigMap, type Pair } from '../tls/authority.ts';
import { backendTraffic } from './policy.ts';

const GET = 'GET /{} HTTP/1.1\r\nHost: a.example\r\n\r\n';
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';

let rig: Rig;
let pair: Pair;
/** What each connection of a backend has received. */
const received: Record<string, string[]> = { plain: [], tls: [], tcp: [] };
const backends: TestBackend[] = [];

/** Answers every request; keeps all bytes that come before and between. */
function answering(socket: net.Socket, log: string[]): void {
  const at = log.push('') - 1;
  socket.on('end', () => socket.end());
  socket.on('data', (bytes: Buffer) => {
    log[at] += bytes.latin1Slice();
    if (bytes.latin1Slice().endsWith('\r\n\r\n')) socket.write(ANSWER);
  });
}

/** Reads a PROXY line, then speaks TLS. */
function secured(socket: net.Socket): void {
  socket.once('readable', () => {
    const bytes = socket.read() as Buffer;
    const end = bytes.indexOf('\r\n') + 2;
    received.tls!.push(bytes.latin1Slice(0, end));
    if (bytes.length > end) socket.unshift(bytes.subarray(end));
    const secure = new tls.TLSSocket(socket, { isServer: true, cert: pair.certificate, key: pair.privateKey });
    secure.on('error', () => {});
    secure.on('data', () => secure.write(ANSWER));
  });
}

function service(name: string, extra: object = {}): object {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ports: [{ port: 80, ...extra }] } };
}

function to(name: string): object {
  return {
    matches: [{ path: { type: 'PathPrefix', value: `/${name}` } }],
    backendRefs: [{ name, port: 80 }],
  };
}

function served(version: string): string {
  return manifests(
    [
      { name: 'http', port: 80, protocol: 'HTTP' },
      { name: 'tcp', port: 5432, protocol: 'TCP' },
    ],
    httpRoute('all', [to('plain'), to('secure'), to('h2')], { parentRefs: [{ name: 'gw', sectionName: 'http' }] }),
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'TCPRoute',
      metadata: { name: 'tcp' },
      spec: { parentRefs: [{ name: 'gw', sectionName: 'tcp' }], rules: [{ backendRefs: [{ name: 'tcp', port: 80 }] }] },
    },
    service('plain'),
    service('secure'),
    service('h2', { appProtocol: 'kubernetes.io/h2c' }),
    service('tcp'),
    backendTraffic('plain', { proxyProtocol: version }),
    backendTraffic('secure', { proxyProtocol: 'V1' }),
    backendTraffic('h2', { proxyProtocol: 'V1' }),
    backendTraffic('tcp', { proxyProtocol: 'V2' }),
    caConfigMap('ca', authority),
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'BackendTLSPolicy',
      metadata: { name: 'secure' },
      spec: {
        targetRefs: [{ group: '', kind: 'Service', name: 'secure' }],
        validation: { hostname: 'backend.example', caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'ca' }] },
      },
    },
  );
}

let authority: Authority;

beforeAll(async () => {
  authority = await Authority.make('backends');
  pair = await authority.sign({ dns: ['backend.example'] });
  const plain = await rawBackend((socket) => answering(socket, received.plain!));
  const secure = await rawBackend(secured);
  const tcp = await rawBackend((socket) => {
    socket.once('data', (bytes: Buffer) => {
      received.tcp!.push(bytes.latin1Slice());
      socket.end('bye');
    });
  });
  const h2 = http2.createServer((_request, response) => void response.end('ok'));
  const h2Front = await rawBackend((socket) => {
    socket.once('readable', () => {
      const bytes = socket.read() as Buffer;
      const end = bytes.indexOf('\r\n') + 2;
      (received.h2 ??= []).push(bytes.latin1Slice(0, end));
      if (bytes.length > end) socket.unshift(bytes.subarray(end));
      h2.emit('connection', socket);
    });
  });
  backends.push(plain, secure, tcp, h2Front);
  rig = await serveManifests(served('V1'), {
    ports: [80, 5432],
    endpoints: [
      endpointsOf('plain', plain.port),
      endpointsOf('secure', secure.port),
      endpointsOf('tcp', tcp.port),
      endpointsOf('h2', h2Front.port),
    ],
  });
});
afterAll(async () => {
  await rig.close();
  await Promise.all(backends.map((backend) => backend.close()));
});

async function ask(client: Awaited<ReturnType<typeof rawClient>>, path: string): Promise<number> {
  const [response] = await client.ask(GET.replace('{}', path));
  return response!.status;
}

describe('an HTTP backend', () => {
  test('hears of each client on a connection of its own, which that client uses again', async () => {
    const [plain] = backends;
    const [a, b] = await Promise.all([rawClient(rig.port()), rawClient(rig.port())]);
    for (const client of [a, b, a, b]) expect(await ask(client, 'plain')).toBe(200);
    expect(received.plain).toHaveLength(2);
    for (const client of [a, b]) {
      const { localPort } = client.socket;
      const line = `PROXY TCP4 127.0.0.1 127.0.0.1 ${localPort} ${rig.port()}\r\nGET /plain`;
      const own = received.plain!.filter((text) => text.startsWith(line));
      expect(own).toHaveLength(1);
      expect(own[0]!.match(/GET \/plain/g)).toHaveLength(2);
      expect(own[0]!.match(/PROXY/g)).toHaveLength(1);
    }
    expect(plain!.open).toBe(2);
    a.close();
    await expect.poll(() => plain!.open).toBe(1);
    b.close();
    await expect.poll(() => plain!.open).toBe(0);
  });

  test('that speaks TLS gets the header before the handshake', async () => {
    const client = await rawClient(rig.port());
    expect(await ask(client, 'secure')).toBe(200);
    expect(received.tls).toEqual([`PROXY TCP4 127.0.0.1 127.0.0.1 ${client.socket.localPort} ${rig.port()}\r\n`]);
    client.close();
  });

  test('that speaks HTTP/2 gets the header before the preface', async () => {
    const client = await rawClient(rig.port());
    expect(await ask(client, 'h2')).toBe(200);
    expect(await ask(client, 'h2')).toBe(200);
    expect(received.h2).toEqual([`PROXY TCP4 127.0.0.1 127.0.0.1 ${client.socket.localPort} ${rig.port()}\r\n`]);
    client.close();
  });

  test('gets version 2 as soon as the policy says so', async () => {
    await rig.write(served('V2'));
    const client = await rawClient(rig.port());
    const before = received.plain!.length;
    expect(await ask(client, 'plain')).toBe(200);
    expect(received.plain).toHaveLength(before + 1);
    expect(received.plain![before]!.startsWith(SIGNATURE)).toBe(true);
    client.close();
    await rig.write(served('V1'));
  });
});

test('a TCP backend gets version 2 before what the client says', async () => {
  const client = await rawClient(rig.port(5432));
  client.send('hello');
  await client.end();
  const [text] = received.tcp!;
  expect(text!.startsWith(SIGNATURE)).toBe(true);
  const port = client.socket.localPort!;
  const addresses = Buffer.from([0x21, 0x11, 0, 12, 127, 0, 0, 1, 127, 0, 0, 1, port >> 8, port & 255]);
  expect(text!.slice(SIGNATURE.length, SIGNATURE.length + 14)).toBe(addresses.latin1Slice());
});

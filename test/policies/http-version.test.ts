/** BackendTrafficPolicy.httpVersion: which HTTP endpoints are spoken to in, whatever their port says. */
import http2 from 'node:http2';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { httpBackend } from '../served/raw-backend.ts';
import { rawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority, caConfigMap, VERIFIED } from '../tls/authority.ts';
import { grpcCheckedPod } from './checked-pod.ts';
import { h2Listening, type Pod, slice } from './pods.ts';
import { backendTraffic } from './policy.ts';

const closing: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** It says in which version it was asked. */
async function either(): Promise<{ one: Pod; two: Pod }> {
  const one = await httpBackend(({ httpVersion }, response) => void response.end(httpVersion));
  const server = http2.createServer(({ httpVersion }, response) => void response.end(httpVersion));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(
    () => one.close(),
    () => server.close(),
  );
  return {
    one: { name: 'one', port: one.port, close() {} },
    two: { name: 'two', port: (server.address() as AddressInfo).port, close() {} },
  };
}

function site(pod: Pod, appProtocol: string | undefined, spec: object | undefined, ...more: object[]): string {
  const port = appProtocol === undefined ? { port: 80 } : { port: 80, appProtocol };
  return manifests(
    [HTTP],
    httpRoute('r', [backendRefs('s')], { hostnames: ['a.example'] }),
    { ...service('s'), spec: { ports: [port] } },
    slice('s', pod),
    ...(spec === undefined ? [] : [backendTraffic('s', spec)]),
    ...more,
  );
}

async function served(text: string): Promise<Rig> {
  const rig = await serveManifests(text);
  closing.push(() => rig.close());
  return rig;
}

/** Over HTTP/1.1 and over HTTP/2: bodies, or statuses that are not 200. */
async function asked(rig: Rig): Promise<string[]> {
  const client = await rawClient(rig.port());
  const [answer] = await client.ask('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
  client.close();
  return [answer!.status === 200 ? String(answer!.body) : String(answer!.status), await askedByH2(rig)];
}

async function askedByH2(rig: Rig, headers: http2.OutgoingHttpHeaders = {}): Promise<string> {
  const session = http2.connect(`http://127.0.0.1:${rig.port()}`);
  const stream = session.request({ ':path': '/', ':authority': 'a.example', ...headers });
  let status = 0;
  let body = '';
  stream.on('response', (head) => {
    status = Number(head[':status']);
  });
  stream.setEncoding('utf8').on('data', (text) => {
    body += text;
  });
  stream.end();
  await new Promise((resolve) => stream.on('close', resolve));
  session.close();
  return status === 200 ? body : String(status);
}

function message(rig: Rig): string {
  return JSON.stringify(rig.report().items.filter(({ kind }) => kind === 'BackendTrafficPolicy'));
}

test('HTTP/2 to a port that does not say so, and HTTP/1.1 to one that says otherwise: told in the status', async () => {
  const { one, two } = await either();
  const rig = await served(site(one, undefined, undefined));
  expect(await asked(rig)).toEqual(['1.1', '1.1']);
  await rig.write(site(two, undefined, { httpVersion: 'HTTP2' }));
  expect(await asked(rig)).toEqual(['2.0', '2.0']);
  expect(message(rig)).not.toContain('is spoken');
  await rig.write(site(one, 'kubernetes.io/h2c', { httpVersion: 'HTTP1' }));
  expect(await asked(rig)).toEqual(['1.1', '1.1']);
  expect(message(rig)).toContain('HTTP/1.1 is spoken, though the appProtocol of port 80 is kubernetes.io/h2c');
  await rig.write(site(two, 'kubernetes.io/ws', { httpVersion: 'HTTP2' }));
  expect(await asked(rig)).toEqual(['2.0', '2.0']);
  expect(message(rig)).toContain('HTTP/2 is spoken, though the appProtocol of port 80 is kubernetes.io/ws');
  await rig.write(site(two, 'kubernetes.io/h2c', undefined));
  expect(await asked(rig)).toEqual(['2.0', '2.0']);
});

test('a port that GRPCRoutes refer to stays with HTTP/2', async () => {
  const pod = await grpcCheckedPod('called');
  closing.push(() => pod.close());
  const grpc = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'GRPCRoute',
    metadata: { name: 'g' },
    spec: { parentRefs: [{ name: 'gw' }], hostnames: ['g.example'], rules: [backendRefs('s')] },
  };
  const call = {
    ':path': '/shop.Cart/Add',
    ':method': 'POST',
    ':authority': 'g.example',
    'content-type': 'application/grpc',
    te: 'trailers',
  };
  for (const appProtocol of ['kubernetes.io/h2c', undefined]) {
    const rig = await served(site(pod, appProtocol, { httpVersion: 'HTTP1' }, grpc));
    expect(await askedByH2(rig, call)).toBe('called');
  }
});

test('over TLS the version is what ALPN asks for, and one that is not agreed on is no connection', async () => {
  const authority = await Authority.make('own');
  const { certificate: cert, privateKey: key } = await authority.sign({ dns: ['s.example'] });
  const server = http2.createSecureServer({ cert, key, allowHTTP1: true }, ({ httpVersion }, response) => {
    response.end(httpVersion);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  const pod = { name: 'x', port: (server.address() as AddressInfo).port, close() {} };
  const rig = await served(site(pod, undefined, undefined, VERIFIED, caConfigMap('ca', authority)));
  expect(await asked(rig)).toEqual(['1.1', '1.1']);
  await rig.write(site(pod, undefined, { httpVersion: 'HTTP2' }, VERIFIED, caConfigMap('ca', authority)));
  expect(await asked(rig)).toEqual(['2.0', '2.0']);
  const old = https.createServer({ cert, key }, ({ httpVersion }, response) => response.end(httpVersion));
  await new Promise<void>((resolve) => void old.listen(0, '127.0.0.1', resolve));
  closing.push(() => old.close());
  const alone = { name: 'old', port: (old.address() as AddressInfo).port, close() {} };
  await rig.write(site(alone, undefined, { httpVersion: 'HTTP2' }, VERIFIED, caConfigMap('ca', authority)));
  expect(await asked(rig)).toEqual(['502', '502']);
  expect(rig.accesses.at(-1)!.reason).toBe('tls_failed');
});

test('a change of version under load fails no request', async () => {
  const backends = await Promise.all([http2Both(), http2Both()]);
  const pods = backends.map((port, i) => ({ name: `p${i}`, port, close() {} }));
  const rig = await served(site(pods[0]!, undefined, undefined, slice('s', pods[1]!)));
  const statuses = new Map<number, number>();
  let running = true;
  const loops = Array.from({ length: 4 }, async () => {
    const client = await rawClient(rig.port());
    while (running) {
      const [answer] = await client.ask('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
      statuses.set(answer!.status, (statuses.get(answer!.status) ?? 0) + 1);
    }
    client.close();
  });
  for (const spec of [{ httpVersion: 'HTTP2' }, { httpVersion: 'HTTP1' }, { httpVersion: 'HTTP2' }, undefined]) {
    await rig.write(site(pods[0]!, undefined, spec, slice('s', pods[1]!)));
  }
  running = false;
  await Promise.all(loops);
  expect([...statuses.keys()]).toEqual([200]);
});

/** A port where both versions are spoken, by the first bytes of a connection. */
async function http2Both(): Promise<number> {
  const { one, two } = await either();
  const front = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (bytes: Buffer) => {
      const { port } = bytes.subarray(0, 4).toString() === 'PRI ' ? two : one;
      const behind = net.connect(port, '127.0.0.1');
      behind.on('error', () => {});
      behind.write(bytes);
      socket.pipe(behind).pipe(socket);
      socket.on('close', () => behind.destroy());
    });
  });
  await new Promise<void>((resolve) => void front.listen(0, '127.0.0.1', resolve));
  closing.push(() => front.close());
  return (front.address() as AddressInfo).port;
}

/** It speaks what ALPN settles, and counts its handshakes. */
async function secure(
  versions: string[],
): Promise<{ pod: Pod; handshakes: () => number; speak(next: string[]): void }> {
  const { certificate: cert, privateKey: key } = await AUTHORITY.then((one) => one.sign({ dns: ['s.example'] }));
  let offered = versions;
  let handshakes = 0;
  const server = http2.createSecureServer(
    { cert, key, allowHTTP1: true, ALPNCallback: ({ protocols }) => offered.find((one) => protocols.includes(one)) },
    ({ httpVersion }, response) => void response.end(httpVersion),
  );
  server.on('secureConnection', () => handshakes++);
  server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello');
  });
  const { port, close } = await h2Listening(server);
  closing.push(close);
  const speak = (next: string[]): void => {
    offered = next;
  };
  return { pod: { name: 'x', port, close() {} }, handshakes: () => handshakes, speak };
}

const AUTHORITY = Authority.make('agreed');
const AUTO = { httpVersion: 'Auto' };

async function agreedSite(pod: Pod, spec: object = AUTO, ...more: object[]): Promise<string> {
  return site(pod, undefined, spec, VERIFIED, caConfigMap('ca', await AUTHORITY), ...more);
}

test.each([
  [['h2', 'http/1.1'], '2.0', 1],
  [['http/1.1'], '1.1', 1],
  [['h2'], '2.0', 1],
])(
  'Auto: an endpoint that speaks %s is spoken to in HTTP/%s, over connections that are used again',
  async (...given) => {
    const [versions, spoken, most] = given;
    const { pod, handshakes } = await secure(versions);
    const rig = await served(await agreedSite(pod));
    for (let i = 0; i < 3; i++) expect(await asked(rig)).toEqual([spoken, spoken]);
    expect(handshakes()).toBe(most);
  },
);

test('Auto: many at once, and an endpoint that changes its mind, lose no request', async () => {
  const { pod, speak } = await secure(['http/1.1']);
  const rig = await served(await agreedSite(pod, { ...AUTO, connection: { maxRequests: 3 } }));
  const all = (): Promise<string[]> => Promise.all(Array.from({ length: 40 }, () => askedByH2(rig)));
  expect(new Set(await all())).toEqual(new Set(['1.1']));
  speak(['h2']);
  for (let i = 0; i < 4; i++) await all();
  expect(new Set(await all())).toEqual(new Set(['2.0']));
  speak(['http/1.1']);
  const answers = await Promise.all(Array.from({ length: 5 }, all));
  expect(answers.flat().every((one) => one === '1.1' || one === '2.0')).toBe(true);
  expect(await askedByH2(rig)).toBe('1.1');
});

test('Auto: a WebSocket goes over HTTP/1.1 beside requests over HTTP/2', async () => {
  const { pod } = await secure(['h2', 'http/1.1']);
  const rig = await served(await agreedSite(pod));
  expect(await asked(rig)).toEqual(['2.0', '2.0']);
  const socket = net.connect(rig.port(), '127.0.0.1');
  socket.write(
    'GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  let text = '';
  await new Promise<void>((resolve) =>
    socket.on('data', (bytes) => {
      text += bytes;
      if (text.endsWith('hello')) resolve();
    }),
  );
  expect(text).toMatch(/^HTTP\/1\.1 101 /);
  socket.destroy();
  expect(await asked(rig)).toEqual(['2.0', '2.0']);
});

test('Auto: gRPC takes no HTTP/1.1, and without TLS it is as without it, which the status says', async () => {
  const grpc = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'GRPCRoute',
    metadata: { name: 'g' },
    spec: { parentRefs: [{ name: 'gw' }], hostnames: ['g.example'], rules: [backendRefs('s')] },
  };
  const { pod } = await secure(['http/1.1']);
  const rig = await served(await agreedSite(pod, AUTO, grpc));
  const call = { ':path': '/a.B/C', ':method': 'POST', ':authority': 'g.example', 'content-type': 'application/grpc' };
  // A refusal in gRPC's own words: no connection.
  expect(await askedByH2(rig, { ...call, te: 'trailers' })).toBe('');
  expect(rig.accesses.at(-1)).toMatchObject({ reason: 'tls_failed' });
  const { one } = await either();
  await rig.write(site(one, undefined, AUTO));
  expect(await asked(rig)).toEqual(['1.1', '1.1']);
  expect(message(rig)).toContain('httpVersion Auto means nothing on port 80: no BackendTLSPolicy has TLS spoken there');
});

test('Auto: health checks ask in what the endpoint speaks', async () => {
  const found = await Promise.all([['h2'], ['http/1.1']].map((versions) => secure(versions)));
  for (const { pod, handshakes } of found) {
    const healthCheck = {
      type: 'HTTP',
      interval: '1s',
      initialState: 'Unhealthy',
      healthyThreshold: 1,
      panicThresholdPercent: 0,
    };
    const rig = await served(await agreedSite(pod, { ...AUTO, healthCheck }));
    await expect.poll(() => asked(rig), { timeout: 10_000 }).not.toContain('503');
    expect(handshakes()).toBeGreaterThan(1);
  }
});

/** TLS towards backends: BackendTLSPolicy and the Gateway's client certificate, over real handshakes. */
import http2 from 'node:http2';
import https from 'node:https';
import type net from 'node:net';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endpointsOf, httpRoute, manifests, tlsSecret } from '../served/manifest.ts';
import { type RawClient, rawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority, caConfigMap, type Pair } from './authority.ts';

let ours: Authority;
let next: Authority;
let clientCa: Authority;
let gatewayPair: Pair;
let rig: Rig;
let port: number;
let h2Port: number;
/** What the backend presents to the next connection. */
let presented: Pair;
let pairs: { ours: Pair; next: Pair; uri: Pair; other: Pair; named: Pair };
/** What the backend saw of the last request. */
let seen: { serverName: string; client: string | undefined };
let handshakes = 0;
const servers: Array<{ close(): unknown; closeAllConnections?(): void }> = [];

const CASES = {
  good: { hostname: 'backend.example' },
  mismatch: { hostname: 'elsewhere.example' },
  san: { hostname: 'elsewhere.example', subjectAltNames: [{ type: 'Hostname', hostname: 'backend.example' }] },
  'san-named': { hostname: 'elsewhere.example', subjectAltNames: [{ type: 'Hostname', hostname: 'backend.example' }] },
  'san-mismatch': { hostname: 'backend.example', subjectAltNames: [{ type: 'Hostname', hostname: 'no.example' }] },
  uri: { hostname: 'backend.example', subjectAltNames: [{ type: 'URI', uri: 'spiffe://example.com/app' }] },
  'uri-mismatch': { hostname: 'backend.example', subjectAltNames: [{ type: 'URI', uri: 'spiffe://example.com/' }] },
};

function service(name: string): object {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ports: [{ port: 80 }] } };
}

function policy(name: string, target: string, validation: object): object {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'BackendTLSPolicy',
    metadata: { name },
    spec: { targetRefs: [{ group: '', kind: 'Service', name: target }], validation },
  };
}

const CA = { caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'ca' }] };
const MISSING = { caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'nowhere' }] };
const NAMES = [...Object.keys(CASES), 'system', 'missing', 'conflict', 'grpc'];

function served(...authorities: Authority[]): string {
  return manifests(
    [],
    ...NAMES.map(service),
    ...Object.entries(CASES).map(([name, validation]) => policy(name, name, { ...CA, ...validation })),
    policy('system', 'system', { wellKnownCACertificates: 'System', hostname: 'backend.example' }),
    policy('missing', 'missing', { ...MISSING, hostname: 'backend.example' }),
    policy('a-first', 'conflict', { ...CA, hostname: 'backend.example' }),
    policy('b-second', 'conflict', { ...CA, hostname: 'elsewhere.example' }),
    policy('grpc', 'grpc', { ...CA, hostname: 'backend.example' }),
    caConfigMap('ca', ...authorities),
    tlsSecret('gateway', gatewayPair),
    httpRoute(
      'all',
      NAMES.filter((name) => name !== 'grpc').map((name) => ({
        matches: [{ path: { type: 'PathPrefix', value: `/${name}` } }],
        backendRefs: [{ name, port: 80 }],
      })),
      { hostnames: ['a.example'] },
    ),
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'GRPCRoute',
      metadata: { name: 'grpc' },
      spec: {
        parentRefs: [{ name: 'gw' }],
        hostnames: ['grpc.example'],
        rules: [{ matches: [{ method: { service: 'a.B' } }], backendRefs: [{ name: 'grpc', port: 80 }] }],
      },
    },
  ).replace(
    'listeners: []',
    `listeners: [{name: http, port: 80, protocol: HTTP}]\n  tls: {backend: {clientCertificateRef: {name: gateway}}}`,
  );
}

beforeAll(async () => {
  [ours, next, clientCa] = await Promise.all([Authority.make('ours'), Authority.make('next'), Authority.make('c')]);
  pairs = {
    ours: await ours.sign({ dns: ['backend.example'] }),
    next: await next.sign({ dns: ['backend.example'] }),
    uri: await ours.sign({ uris: ['spiffe://example.com/app'] }),
    other: await ours.sign({ dns: ['no-such.example'] }),
    named: await ours.sign({ name: 'backend.example', uris: ['spiffe://example.com/app'] }),
  };
  gatewayPair = await clientCa.sign({ name: 'the gateway' });
  presented = pairs.ours;
  const options: https.ServerOptions = {
    requestCert: true,
    rejectUnauthorized: false,
    ca: clientCa.certificate,
    keepAliveTimeout: 0,
    SNICallback: (_name, done) =>
      done(
        null,
        tls.createSecureContext({
          cert: presented.certificate,
          key: presented.privateKey,
          ca: clientCa.certificate,
        }),
      ),
  };
  const server = https.createServer(options, (request, response) => {
    const socket = request.socket as tls.TLSSocket & { servername: string };
    seen = {
      serverName: socket.servername,
      client: socket.authorized ? socket.getPeerX509Certificate()?.subject : undefined,
    };
    response.end('ok');
  });
  server.on('secureConnection', () => handshakes++);
  const h2 = http2.createSecureServer({ ...options, allowHTTP1: false }, (request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'application/grpc', 'grpc-status': '0' }).end();
  });
  servers.push(server, h2);
  port = await listening(server);
  h2Port = await listening(h2);
  rig = await serveManifests(served(ours), {
    endpoints: NAMES.map((name) => endpointsOf(name, name === 'grpc' ? h2Port : port)),
  });
});
afterAll(async () => {
  await rig.close();
  for (const server of servers) {
    server.closeAllConnections?.();
    server.close();
  }
});

async function listening(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

async function statusOf(name: string): Promise<number> {
  const client = await rawClient(rig.port());
  const [response] = await client.ask(`GET /${name} HTTP/1.1\r\nHost: a.example\r\n\r\n`);
  client.close();
  return response!.status;
}

describe('a policy', () => {
  test('with its CA makes requests go over TLS, with its hostname as server name', async () => {
    expect(await statusOf('good')).toBe(200);
    expect(seen.serverName).toBe('backend.example');
  });

  test('shows the client certificate of the Gateway', async () => {
    expect(await statusOf('good')).toBe(200);
    expect(seen.client).toBe('CN=the gateway');
  });

  test.each([
    ['another hostname than the certificate’s', 'mismatch'],
    ['another subjectAltName', 'san-mismatch'],
    ['another URI', 'uri-mismatch'],
    ['roots of the machine that do not know the CA', 'system'],
  ])('with %s fails requests, and says that it is TLS', async (_what, name) => {
    expect(await statusOf(name)).toBe(502);
    expect(rig.accesses.at(-1)).toMatchObject({ status: 502, reason: 'tls_failed' });
  });

  test('with a fitting subjectAltName does not ask for the hostname', async () => {
    expect(await statusOf('san')).toBe(200);
    expect(seen.serverName).toBe('elsewhere.example');
  });

  test('with a URI is met by a certificate that has it, and only by that', async () => {
    expect(await statusOf('uri')).toBe(502);
    presented = pairs.uri;
    await forgetEvictions();
    expect(await statusOf('uri')).toBe(200);
    presented = pairs.ours;
  });

  test('with a subjectAltName is not met by a certificate that has it as its common name', async () => {
    presented = pairs.named;
    expect(await statusOf('san-named')).toBe(502);
    expect(rig.accesses.at(-1)).toMatchObject({ status: 502, reason: 'tls_failed' });
    presented = pairs.ours;
  });

  test('is met whatever the environment says', async () => {
    const { NODE_TLS_REJECT_UNAUTHORIZED: before } = process.env;
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    try {
      for (const name of ['system', 'mismatch']) {
        expect(await statusOf(name)).toBe(502);
        expect(rig.accesses.at(-1)).toMatchObject({ status: 502, reason: 'tls_failed' });
      }
    } finally {
      if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
      else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
    }
  });

  test('without its CA makes the backend fail: nothing goes out in plain text', async () => {
    const before = handshakes;
    expect(await statusOf('missing')).toBe(500);
    expect(handshakes).toBe(before);
    expect(rig.accesses.at(-1)).toMatchObject({ status: 500, reason: 'backend_invalid' });
  });

  test('that comes first decides where two have the same target, and the other one says so', async () => {
    expect(await statusOf('conflict')).toBe(200);
    expect(seen.serverName).toBe('backend.example');
    const said = JSON.stringify(rig.report());
    expect(said).toContain('BackendTLSPolicy default/a-first, which comes first by name, has the same target');
  });
});

/** Another bundle makes the pools of its backends anew, and with them what is held against endpoints. */
async function forgetEvictions(): Promise<void> {
  await rig.write(served(ours, next));
}

test('a GRPCRoute’s backend is spoken to in HTTP/2 by ALPN', async () => {
  const session = http2.connect(`http://127.0.0.1:${rig.port()}`);
  const stream = session.request({
    ':path': '/a.B/C',
    ':authority': 'grpc.example',
    ':method': 'POST',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.end();
  const headers = await new Promise<http2.IncomingHttpHeaders>((resolve) => stream.once('response', resolve));
  expect(headers).toMatchObject({ ':status': 200, 'grpc-status': '0' });
  session.destroy();
});

test('CAs rotate without a request lost', async () => {
  await rig.write(served(ours));
  const statuses: number[] = [];
  let stop = false;
  const flow = Array.from({ length: 4 }, async () => {
    const client: RawClient = await rawClient(rig.port());
    while (!stop) {
      const [response] = await client.ask('GET /good HTTP/1.1\r\nHost: a.example\r\n\r\n');
      statuses.push(response!.status);
    }
    client.close();
  });
  await rig.write(served(ours, next));
  presented = pairs.next;
  await rig.write(served(next));
  const before = handshakes;
  await expect.poll(() => statuses.length).toBeGreaterThan(100);
  stop = true;
  await Promise.all(flow);
  expect(new Set(statuses)).toEqual(new Set([200]));
  expect(handshakes).toBeGreaterThanOrEqual(before);
  presented = pairs.ours;
  await rig.write(served(ours));
});

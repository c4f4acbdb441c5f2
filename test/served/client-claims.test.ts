/** Lines by which gateways speak of clients: from a client they reach no backend, from a trusted hop they do. */
import http2 from 'node:http2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GATEWAY_FAMILIES, GATEWAY_LINES } from '../../src/proxy/http/h1/gateway-line.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { httpBackend, type TestBackend } from './raw-backend.ts';
import { type RawResponse, rawClient } from './raw-client.ts';
import { type Rig, serveManifests } from './rig.ts';

/** As issues, manuals and other gateways' advisories name them. */
const KNOWN = [
  ...['Forwarded', 'X-Real-IP', 'True-Client-IP', 'X-Client-IP', 'X-Cluster-Client-IP'],
  ...['X-Original-URL', 'X-Original-URI', 'X-Original-Host', 'X-Original-Method', 'X-Rewrite-URL'],
  ...['X-Forwarded-Prefix', 'X-Forwarded-Server', 'X-Forwarded-Scheme', 'X-Forwarded-User', 'X-Forwarded-Ssl'],
  ...['X-Forwarded-Client-Cert', 'X-Forwarded-Uri', 'X-Forwarded-Path', 'X-Forwarded-By', 'X-Forwarded-Email'],
  ...['X-Envoy-External-Address', 'X-Envoy-Original-Path', 'X-Envoy-Internal', 'X-Auth-Request-User', 'Proxy'],
  ...[
    'X-Originating-IP',
    'X-ProxyUser-Ip',
    'X-Appengine-User-Ip',
    'X-SSL',
    'Client-IP',
    'Fly-Client-IP',
    'X-WebAuth-User',
  ],
  ...['WL-Proxy-Client-Cert', 'WL-Proxy-SSL', '$WSRU', '$WSCC', '$WSIS', 'OAM_REMOTE_USER', 'SM_USER', 'iv-user'],
  ...['SSL-Client-S-DN', 'SSL_CLIENT_I_DN', 'X-SSL-CERT', 'X-SSL-Client-CN', 'X-Client-Cert-Present'],
  ...['X-MS-Client-Principal-Name', 'X-Remote-Group', 'X-ARR-ClientCert', 'CF-Visitor', 'Remote-User'],
];
const NAMES = [...KNOWN, ...GATEWAY_LINES, ...GATEWAY_FAMILIES.map((family) => `${family}anything`)];
const SPELLINGS = NAMES.flatMap((name) => [name, mixed(name), ...underscored(name)]);
const MARK = 'the client says so';
/** Lines that only look like them. */
const INNOCENT = [
  'X-Real-IPs',
  'X-Forwarde',
  'Forwarding',
  'X_Own',
  'X.Own',
  'X-Originals',
  'X-Envoys',
  'Proxys',
  'X-Ssls',
];

let plain: Rig;
let trusting: Rig;
let backend: TestBackend;

beforeAll(async () => {
  backend = await httpBackend((request, response) => {
    const { rawHeaders } = request;
    request.resume().on('end', () => {
      response.writeHead(200, ['X-Envoy-Upstream', '1', 'X-Original-Url', '/', 'Content-Type', 'application/json']);
      response.end(JSON.stringify({ rawHeaders, trailers: request.rawTrailers }));
    });
  });
  const set = [
    { name: 'X-Real-IP', value: 'from a filter' },
    { name: 'X-User', value: 'from a filter' },
  ];
  const prefix = (value: string) => ({ matches: [{ path: { type: 'PathPrefix', value } }] });
  const modifier = (requestHeaderModifier: object) => ({
    filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier }],
    ...backendRefs('one'),
  });
  const text = manifests(
    [HTTP],
    httpRoute('all', [
      { ...prefix('/set'), ...modifier({ set }) },
      { ...prefix('/single'), ...modifier({ set: [{ name: 'X-Forwarded-Proto', value: 'https' }] }) },
      { ...prefix('/remove'), ...modifier({ remove: ['X-User-Id', 'x_role'] }) },
      backendRefs('one'),
    ]),
    service('one'),
  );
  const endpoints = [endpointsOf('one', backend.port)];
  plain = await serveManifests(text, { endpoints });
  trusting = await serveManifests(text, { endpoints, trustedHops: ['127.0.0.0/8'] });
});
afterAll(async () => {
  await plain.close();
  await trusting.close();
  await backend.close();
});

type Line = [name: string, value: string];

function linesOf(body: string): Line[] {
  const { rawHeaders } = JSON.parse(body) as { rawHeaders: string[] };
  return rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), rawHeaders[i + 1]!] as Line] : []));
}

async function askRaw(rig: Rig, path: string, lines: string[]): Promise<RawResponse> {
  const client = await rawClient(rig.port());
  const [answer] = await client.ask([`GET ${path} HTTP/1.1`, 'Host: a.example', ...lines, '', ''].join('\r\n'));
  client.close();
  return answer!;
}

async function ask(rig: Rig, path: string, lines: string[]): Promise<Line[]> {
  return linesOf((await askRaw(rig, path, lines)).body);
}

async function askOverHttp2(rig: Rig, headers: Record<string, string>): Promise<Line[]> {
  const session = http2.connect(`http://127.0.0.1:${rig.port()}`);
  try {
    let body = '';
    const stream = session.request({ ':path': '/', ':authority': 'a.example', ...headers });
    for await (const chunk of stream.setEncoding('utf8')) body += chunk;
    return linesOf(body);
  } finally {
    session.destroy();
  }
}

/** A few at a time: a head has a limit of lines. */
function batches<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / 40) }, (_, i) => all.slice(i * 40, i * 40 + 40));
}

describe.each(batches(SPELLINGS))('%s and others', (...names) => {
  const lines = names.map((name) => `${name}: ${MARK}`);

  test('reach no backend from a client over HTTP/1.1', async () => {
    const seen = await ask(plain, '/', [...lines, ...INNOCENT.map((name) => `${name}: ${MARK}`)]);
    expect(seen.filter(([, value]) => value === MARK).map(([name]) => name)).toEqual(
      INNOCENT.map((name) => name.toLowerCase()),
    );
  });

  test('nor over HTTP/2, where a name comes from a table the second time', async () => {
    const headers = Object.fromEntries([...names, ...INNOCENT].map((name) => [name.toLowerCase(), MARK]));
    for (let i = 0; i < 2; i++) {
      const seen = await askOverHttp2(plain, headers);
      expect(seen.filter(([, value]) => value === MARK)).toHaveLength(INNOCENT.length);
    }
  });

  test('are kept from a trusted hop', async () => {
    const seen = await ask(trusting, '/', lines);
    expect(seen.filter(([, value]) => value === MARK)).toHaveLength(names.length);
    const over2 = await askOverHttp2(trusting, Object.fromEntries(names.map((name) => [name.toLowerCase(), MARK])));
    expect(new Set(over2.filter(([, value]) => value === MARK).map(([name]) => name))).toEqual(
      new Set(names.map((name) => name.toLowerCase())),
    );
  });
});

test.each([
  'X-Real-IP',
  'x-forwarded-prefix',
  'X_Original_URL',
  'Forwarded',
  'Remote_User',
  'Remote.User',
  'X.Forwarded-By',
])('a trailer %s is refused', async (name) => {
  const client = await rawClient(plain.port());
  const head = 'POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n';
  client.send(`${head}2\r\nok\r\n0\r\n${name}: ${MARK}\r\n\r\n`);
  const [answer] = await client.responses(1);
  client.close();
  expect(answer!.status).toBe(400);
});

test.each(['x-real-ip', 'x-forwarded-prefix', 'x_original_url', 'x.real.ip'])(
  'a trailer %s of HTTP/2 is refused',
  async (name) => {
    const session = http2.connect(`http://127.0.0.1:${plain.port()}`);
    const stream = session.request({ ':path': '/', ':authority': 'a.example', ':method': 'POST' }, {
      waitForTrailers: true,
    } as object);
    stream.on('wantTrailers', () => stream.sendTrailers({ [name]: MARK }));
    const code = await new Promise((resolve) => {
      stream.on('error', () => {}).on('close', () => resolve(stream.rstCode));
      stream.resume().end('ok');
    });
    session.destroy();
    expect(code).toBe(http2.constants.NGHTTP2_PROTOCOL_ERROR);
  },
);

test('what a filter sets stays, and is all that the backend sees under a name in any spelling', async () => {
  const lines = ['X-Real-IP', 'X_Real_IP', 'X.Real-IP', 'X-User', 'x_user', 'X_USER', 'X.User', 'x^user'].map(
    (name) => `${name}: ${MARK}`,
  );
  const seen = await ask(plain, '/set', lines);
  expect(seen.filter(([name]) => /x.(real|user)/.test(name))).toEqual([
    ['x-real-ip', 'from a filter'],
    ['x-user', 'from a filter'],
  ]);
  const removed = await ask(
    plain,
    '/remove',
    ['X-User-Id', 'x_user-id', 'X_USER_ID', 'X.User.Id', 'X-Role', 'X.Role'].map((name) => `${name}: ${MARK}`),
  );
  expect(removed.filter(([, value]) => value === MARK)).toEqual([]);
});

test('where a filter sets one X-Forwarded line, the others of a client are believed no more than before', async () => {
  const forged = [
    'X-Forwarded-For: 6.6.6.6',
    'X-Forwarded-Host: evil',
    'X-Forwarded-Port: 6',
    'X-Forwarded-Proto: evil',
  ];
  const seen = new Map(await ask(plain, '/single', [...forged, 'X-Request-Id: evil']));
  expect(Object.fromEntries(seen)).toMatchObject({
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-host': 'a.example',
    'x-forwarded-port': '80',
    'x-forwarded-proto': 'https',
  });
  expect(seen.get('x-request-id')).toMatch(/^[0-9a-f]{32}$/);
  const trusted = new Map(await ask(trusting, '/single', forged));
  expect(trusted.get('x-forwarded-for')).toBe('6.6.6.6, 127.0.0.1');
  expect(trusted.get('x-forwarded-proto')).toBe('https');
});

test('answers keep such lines: they are the backend own', async () => {
  const { headers } = await askRaw(plain, '/', []);
  expect(headers.get('x-envoy-upstream')).toBe('1');
  expect(headers.get('x-original-url')).toBe('/');
});

function mixed(name: string): string {
  return [...name].map((c, i) => (i % 2 === 0 ? c.toLowerCase() : c.toUpperCase())).join('');
}

function underscored(name: string): string[] {
  if (!name.includes('-')) return [];
  // PHP folds '.', and lighttpd all marks.
  const others = [name.replaceAll('-', '.'), mixed(name).replace('-', '~')];
  return [
    ...new Set([name.replaceAll('-', '_'), mixed(name).replace('-', '_'), name.replace(/-([^-]*)$/, '_$1'), ...others]),
  ];
}

describe('a line that a filter sets or removes is dropped from the trailers, too', () => {
  const trailers = ['X-User: me', 'x_user: me', 'x.user: me', 'X-User-Id: me', 'X-Other: mine'];

  async function seenBehind(path: string): Promise<string[]> {
    const client = await rawClient(plain.port());
    const head = [`POST ${path} HTTP/1.1`, 'Host: a.example', 'Transfer-Encoding: chunked', '', '3', 'abc', '0'];
    const [answer] = await client.ask([...head, ...trailers, '', ''].join('\r\n'));
    client.close();
    return (JSON.parse(answer!.body) as { trailers: string[] }).trailers.filter((_, i) => i % 2 === 0);
  }

  test.each([
    ['/', ['X-User', 'x_user', 'x.user', 'X-User-Id', 'X-Other']],
    ['/set', ['X-User-Id', 'X-Other']],
    ['/remove', ['X-User', 'x_user', 'x.user', 'X-Other']],
  ])('of requests to %s', async (path, left) => {
    expect(await seenBehind(path)).toEqual(left);
  });

  test('of requests over HTTP/2', async () => {
    const session = http2.connect(`http://127.0.0.1:${plain.port()}`);
    const headers = { ':method': 'POST', ':path': '/set', ':authority': 'a.example' };
    const stream = session.request(headers, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-user': 'me', 'x-other': 'mine' }));
    stream.end('abc');
    let body = '';
    for await (const chunk of stream.setEncoding('utf8')) body += chunk;
    session.destroy();
    expect((JSON.parse(body) as { trailers: string[] }).trailers).toEqual(['x-other', 'mine']);
  });
});

test.each([
  ['HTTP/1.1', () => ask(plain, '/', [])],
  ['HTTP/2', () => askOverHttp2(plain, {})],
])('X-Forwarded-Proto of a client without TLS is http, over %s', async (_name, asked) => {
  expect((await asked()).filter(([name]) => name === 'x-forwarded-proto')).toEqual([['x-forwarded-proto', 'http']]);
});

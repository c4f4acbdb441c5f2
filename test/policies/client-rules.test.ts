/** What a ClientTrafficPolicy, and an AccessPolicy of a route, say of requests: over HTTP/1.1 and HTTP/2. */
import http2 from 'node:http2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service, tlsSecret } from '../served/manifest.ts';
import { httpBackend, type TestBackend } from '../served/raw-backend.ts';
import { rawClient, rawTlsClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority, type Pair } from '../tls/authority.ts';
import { slice } from './pods.ts';
import { clientTraffic, requestPolicy } from './policy.ts';

let rig: Rig;
let pair: Pair;
let backend: TestBackend;
let written = '';

beforeAll(async () => {
  pair = await (await Authority.make('clients')).sign({ dns: ['a.example'] });
  // It says what it got: method, bytes, and lines of the head.
  backend = await httpBackend((request, response) => {
    let bytes = 0;
    if (request.url === '/kept') response.setHeader('cache-control', 'max-age=100');
    request.on('data', (piece: Buffer) => {
      bytes += piece.length;
    });
    request.on('end', () => response.end(JSON.stringify({ bytes, headers: request.headers })));
  });
  written = site({});
  rig = await serveManifests(written, { ports: [80, 443] });
});
afterAll(async () => {
  await rig.close();
  await backend.close();
});

const HTTPS = { name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'a' }] } };

function site(spec: object, ...more: object[]): string {
  const policies = Object.keys(spec).length === 0 ? [] : [clientTraffic('clients', spec)];
  const rules = [
    { matches: [{ path: { type: 'PathPrefix', value: '/small' } }], ...backendRefs('s'), name: 'small' },
    { matches: [{ headers: [{ name: 'x_role', value: 'admin' }] }], ...backendRefs('nowhere') },
    backendRefs('s'),
  ];
  const slices = slice('s', { name: 'x', port: backend.port, close() {} });
  return manifests(
    [HTTP, HTTPS],
    httpRoute('r', rules),
    service('s'),
    service('nowhere'),
    slices,
    tlsSecret('a', pair),
    ...policies,
    ...more,
  );
}

async function put(text: string): Promise<void> {
  if (text !== written) await rig.write(text);
  written = text;
}

interface Answer {
  status: number;
  bytes: number;
  headers: Record<string, string>;
  told: Map<string, string>;
}

async function ask(lines: string, { body = '', path = '/', secure = false } = {}): Promise<Answer> {
  const client = secure ? await rawTlsClient(rig.port(443), { servername: 'a.example' }) : await rawClient(rig.port());
  const [response] = await client.ask(`POST ${path} HTTP/1.1\r\nHost: a.example\r\n${lines}\r\n${body}`);
  client.close();
  const { status } = response!;
  const seen = status === 200 ? JSON.parse(String(response!.body)) : { bytes: -1, headers: {} };
  return { status, ...seen, told: response!.headers };
}

const sized = (size: number): [string, { body: string }] => [`Content-Length: ${size}\r\n`, { body: 'x'.repeat(size) }];
const chunked = (size: number): [string, { body: string }] => [
  'Transfer-Encoding: chunked\r\n',
  { body: `${(size - 1).toString(16)}\r\n${'x'.repeat(size - 1)}\r\n1\r\nx\r\n0\r\n\r\n` },
];

/** How many bodies an AccessPolicy refused. */
function tooLarge(name: string): number | undefined {
  const counted = rig.proxy.metrics().find((family) => family.name === 'daemun_policy_decisions_total')!;
  return counted.series.find(({ labels }) => labels.policy === `AccessPolicy/default/${name}`)?.value;
}

/** Status of a POST over HTTP/2, with a length or without. */
function askH2(size: number, path = '/', told = true): Promise<number> {
  return new Promise((resolve, reject) => {
    const session = http2.connect(`https://127.0.0.1:${rig.port(443)}`, {
      servername: 'a.example',
      rejectUnauthorized: false,
    });
    const length = told ? { 'content-length': String(size) } : {};
    const stream = session.request({ ':method': 'POST', ':path': path, ':authority': 'a.example', ...length });
    stream.on('response', (head) => {
      resolve(Number(head[':status']));
      session.destroy();
    });
    stream.on('error', () => {});
    session.on('error', reject);
    stream.end(Buffer.alloc(size));
  });
}

describe('the body', () => {
  test.each([
    ['of a listener', () => site({ body: { maxBytes: 1024 } }), '/'],
    [
      'of a rule',
      () =>
        site(
          {},
          requestPolicy(
            'AccessPolicy',
            'size',
            { kind: 'HTTPRoute', name: 'r', sectionName: 'small' },
            { maxBodyBytes: 1024 },
          ),
        ),
      '/small',
    ],
  ])('may be as long as that, and no longer: %s', async (_, text, path) => {
    await put(text());
    for (const [size, status] of [
      [1024, 200],
      [1025, 413],
    ] as const) {
      for (const body of [sized(size), chunked(size)]) {
        const answer = await ask(body[0], { ...body[1], path });
        expect([size, answer.status]).toEqual([size, status]);
        if (status === 200) expect(answer.bytes).toBe(size);
      }
      expect(await askH2(size, path)).toBe(status);
      expect(await askH2(size, path, false)).toBe(status);
    }
    if (path !== '/') expect((await ask(...sized(5_000))).status).toBe(200);
  });

  test('of several limits the least counts', async () => {
    const rule = requestPolicy('AccessPolicy', 'size', { kind: 'HTTPRoute', name: 'r' }, { maxBodyBytes: 2_000 });
    await put(site({ body: { maxBytes: 1_000 } }, rule));
    expect((await ask(...sized(1_500))).status).toBe(413);
    await put(site({ body: { maxBytes: 9_000 } }, rule));
    expect((await ask(...chunked(1_500))).status).toBe(200);
    expect((await ask(...chunked(3_000))).status).toBe(413);
  });

  test('that turns out longer is told as one that says so: by whom, and counted', async () => {
    const rule = requestPolicy('AccessPolicy', 'told', { kind: 'HTTPRoute', name: 'r' }, { maxBodyBytes: 2_000 });
    await put(site({ body: { maxBytes: 4_000 } }, rule));
    const told = { status: 413, reason: 'body_too_large', policy: 'AccessPolicy/default/told#maxBodyBytes' };
    const asking = [() => ask(...sized(3_000)), () => ask(...chunked(3_000)), () => askH2(3_000, '/', false)];
    for (const [before, one] of asking.entries()) {
      rig.accesses.length = 0;
      await one();
      await expect.poll(() => rig.accesses).toMatchObject([{ ...told, decision: 'denied' }]);
      expect(tooLarge('told')).toBe(before + 1);
    }
    // Where the listener's own limit is less, the policy has decided nothing.
    await put(site({ body: { maxBytes: 1_000 } }, rule));
    rig.accesses.length = 0;
    expect((await ask(...chunked(3_000))).status).toBe(413);
    expect(rig.accesses).toMatchObject([{ ...told, policy: '', decision: '' }]);
    expect(tooLarge('told')).toBe(3);
  });

  test('that does not go on is refused, and one that does may take its time', async () => {
    await put(site({ body: { timeout: '400ms' } }));
    const client = await rawClient(rig.port());
    const head = 'POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\n1';
    const [late] = await client.ask(head);
    expect(late!.status).toBe(408);
    client.close();
    const slow = await rawClient(rig.port());
    slow.send(head);
    const began = performance.now();
    for (const [at, piece] of [
      [200, '2'],
      [400, '3'],
      [600, '4'],
    ] as const) {
      await expect.poll(() => performance.now() - began, { interval: 20 }).toBeGreaterThan(at);
      slow.send(piece);
    }
    const [response] = await slow.responses(1);
    expect(response!.status).toBe(200);
    slow.close();
  });
});

describe("lines with a '_'", () => {
  const LINES = 'X_Role: admin\r\nX-Fine: 1\r\nContent-Length: 0\r\n';

  test('are passed on where nothing is said', async () => {
    await put(site({}));
    expect((await ask('Y_Role: a\r\nContent-Length: 0\r\n')).headers).toMatchObject({ y_role: 'a' });
  });

  test('Drop: nobody sees them, not even a match', async () => {
    await put(site({ headers: { underscores: 'Drop' } }));
    const { status, headers } = await ask(`X.Role: admin\r\nX~Role: admin\r\n${LINES}`);
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'x-fine': '1' });
    expect(Object.keys(headers).filter((name) => /role/i.test(name))).toEqual([]);
  });

  test.each([
    { headers: { underscores: 'Reject' } },
    { headers: { maxLines: 50 }, headersWithUnderscores: 'Reject' },
    { headersWithUnderscores: 'Reject' },
  ])('%j', async (spec) => {
    await put(site(spec));
    expect((await ask(LINES)).status).toBe(400);
    expect((await ask('X.Role: admin\r\nContent-Length: 0\r\n')).status).toBe(400);
    expect((await ask('X-Fine: 1\r\nContent-Length: 0\r\n')).status).toBe(200);
  });
});

describe('the request id', () => {
  const NONE = 'Content-Length: 0\r\n';

  test('of a client is kept only where the policy says so, and only one that can be sent', async () => {
    await put(site({}));
    expect((await ask(`X-Request-Id: mine\r\n${NONE}`)).headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
    await put(site({ requestId: { keep: true } }));
    expect((await ask(`X-Request-Id: mine\r\n${NONE}`)).headers['x-request-id']).toBe('mine');
    expect((await ask(NONE)).headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
    expect((await ask(`X-Request-Id: ${'x'.repeat(200)}\r\n${NONE}`)).headers['x-request-id']).toMatch(
      /^[0-9a-f]{32}$/,
    );
    expect((await ask(`X-Request-Id: mine\r\nX-Forwarded-For: 9.9.9.9\r\n${NONE}`)).headers['x-forwarded-for']).toBe(
      '127.0.0.1',
    );
  });

  test('goes in no line that frames messages', async () => {
    await put(site({ requestId: { header: 'Content-Length' } }));
    expect((await ask(...sized(3))).bytes).toBe(3);
    const told = rig.report().diagnostics.filter(({ object }) => object.startsWith('ClientTrafficPolicy/'));
    expect(told.map(({ field }) => field)).toEqual(['spec.requestId.header']);
  });

  test('goes in a line of its own, too', async () => {
    await put(site({ requestId: { header: 'X-Trace', keep: true } }));
    const { headers } = await ask(`X-Trace: abc\r\n${NONE}`);
    expect([headers['x-trace'], headers['x-request-id']]).toEqual(['abc', 'abc']);
    await put(site({ requestId: { header: 'X-Trace' } }));
    const made = (await ask(`X-Trace: abc\r\n${NONE}`)).headers;
    expect(made['x-trace']).toMatch(/^[0-9a-f]{32}$/);
    expect(made['x-request-id']).toBe(made['x-trace']);
  });
});

test('HSTS: in every answer over TLS, the gateway’s own included, and in none without', async () => {
  await put(site({ hsts: { includeSubdomains: true } }));
  const none = 'Content-Length: 0\r\n';
  expect((await ask(none, { secure: true })).told.get('strict-transport-security')).toBe(
    'max-age=31536000; includeSubDomains',
  );
  expect((await ask('Host: a.example\r\nContent-Length: 0\r\n', { secure: true })).status).toBe(400);
  expect((await ask(`X_Role: admin\r\n${none}`, { secure: true })).told.get('strict-transport-security')).toBe(
    'max-age=31536000; includeSubDomains',
  );
  expect((await ask(none)).told.has('strict-transport-security')).toBe(false);
  await put(site({ hsts: { maxAgeSeconds: 60, preload: true } }));
  expect((await ask(none, { secure: true })).told.get('strict-transport-security')).toBe('max-age=60; preload');
});

test('HSTS: in answers that were kept, too', async () => {
  const keeps = requestPolicy('ResponsePolicy', 'keeps', { kind: 'HTTPRoute', name: 'r' }, { cache: {} });
  await put(site({ hsts: {} }, keeps));
  for (const status of ['daemun; fwd=uri-miss; stored', 'daemun; hit; ttl=']) {
    const client = await rawTlsClient(rig.port(443), { servername: 'a.example' });
    const [answer] = await client.ask('GET /kept HTTP/1.1\r\nHost: a.example\r\n\r\n');
    client.close();
    expect(answer!.headers.get('cache-status')).toContain(status);
    expect(answer!.headers.get('strict-transport-security')).toBe('max-age=31536000');
  }
});

describe('the client’s address', () => {
  const from = async (lines: string): Promise<string> => {
    const { headers } = await ask(`${lines}Content-Length: 0\r\n`);
    expect(rig.accesses.at(-1)!.client).toBeDefined();
    return `${rig.accesses.at(-1)!.client} ${headers['x-forwarded-for']}`;
  };

  test.each<[object, string, string]>([
    [{ trustedSources: ['10.0.0.0/8'] }, 'X-Forwarded-For: 1.1.1.1\r\n', '127.0.0.1 127.0.0.1'],
    [
      { trustedSources: ['127.0.0.0/8'] },
      'X-Forwarded-For: 1.1.1.1, 2.2.2.2\r\n',
      '2.2.2.2 1.1.1.1, 2.2.2.2, 127.0.0.1',
    ],
    [
      { trustedSources: ['127.0.0.0/8', '2.2.2.0/24'] },
      'X-Forwarded-For: 1.1.1.1, 2.2.2.2\r\n',
      '1.1.1.1 1.1.1.1, 2.2.2.2, 127.0.0.1',
    ],
    [
      { trustedSources: ['127.0.0.0/8'], hops: 2 },
      'X-Forwarded-For: 9.9.9.9, 1.1.1.1, 2.2.2.2\r\n',
      '1.1.1.1 9.9.9.9, 1.1.1.1, 2.2.2.2, 127.0.0.1',
    ],
    [{ trustedSources: ['127.0.0.0/8'], hops: 2 }, 'X-Forwarded-For: 2.2.2.2\r\n', '127.0.0.1 127.0.0.1'],
    [
      { trustedSources: ['127.0.0.0/8'], header: 'X-Real-IP' },
      'X-Real-IP: 3.3.3.3\r\nX-Forwarded-For: 1.1.1.1\r\n',
      '3.3.3.3 1.1.1.1, 127.0.0.1',
    ],
    [{ trustedSources: ['127.0.0.0/8'], header: 'X-Real-IP' }, 'X-Real-IP: nonsense\r\n', '127.0.0.1 127.0.0.1'],
    [{ trustedSources: ['10.0.0.0/8'], header: 'X-Real-IP' }, 'X-Real-IP: 3.3.3.3\r\n', '127.0.0.1 127.0.0.1'],
  ])('%j, %j: %s', async (clientAddress, lines, told) => {
    await put(site({ clientAddress }));
    expect(await from(lines)).toBe(told);
  });

  test('is what policies judge', async () => {
    const rule = requestPolicy(
      'AccessPolicy',
      'deny',
      { kind: 'HTTPRoute', name: 'r' },
      { deny: [{ addresses: ['1.1.1.0/24'] }] },
    );
    await put(site({ clientAddress: { trustedSources: ['127.0.0.1/32'], hops: 1 } }, rule));
    expect((await ask('X-Forwarded-For: 1.1.1.1\r\nContent-Length: 0\r\n')).status).toBe(403);
    expect((await ask('X-Forwarded-For: 2.1.1.1\r\nContent-Length: 0\r\n')).status).toBe(200);
  });
});

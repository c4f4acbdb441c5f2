/** ResponsePolicy and FaultPolicy over real sockets. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import {
  brotliDecompressSync,
  createBrotliDecompress,
  createGunzip,
  createZstdDecompress,
  gunzipSync,
  zstdDecompressSync,
} from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { secret } from './authentication-asker.ts';
import { type PolicyAim, requestPolicy } from './policy.ts';

const ROUTE: PolicyAim = { kind: 'HTTPRoute', name: 'a' };
const GATEWAY: PolicyAim = { kind: 'Gateway', name: 'gw' };
const TEXT = 'the quick brown fox jumps over the lazy dog. '.repeat(2_000);
/** What is compressed at once. */
const PAGE = TEXT.slice(0, 30_000);

function site(...policies: object[]): string {
  const route = httpRoute('a', [backendRefs('web')], { hostnames: ['a.example'] });
  return manifests([HTTP], route, httpRoute('b', [backendRefs('web')]), service('web'), ...policies);
}

const response = (spec: object, aim = ROUTE, name = 'answers'): object =>
  requestPolicy('ResponsePolicy', name, aim, spec);

let origin: http.Server;
/** The answer to /pieces, whose body each test sends. */
let pieces: http.ServerResponse;
let rig: Rig;
beforeAll(async () => {
  origin = http.createServer(({ url = '' }, answer) => {
    const [, status = '200'] = /^\/(\d+)/.exec(url) ?? [];
    if (url === '/text' || url === '/page') {
      const text = url === '/page' ? PAGE : TEXT;
      answer.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', etag: '"v1"', 'accept-ranges': 'bytes' });
      for (let at = 0; at < text.length; at += 10_000) answer.write(text.slice(at, at + 10_000));
      answer.end();
      return;
    }
    if (url === '/pieces') {
      pieces = answer.writeHead(200, { 'content-type': 'text/plain' });
      pieces.flushHeaders();
      return;
    }
    const headers: Record<string, string | string[]> = {
      'content-type': url === '/image' ? 'image/png' : 'text/plain',
      'x-frame-options': 'ALLOWALL',
      location: 'http://inner.example/next',
      'set-cookie': ['a=1; Domain=inner.example; Path=/in/x; HttpOnly', 'b=2; Path=/other; Domain=.else.example'],
    };
    if (url === '/blanks') headers['set-cookie'] = [`a=1; Path=/in${' '.repeat(60_000)}x`];
    if (url === '/attributes') headers['set-cookie'] = [`a=1${'; Path=/in'.repeat(1_000)}`];
    if (url === '/varied') headers.vary = ['Accept', 'X-Mode'];
    if (url === '/once') headers['content-encoding'] = 'br';
    const body = url === '/small' ? 'few' : TEXT;
    headers['content-length'] = String(body.length);
    answer.writeHead(Number(status), headers).end(body);
  });
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  const { port } = origin.address() as AddressInfo;
  rig = await serveManifests(site(), { endpoints: [endpointsOf('web', port)], trustedHops: ['127.0.0.1/32'] });
});
afterAll(async () => {
  await rig.close();
  origin.closeAllConnections();
  origin.close();
});

async function ask(path = '/', headers: Record<string, string> = {}) {
  const at = { port: rig.port(), host: '127.0.0.1', maxHeaderSize: 128 * 1024 };
  const call = http.request({ ...at, path, headers: { host: 'a.example', ...headers } });
  call.end();
  const [answer] = (await once(call, 'response')) as [http.IncomingMessage];
  const { statusCode: status, headers: told, rawHeaders } = answer;
  return { status, headers: told, rawHeaders, body: await buffer(answer) };
}

/** Values of all lines of a name. */
function linesOf({ rawHeaders }: { rawHeaders: string[] }, name: string): string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]!.toLowerCase() === name);
}

describe('a ResponsePolicy', () => {
  test('sets security headers on every answer, refusals included', async () => {
    const lines = { frameOptions: 'DENY', contentTypeOptions: 'nosniff', referrerPolicy: 'no-referrer' };
    const closed = requestPolicy('AccessPolicy', 'closed', ROUTE, { deny: [{ paths: [{ value: '/closed' }] }] });
    await rig.write(site(response({ securityHeaders: lines }), closed));
    for (const path of ['/', '/closed']) {
      expect((await ask(path)).headers).toMatchObject({
        'x-frame-options': 'DENY',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
      });
    }
    expect((await ask('/closed')).status).toBe(403);
  });

  test('has pages for errors, of backends and of the gateway, with the status as it was', async () => {
    const errorPages = [{ codes: [404, 503], body: '<h1>Sorry</h1>' }];
    await rig.write(site(response({ errorPages }, GATEWAY)));
    const page = await ask('/404');
    expect([page.status, page.headers['content-type'], String(page.body)]).toEqual([
      404,
      'text/html; charset=utf-8',
      '<h1>Sorry</h1>',
    ]);
    expect([(await ask('/500')).body.length, (await ask('/200')).status]).toEqual([TEXT.length, 200]);
  });

  test('leaves beside a page what the answer says about the request', async () => {
    const errorPages = [{ codes: [401, 404, 429], body: '<h1>Sorry</h1>' }];
    const users = secret('users', { auth: `ann:{SHA}${createHash('sha1').update('sesame').digest('base64')}` });
    const basic = { methods: [{ basic: { secretRef: { name: 'users' }, realm: 'Shop' } }] };
    const asks = requestPolicy('AuthenticationPolicy', 'asks', ROUTE, basic);
    await rig.write(site(response({ errorPages }, GATEWAY), asks, users));
    const refused = await ask();
    expect([refused.status, String(refused.body)]).toEqual([401, '<h1>Sorry</h1>']);
    expect(refused.headers).toMatchObject({
      'www-authenticate': 'Basic realm="Shop"',
      'content-type': 'text/html; charset=utf-8',
    });
    expect(refused.headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
    const digest = { digest: { secretRef: { name: 'digests' } } };
    const hashes = secret('digests', { auth: `u:Shop:${'0'.repeat(32)}` });
    const any = { require: 'Any', methods: [digest, ...basic.methods] };
    const either = requestPolicy('AuthenticationPolicy', 'asks', ROUTE, any);
    await rig.write(site(response({ errorPages }, GATEWAY), either, users, hashes));
    const ways = linesOf(await ask(), 'www-authenticate').map((line) => line.split(' ')[0]);
    expect(ways).toEqual(['Digest', 'Basic']);

    const limits = [{ name: 'few', requests: 1, per: 'Hour', key: [{ type: 'ClientAddress' }] }];
    await rig.write(
      site(response({ errorPages }, GATEWAY), requestPolicy('RateLimitPolicy', 'few', ROUTE, { limits })),
    );
    const first = await ask('/404');
    expect([first.status, first.headers.ratelimit, first.headers['set-cookie']]).toEqual([
      404,
      expect.anything(),
      undefined,
    ]);
    for (const name of ['ratelimit', 'ratelimit-policy', 'content-type']) expect(linesOf(first, name)).toHaveLength(1);
    const second = await ask('/');
    for (const name of ['ratelimit', 'retry-after', 'x-request-id']) expect(linesOf(second, name)).toHaveLength(1);
    expect([second.status, String(second.body)]).toEqual([429, '<h1>Sorry</h1>']);
    expect(second.headers).toMatchObject({ 'retry-after': expect.anything(), 'ratelimit-policy': '"few";q=1;w=3600' });
  });

  test('answers by itself, and keeps a house that is under repair open for some', async () => {
    await rig.write(site(response({ directResponse: { statusCode: 410, body: 'gone' } })));
    expect(await ask()).toMatchObject({ status: 410, body: Buffer.from('gone') });
    expect((await ask('/', { host: 'b.example' })).status).toBe(200);
    await rig.write(site(response({ maintenance: { retryAfterSeconds: 60, exempt: ['192.0.2.0/24'] } }, GATEWAY)));
    expect(await ask()).toMatchObject({ status: 503, headers: { 'retry-after': '60' } });
    expect((await ask('/', { 'x-forwarded-for': '192.0.2.1' })).status).toBe(200);
  });

  test('rewrites cookies and locations as nginx does', async () => {
    await rig.write(
      site(
        response({
          cookieDomains: [{ from: 'inner.example', to: 'shop.example' }],
          cookiePaths: [{ from: '/in/', to: '/' }],
          locations: [{ from: 'http://inner.example/', to: 'https://shop.example/' }],
        }),
      ),
    );
    const { headers } = await ask();
    expect(headers['set-cookie']).toEqual([
      'a=1; Domain=shop.example; Path=/x; HttpOnly',
      'b=2; Path=/other; Domain=.else.example',
    ]);
    expect(headers.location).toBe('https://shop.example/next');
  });

  test('a backend holds up nobody with cookies that are made to be long to read, or to become long', async () => {
    await rig.write(site(response({ cookiePaths: [{ from: '/in', to: `/${'x'.repeat(4_000)}` }] }, ROUTE, 'long')));
    const before = performance.now();
    const blanks = await ask('/blanks');
    expect(performance.now() - before).toBeLessThan(2_000);
    expect(blanks.headers['set-cookie']?.[0]).toMatch(/^a=1; Path=\/x{4000} +x$/);
    const attributes = await ask('/attributes');
    expect(attributes.headers['set-cookie']).toEqual([`a=1${'; Path=/in'.repeat(1_000)}`]);
  });

  test.each<[string, object]>([
    ['a media type', { directResponse: { statusCode: 200, contentType: 'text/html\r\nX-More: 1', body: 'x' } }],
    ['the type of a page', { errorPages: [{ codes: [404], contentType: 'text/html\r\nX-More: 1', body: 'x' }] }],
    ['a location', { locations: [{ from: 'http://', to: 'https://x/\r\nX-More: 1\r\n\r\n' }] }],
    ['the path of a cookie', { cookiePaths: [{ from: '/', to: '/\r\nX-More: 1' }] }],
    ['the domain of a cookie', { cookieDomains: [{ from: 'inner.example', to: 'x\nX-More: 1' }] }],
    ['a security header', { securityHeaders: { referrerPolicy: 'origin\r\nX-More: 1' } }],
  ])('writes no second line where %s should have one', async (what, spec) => {
    const name = what.replaceAll(' ', '-');
    // Something is changed in any case, so that it is known when all of it is served.
    const other = httpRoute(name, [backendRefs('web')], { hostnames: ['other.example'] });
    await rig.write(site(response(spec, ROUTE, name), other));
    for (const path of ['/', '/404']) expect((await ask(path)).headers['x-more']).toBeUndefined();
    expect(rig.report().diagnostics.filter(({ severity }) => severity === 'error')).toHaveLength(1);
  });

  test.each([
    ['gzip', gunzipSync],
    ['br', brotliDecompressSync],
    ['zstd', zstdDecompressSync],
  ])('compresses with %s', async (algorithm, decompress) => {
    await rig.write(site(response({ compression: {} }, ROUTE, `small-${algorithm}`)));
    const { headers, body } = await ask('/text', { 'accept-encoding': algorithm });
    expect(headers).toMatchObject({ 'content-encoding': algorithm, vary: 'Accept-Encoding', etag: 'W/"v1"' });
    expect([headers['content-length'], headers['accept-ranges']]).toEqual([undefined, undefined]);
    expect(body.length).toBeLessThan(TEXT.length / 10);
    expect(String(decompress(body))).toBe(TEXT);
    const page = await ask('/page', { 'accept-encoding': algorithm });
    expect(page.headers).toMatchObject({ 'content-encoding': algorithm, etag: 'W/"v1"' });
    expect(page.body.length).toBeLessThan(PAGE.length / 10);
    expect(String(decompress(page.body))).toBe(PAGE);
  });

  test.each([
    ['gzip', createGunzip],
    ['br', createBrotliDecompress],
    ['zstd', createZstdDecompress],
  ])('passes on in pieces what comes in pieces, compressed with %s', async (algorithm, decompress) => {
    await rig.write(site(response({ compression: {} }, ROUTE, `pieces-${algorithm}`)));
    const headers = { host: 'a.example', 'accept-encoding': algorithm };
    const request = http.get({ host: '127.0.0.1', port: rig.port(), path: '/pieces', headers, agent: false });
    const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
    expect(answer.headers['content-encoding']).toBe(algorithm);
    const text = answer.pipe(decompress()).setEncoding('utf8');
    let [sent, got] = ['', ''];
    text.on('data', (some: string) => (got += some));
    for (const piece of ['one line\n', 'another\n', `${PAGE}\n`, 'and the last\n']) {
      sent += piece;
      pieces.write(piece);
      while (got.length < sent.length) await once(text, 'data');
      expect(got).toBe(sent);
    }
    pieces.end();
    await once(text, 'end');
  });

  test('takes requests out of the access log, refusals too, and a nearer one puts them back', async () => {
    const closed = requestPolicy('AccessPolicy', 'closed', ROUTE, { deny: [{ paths: [{ value: '/closed' }] }] });
    const logged = async (path: string): Promise<number> => {
      const before = rig.accesses.length;
      await ask(path);
      return rig.accesses.length - before;
    };
    await rig.write(site(closed, response({ compression: {} })));
    expect([await logged('/small'), await logged('/closed')]).toEqual([1, 1]);
    await rig.write(site(closed, response({ accessLog: 'Disabled' }, GATEWAY, 'outer')));
    expect([await logged('/small'), await logged('/closed')]).toEqual([0, 0]);
    await rig.write(
      site(closed, response({ accessLog: 'Disabled' }, GATEWAY, 'outer'), response({ accessLog: 'Enabled' })),
    );
    expect([await logged('/small'), await logged('/closed')]).toEqual([1, 1]);
    const kept = response({ overrides: { accessLog: 'Disabled' } }, GATEWAY, 'outer');
    await rig.write(site(closed, kept, response({ accessLog: 'Enabled' })));
    expect(await logged('/small')).toBe(0);
  });

  test('has one line of Vary, whoever said some of it before', async () => {
    const cors = { type: 'CORS', cors: { allowOrigins: ['https://shop.example'] } };
    const route = httpRoute('c', [{ filters: [cors], ...backendRefs('web') }], { hostnames: ['c.example'] });
    await rig.write(site(response({ compression: {} }, { kind: 'HTTPRoute', name: 'c' }, 'varied'), route));
    const given = { host: 'c.example', origin: 'https://shop.example', 'accept-encoding': 'gzip' };
    const { rawHeaders } = await ask('/varied', given);
    const lines = rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]!.toLowerCase() === 'vary');
    expect(lines).toEqual(['Accept, X-Mode, Origin, Accept-Encoding']);
  });

  test('compresses nothing twice, nothing small, no images, and for nobody who does not ask', async () => {
    await rig.write(site(response({ compression: {} }, ROUTE, 'seldom')));
    const accept = { 'accept-encoding': 'gzip' };
    for (const [path, headers] of [
      ['/once', accept],
      ['/image', accept],
      ['/small', accept],
    ] as const) {
      expect((await ask(path, headers)).headers['content-encoding'], path).not.toBe('gzip');
    }
    const others: Array<Record<string, string>> = [
      {},
      { 'accept-encoding': 'gzip;q=0' },
      { 'accept-encoding': 'identity, gzip;q=0.5' },
    ];
    for (const given of others) {
      const { headers, body } = await ask('/text', given);
      expect([headers['content-encoding'], headers.vary, body.length]).toEqual([
        undefined,
        'Accept-Encoding',
        TEXT.length,
      ]);
    }
    expect((await ask('/text', { 'accept-encoding': '*' })).headers['content-encoding']).toBe('zstd');
  });

  test('is inherited setting by setting', async () => {
    const gateway = { securityHeaders: { frameOptions: 'DENY' }, errorPages: [{ codes: [404], body: 'outer' }] };
    await rig.write(
      site(response(gateway, GATEWAY, 'all'), response({ errorPages: [{ codes: [404], body: 'inner' }] })),
    );
    const page = await ask('/404');
    expect([String(page.body), page.headers['x-frame-options']]).toEqual(['inner', 'DENY']);
  });
});

describe('a FaultPolicy', () => {
  const fault = (spec: object): object => requestPolicy('FaultPolicy', 'trouble', ROUTE, spec);
  const when = [{ headers: [{ name: 'x-fault', value: '1' }] }];

  test('delays and aborts whom it is for', async () => {
    await rig.write(site(fault({ when, delay: { duration: '120ms' }, abort: { statusCode: 504 } })));
    expect((await ask()).status).toBe(200);
    const began = performance.now();
    expect((await ask('/', { 'x-fault': '1' })).status).toBe(504);
    expect(performance.now() - began).toBeGreaterThan(115);
    expect(rig.accesses.at(-1)).toMatchObject({ reason: 'fault', decision: 'aborted' });
  });

  test('of a part of the requests, the others pass', async () => {
    await rig.write(site(fault({ abort: { statusCode: 500, percentage: 50 } })));
    const statuses = await Promise.all(Array.from({ length: 60 }, async () => (await ask()).status));
    expect(new Set(statuses)).toEqual(new Set([200, 500]));
    await rig.write(site(fault({ abort: { statusCode: 500, percentage: 0 } })));
    expect((await ask()).status).toBe(200);
  });
});

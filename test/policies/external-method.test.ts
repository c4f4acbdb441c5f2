import type http from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import type { Rig } from '../served/rig.ts';
import type { GrpcAuth, HttpAuth } from './auth-service.ts';
import { type Asked, ExternalSite } from './external-site.ts';
import { requestPolicy } from './policy.ts';

const BACKEND = { name: 'auth', port: 80 };

function site(...methods: object[]): string {
  return policySite({ methods, ...(methods.length > 1 ? { require: 'All' } : {}) });
}

let edits = 0;

/** Each time a little different, so that there is something to be waited for. */
function policySite(spec?: object): string {
  return manifests(
    [HTTP],
    httpRoute('a', [backendRefs('web')], { hostnames: ['a.example'] }),
    httpRoute('b', [backendRefs('web')], { hostnames: ['b.example', `edit-${++edits}.example`] }),
    ...['web', 'auth', 'grpc-auth'].map(service),
    ...(spec === undefined
      ? []
      : [requestPolicy('AuthenticationPolicy', 'ask', { kind: 'HTTPRoute', name: 'a' }, spec)]),
  );
}

const external = (http: object = {}, more: object = {}) => ({ external: { backendRef: BACKEND, http, ...more } });

let served: ExternalSite;
let auth: HttpAuth;
let grpcAuth: GrpcAuth;
let origin: HttpAuth;
let rig: Rig;
const policy = (...methods: object[]): Promise<void> => rig.write(site(...methods));

beforeAll(async () => {
  served = await ExternalSite.serve(policySite());
  ({ auth, grpcAuth, origin, rig } = served);
});
afterAll(() => served.close());
beforeEach(() =>
  served.forget(({ headers }, response) => response.writeHead(Number(headers['x-status'] ?? 200)).end('welcome')),
);

const ask = (asked?: Asked) => served.ask(asked);

function answers(status: number, headers: http.OutgoingHttpHeaders = {}, body = ''): void {
  auth.answer = (_question, response) => response.writeHead(status, headers).end(body);
}

describe('the question', () => {
  test('is a GET without a body that tells the request and all its lines, as nginx asks', async () => {
    await policy(external({ path: '/ok', host: 'auth.test' }));
    const headers = { authorization: 'Bearer t', cookie: 'a=b', 'x-mine': '1', 'x-original-url': 'http://forged' };
    expect(await ask({ path: '/x?y=1', method: 'POST', headers, body: 'hello' })).toMatchObject({ status: 200 });
    expect(auth.last).toMatchObject({ method: 'GET', url: '/ok', body: '' });
    expect(auth.last.headers).toMatchObject({
      host: 'auth.test',
      authorization: 'Bearer t',
      cookie: 'a=b',
      'x-mine': '1',
      'x-original-method': 'POST',
      'x-original-url': 'http://a.example/x?y=1',
      'x-auth-request-redirect': '/x?y=1',
      'x-forwarded-for': '127.0.0.1',
      'x-real-ip': '127.0.0.1',
    });
    expect(auth.last.headers['content-length']).toBeUndefined();
    expect(origin.last).toMatchObject({ method: 'POST', url: '/x?y=1', body: 'hello' });
  });

  test.each<[object, Asked, object]>([
    [{ path: '/ok?u={host}' }, { path: '/a?b=c' }, { url: '/ok?u=a.example' }],
    [{ path: '/ok{target}' }, { path: '/a?b=c' }, { url: '/ok/a?b=c' }],
    [{ path: '/ok?{query}&m={method}' }, { path: '/a?b=c' }, { url: '/ok?b=c&m=GET' }],
    [
      { path: '/ok?p={path}&team=web' },
      { path: '/a&team=ops;x+y/%26?b' },
      { url: '/ok?p=/a%26team=ops%3Bx%2By/%26&team=web' },
    ],
    [{ path: '/ok?p={target}&team=web' }, { path: '/a?b=c&team=ops' }, { url: '/ok?p=/a?b=c%26team=ops&team=web' }],
    [{ path: '/ok{path}' }, { path: '/a&b+c' }, { url: '/ok/a&b+c' }],
    [{ path: '/u/{header:X-User}' }, { headers: { 'x-user': '../a b?&' } }, { url: '/u/..%2Fa%20b%3F%26' }],
    [{ path: '/c/{cookie:sid}' }, { headers: { cookie: 'a=1; sid=x/y' } }, { url: '/c/x%2Fy' }],
    [{ path: '/p/{parameter:q}' }, { path: '/?q=a%20%2Fb' }, { url: '/p/a%20%2Fb' }],
    [{ path: '/e?to={escaped:target}' }, { path: '/a%20b?c=%26' }, { url: '/e?to=%2Fa%2520b%3Fc%3D%2526' }],
    [{ method: 'POST' }, { method: 'PUT', body: 'hello' }, { method: 'POST', body: '' }],
    [{ method: 'Request' }, { method: 'DELETE' }, { method: 'DELETE' }],
  ])('%j of %j is %j', async (settings, asked, expected) => {
    await policy(external(settings));
    expect((await ask(asked)).status).toBe(200);
    expect(auth.last).toMatchObject(expected);
  });

  test('has lines of its own, and only those of the request that are listed', async () => {
    const setHeaders = [
      { name: 'X-Orig-Uri', value: '{target}' },
      { name: 'X-Auth-Request-Redirect', value: 'https://orig.test/r' },
      { name: 'X-Mine', value: 'ours' },
    ];
    await policy(external({ headers: ['Authorization', 'X-Mine'], setHeaders }));
    await ask({ path: '/x?y=1', headers: { authorization: 'a', cookie: 'b=c', 'x-mine': 'theirs', x_mine: 'theirs' } });
    expect(auth.last.headers).toMatchObject({
      authorization: 'a',
      'x-orig-uri': '/x?y=1',
      'x-auth-request-redirect': 'https://orig.test/r',
      'x-mine': 'ours',
    });
    expect([auth.last.headers.cookie, auth.last.headers.x_mine]).toEqual([undefined, undefined]);
  });

  test('has the body where that is wanted, whole or in part', async () => {
    await policy(external({ method: 'POST' }, { body: { maxBytes: 4, onLarger: 'Truncate' } }));
    expect((await ask({ method: 'POST', body: 'hello' })).status).toBe(200);
    expect([auth.last.body, origin.last.body]).toEqual(['hell', 'hello']);
    await policy(external({ method: 'POST' }, { body: { maxBytes: 4 } }));
    expect((await ask({ method: 'POST', body: 'hello' })).status).toBe(413);
    expect((await ask({ method: 'POST', body: 'hell' })).status).toBe(200);
  });
});

describe('the answer', () => {
  test.each([
    [401, 401],
    [403, 403],
    [302, 302],
    [404, 404],
    [500, 503],
    [503, 503],
  ])('%i is %i for the client', async (status, expected) => {
    await policy(external());
    answers(status, { 'www-authenticate': 'Custom realm="golden"', location: '/login' }, 'why');
    const answer = await ask();
    expect(answer.status).toBe(expected);
    if (status < 500) expect(answer).toMatchObject({ body: 'why', headers: { location: '/login' } });
    expect(origin.asked).toEqual([]);
    const told = status < 500 ? { decision: 'denied' } : { decision: 'failed-closed', reason: 'authentication_failed' };
    expect(rig.accesses.at(-1)).toMatchObject({ policy: 'AuthenticationPolicy/default/ask#0', ...told });
  });

  test('as ingress-nginx has it: 401 and 403 refuse, all else is a 500', async () => {
    await policy(external({ refusals: [401, 403] }, { failureStatusCode: 500 }));
    for (const [status, expected] of [
      [401, 401],
      [403, 403],
      [302, 500],
      [418, 500],
      [500, 500],
      [204, 200],
    ] as const) {
      answers(status);
      expect((await ask()).status).toBe(expected);
    }
  });

  test('that lets pass has lines for the backend, which no client writes', async () => {
    await policy(external({ responseHeaders: ['X-Auth-User', 'X-Auth-Group'] }, { subjectHeader: 'X-Auth-User' }));
    answers(200, { 'X-Auth-User': 'alice', 'X-Other': '1' });
    await ask({ headers: { 'x-auth-user': 'forged', 'x-auth-group': 'forged', x_auth_group: 'forged' } });
    const { headers } = origin.last;
    expect([headers['x-auth-user'], headers['x-auth-group'], headers.x_auth_group, headers['x-other']]).toEqual([
      'alice',
      undefined,
      undefined,
      undefined,
    ]);
    expect(rig.accesses.at(-1)).toMatchObject({ decision: 'allowed', user: 'alice' });
  });

  test('has cookies: with answers that are no errors, with all, or with none', async () => {
    const cookies = ['authed=yes; Path=/', 'b=2'];
    for (const [mode, good, bad] of [
      [undefined, cookies, undefined],
      ['Success', cookies, undefined],
      ['Always', cookies, cookies],
      ['Never', undefined, undefined],
    ] as const) {
      await policy(external(mode === undefined ? {} : { cookies: mode }));
      answers(200, { 'set-cookie': cookies });
      expect((await ask()).headers['set-cookie']).toEqual(good);
      for (const status of ['404', '500']) {
        expect((await ask({ headers: { 'x-status': status } })).headers['set-cookie']).toEqual(bad);
      }
    }
  });

  test('of a 401 sends to where one signs in, with the address that was asked for', async () => {
    for (const [signIn, asked, location] of [
      [{ url: 'https://login.test/in' }, '/x?y=1&z=2', 'https://login.test/in?rd=http://a.example%2Fx%3Fy%3D1%26z%3D2'],
      [
        { url: 'https://login.test/in' },
        '/a%20b?c=%26',
        'https://login.test/in?rd=http://a.example%2Fa%2520b%3Fc%3D%2526',
      ],
      [{ url: 'https://login.test/in?a=b' }, '/x', 'https://login.test/in?a=b&rd=http://a.example%2Fx'],
      [
        { url: 'https://login.test/in', redirectParameter: 'next' },
        '/x',
        'https://login.test/in?next=http://a.example%2Fx',
      ],
      [{ url: 'https://{host}/start?rd={escaped:target}' }, '/x?y', 'https://a.example/start?rd=%2Fx%3Fy'],
    ] as const) {
      await policy(external({ signIn }));
      answers(401, { 'www-authenticate': 'Custom', 'set-cookie': 'state=1' });
      const answer = await ask({ path: asked });
      expect(answer).toMatchObject({ status: 302, headers: { location, 'set-cookie': ['state=1'] } });
    }
    answers(403);
    expect((await ask()).status).toBe(403);
  });
});

describe('a cache', () => {
  const cache = { key: ['{header:Authorization}'], durations: [{ statusCodes: [200], duration: '5m' }] };

  test('asks once for each key', async () => {
    await policy(external({ cache, responseHeaders: ['X-User'] }));
    answers(200, { 'X-User': 'ann' });
    for (const path of ['/1', '/2', '/3']) {
      expect((await ask({ path, headers: { authorization: 'one', 'x-user': 'forged' } })).status).toBe(200);
      expect(origin.last.headers['x-user']).toBe('ann');
    }
    await ask({ headers: { authorization: 'two' } });
    expect(auth.asked.map(({ headers }) => headers.authorization)).toEqual(['one', 'two']);
  });

  test('keeps no status that has no duration, no cookie, and nothing over an edit of its policy', async () => {
    await policy(external({ cache, cookies: 'Always' }));
    answers(401);
    for (let i = 0; i < 2; i++) expect((await ask({ headers: { authorization: 'x' } })).status).toBe(401);
    answers(200, { 'set-cookie': 'a=b' });
    for (let i = 0; i < 2; i++) await ask({ headers: { authorization: 'x' } });
    expect(auth.asked).toHaveLength(4);
    answers(200);
    for (let i = 0; i < 2; i++) await ask({ headers: { authorization: 'x' } });
    await policy(external({ cache, path: '/other' }));
    await ask({ headers: { authorization: 'x' } });
    expect(auth.asked).toHaveLength(6);
  });

  test.each<[string, string, Asked, Asked]>([
    [
      'a line that Connection takes away',
      '{header:X-Org}',
      { headers: { 'x-org': 'b', connection: 'x-org' } },
      { headers: { 'x-org': 'b' } },
    ],
    [
      'a line beside which there is one in another spelling',
      '{header:X-Org}',
      { headers: { 'x-org': 'b', x_org: 'a' } },
      { headers: { 'x-org': 'b' } },
    ],
    [
      'a cookie that comes twice',
      '{cookie:org}',
      { headers: { cookie: 'org=b; org=a' } },
      { headers: { cookie: 'org=b' } },
    ],
    ...['org=b&org=a', 'org=b&%6frg=a', 'org=b&ORG=a', 'org=b&org[]=a', 'x;org=a&org=b'].map(
      (query): [string, string, Asked, Asked] => [
        query,
        '{parameter:org}',
        { path: `/?${query}` },
        { path: '/?org=b' },
      ],
    ),
  ])('%s makes no key: the service may have judged by another value', async (what, key, twice, once) => {
    await policy(external({ cache: { key: [key, what], durations: cache.durations } }));
    answers(200);
    for (const asked of [twice, twice, once, once]) expect((await ask(asked)).status).toBe(200);
    expect(auth.asked).toHaveLength(3);
  });

  test('keeps a refusal where it is told to, and forgets it', async () => {
    const durations = [{ statusCodes: [401], duration: '50ms' }];
    await policy(external({ cache: { ...cache, durations } }));
    answers(401, { 'www-authenticate': 'Custom' }, 'no');
    const first = await ask();
    expect(await ask()).toMatchObject({ status: 401, body: 'no', headers: { 'www-authenticate': 'Custom' } });
    expect([first.status, auth.asked.length]).toEqual([401, 1]);
    answers(200);
    await expect.poll(async () => (await ask()).status).toBe(200);
  });
});

describe('where it cannot be asked', () => {
  test.each<[string, object]>([
    ['no such Service', { backendRef: { name: 'nobody', port: 80 } }],
    ['no such port', { backendRef: { name: 'auth', port: 81 } }],
    ['a Service of another namespace', { backendRef: { name: 'auth', namespace: 'other', port: 80 } }],
  ])('%s lets nobody in, whatever onFailure says', async (_name, more) => {
    for (const onFailure of ['Closed', 'Open']) {
      await policy(external({}, { ...more, onFailure }));
      expect((await ask()).status).toBe(503);
      expect((await ask({ host: 'b.example' })).status).toBe(200);
    }
    expect(rig.report().diagnostics.some(({ message }) => /auth|nobody/.test(message))).toBe(true);
  });

  test('it is slow: within its time or not at all', async () => {
    await policy(external({}, { timeout: '100ms', failureStatusCode: 502 }));
    auth.answer = () => {};
    expect((await ask()).status).toBe(502);
    await policy(external({ responseHeaders: ['X-User'] }, { timeout: '100ms', onFailure: 'Open' }));
    expect((await ask({ headers: { 'x-user': 'forged' } })).status).toBe(200);
    expect(origin.last.headers['x-user']).toBeUndefined();
    expect(rig.accesses.at(-1)).toMatchObject({ decision: 'failed-open' });
    const { diagnostics } = rig.report();
    expect(diagnostics.find(({ message }) => message.includes('lets EVERY request pass'))).toMatchObject({
      severity: 'warning',
      object: 'AuthenticationPolicy/default/ask',
    });
  });
});

test('beside another method, each in its turn', async () => {
  await policy(external({ path: '/first' }), external({ path: '/second' }));
  auth.answer = ({ url }, response) => response.writeHead(url === '/first' ? 200 : 403).end();
  expect((await ask()).status).toBe(403);
  expect(auth.asked.map(({ url }) => url)).toEqual(['/first', '/second']);
  await rig.write(
    policySite({ methods: [external({ path: '/second' }), external({ path: '/first' })], require: 'Any' }),
  );
  expect((await ask()).status).toBe(200);
  await rig.write(policySite({ methods: [external({ path: '/second' })], anonymousPaths: [{ value: '/oauth2' }] }));
  expect([(await ask({ path: '/oauth2/start' })).status, (await ask()).status]).toEqual([200, 403]);
});

test('ext_authz, with its body', async () => {
  const more = { backendRef: { name: 'grpc-auth', port: 80 }, protocol: 'GRPC', body: { maxBytes: 100 } };
  await policy({ external: more });
  expect((await ask({ method: 'POST', body: 'hello' })).status).toBe(200);
  expect(grpcAuth.asked[0]!.request.http).toMatchObject({ body: 'hello' });
  grpcAuth.answer = () => ({ status: { code: 16 }, deniedResponse: { status: { code: 401 }, body: 'no' } });
  expect(await ask()).toMatchObject({ status: 401, body: 'no' });
});

test.each<[object, string]>([
  [{ http: { path: '/{nothing}' } }, 'path'],
  [{ http: { path: 'no-slash' } }, 'path'],
  [{ http: { method: 'FETCH' } }, 'method'],
  [{ http: { responseHeaders: ['X Auth;User'] } }, 'responseHeaders'],
  [{ http: { responseHeaders: ['Transfer-Encoding'] } }, 'responseHeaders'],
  [{ http: { setHeaders: [{ name: 'Host', value: 'x' }] } }, 'setHeaders'],
  [{ http: { signIn: { url: 'not a url;' } } }, 'signIn'],
  [{ http: { signIn: { url: 'https://x', redirectParameter: 'a b;' } } }, 'redirectParameter'],
  [{ http: {}, protocol: 'GRPC' }, 'protocol'],
  [{ timeout: '0s' }, 'timeout'],
])('%j is refused, and what it guards is shut', async (more, field) => {
  // Nothing is there that could stay as it was.
  await rig.write(policySite());
  await rig.write(site({ external: { backendRef: BACKEND, ...more } }));
  expect((await ask()).status).toBeGreaterThanOrEqual(500);
  expect((await ask({ host: 'b.example' })).status).toBe(200);
  const told = rig.report().diagnostics.map((one) => `${one.field ?? ''} ${one.message}`);
  expect(told.some((one) => one.includes(field))).toBe(true);
});

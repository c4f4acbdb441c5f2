/** HTTPRoute features, entered by resources and read off served traffic. */
import http from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { httpBackend, type TestBackend } from './raw-backend.ts';
import { type Rig, serveManifests } from './rig.ts';

interface Echo {
  service: string;
  method: string;
  path: string;
  host: string;
  headers: Record<string, string>;
}

const closing: Array<{ close(): unknown }> = [];
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close();
});

interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
  echo(): Echo;
}

function ask(rig: Rig, path: string, options: http.RequestOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host: '127.0.0.1', port: rig.port(), path, agent: false, ...options },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => {
          body += text;
        });
        response.on('end', () => {
          resolve({
            status: response.statusCode!,
            headers: response.headers,
            body,
            echo: () => JSON.parse(body) as Echo,
          });
        });
      },
    );
    request.on('error', reject).end();
  });
}

async function serve(rules: object[], services: string[] = ['one', 'two'], spec: object = {}): Promise<Rig> {
  const rig = await serveManifests(manifests([HTTP], httpRoute('r', rules, spec), ...services.map(service)), {
    echo: true,
  });
  closing.push(rig);
  return rig;
}

describe('matches', () => {
  const names = ['exact', 'long', 'short', 'regex', 'post', 'header', 'headers', 'query', 'rest'];
  const match = (name: string, one: object): object => ({ matches: [one], ...backendRefs(name) });
  const path = (type: string, value: string): object => ({ path: { type, value } });
  let rig: Rig;
  beforeAll(async () => {
    const rules = [
      match('rest', path('PathPrefix', '/')),
      match('short', path('PathPrefix', '/a')),
      match('long', path('PathPrefix', '/a/b/')),
      match('exact', path('Exact', '/a/b/c')),
      match('regex', path('RegularExpression', '/re/[0-9]+')),
      match('post', { ...path('PathPrefix', '/m'), method: 'POST' }),
      match('header', { ...path('PathPrefix', '/h'), headers: [{ name: 'X-One', value: '1' }] }),
      match('headers', {
        ...path('PathPrefix', '/h'),
        headers: [
          { name: 'x-one', value: '1' },
          { name: 'X-Two', type: 'RegularExpression', value: '[a-z]+' },
        ],
      }),
      match('query', { ...path('PathPrefix', '/q'), queryParams: [{ name: 'k', value: 'v w' }] }),
    ];
    rig = await serveManifests(manifests([HTTP], httpRoute('r', rules), ...names.map(service)), { echo: true });
  });
  afterAll(() => rig.close());

  test.each<[string, string, http.RequestOptions?]>([
    ['exact', '/a/b/c'],
    ['exact', '/a/b/c?x=y'],
    ['long', '/a/b/c/'],
    ['long', '/a/b'],
    ['short', '/a/bc'],
    ['short', '/a'],
    ['rest', '/ab'],
    ['regex', '/re/42'],
    ['rest', '/re/x'],
    ['post', '/m', { method: 'POST' }],
    ['rest', '/m', { method: 'PUT' }],
    ['header', '/h', { headers: { 'x-ONE': '1', 'x-two': '2' } }],
    ['headers', '/h', { headers: { 'x-one': '1', 'x-two': 'two' } }],
    ['rest', '/h'],
    ['query', '/q?a=b&k=v+w'],
    ['query', '/q?k=v%20w&k=other'],
    ['rest', '/q?k=v'],
  ])('%s takes %s', async (name, target, options) => {
    expect((await ask(rig, target, options)).echo().service).toBe(name);
  });
});

test('hostnames choose among routes, exact before wildcard', async () => {
  const objects = [
    httpRoute('exact', [backendRefs('one')], { hostnames: ['a.example'] }),
    httpRoute('wild', [backendRefs('two')], { hostnames: ['*.example'] }),
  ];
  const rig = await serveManifests(manifests([HTTP], ...objects, service('one'), service('two')), { echo: true });
  closing.push(rig);
  const of = async (host: string): Promise<Answer> => ask(rig, '/', { headers: { host } });
  expect((await of('A.example:80')).echo().service).toBe('one');
  expect((await of('b.example')).echo().service).toBe('two');
  expect((await of('example')).status).toBe(404);
});

describe('filters', () => {
  test('of request and response headers, on the rule and on the backend', async () => {
    const modifier = (type: string, key: string, tag: string): object => ({
      type,
      [key]: { set: [{ name: 'X-Set', value: tag }], add: [{ name: 'X-Add', value: tag }], remove: ['X-Drop'] },
    });
    const rig = await serve([
      {
        filters: [
          modifier('RequestHeaderModifier', 'requestHeaderModifier', 'rule'),
          modifier('ResponseHeaderModifier', 'responseHeaderModifier', 'rule'),
        ],
        backendRefs: [
          {
            name: 'one',
            port: 80,
            filters: [
              modifier('RequestHeaderModifier', 'requestHeaderModifier', 'backend'),
              modifier('ResponseHeaderModifier', 'responseHeaderModifier', 'backend'),
            ],
          },
        ],
      },
    ]);
    const answer = await ask(rig, '/', { headers: { 'X-Set': 'client', 'X-Add': 'client', 'X-Drop': 'client' } });
    const { headers } = answer.echo();
    expect(headers['x-set']).toBe('backend');
    expect(headers['x-add']).toBe('client, rule, backend');
    expect(headers['x-drop']).toBeUndefined();
    expect(answer.headers['x-set']).toBe('backend');
    expect(answer.headers['x-add']).toBe('rule, backend');
  });

  test('that set a line of the gateway own replace it', async () => {
    const set = [{ name: 'X-Forwarded-Proto', value: 'https' }];
    const rig = await serve([
      { filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set } }], ...backendRefs('one') },
    ]);
    const { headers } = (await ask(rig, '/')).echo();
    expect(headers['x-forwarded-proto']).toBe('https');
    expect(headers['x-forwarded-for']).toBe('127.0.0.1');
    expect(headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
  });

  test('redirect: scheme, host, port, path and code', async () => {
    const redirect = (requestRedirect: object, prefix: string): object => ({
      matches: [{ path: { value: prefix } }],
      filters: [{ type: 'RequestRedirect', requestRedirect }],
    });
    const rig = await serve([
      redirect({ scheme: 'https' }, '/s'),
      redirect({ hostname: 'b.example', port: 8080, statusCode: 301 }, '/h'),
      redirect({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/new' } }, '/old'),
    ]);
    const headers = { host: 'a.example' };
    expect(await ask(rig, '/s/x?y', { headers })).toMatchObject({
      status: 302,
      headers: { location: 'https://a.example/s/x?y' },
    });
    expect(await ask(rig, '/h', { headers })).toMatchObject({
      status: 301,
      headers: { location: 'http://b.example:8080/h' },
    });
    expect((await ask(rig, '/old/x', { headers })).headers.location).toBe('http://a.example/new/x');
    for (const host of ['a.example.', 'A.example.:80', '[::1]', 'a.example:80']) {
      const { location } = (await ask(rig, '/s', { headers: { host } })).headers;
      expect(location).toBe(`https://${host.replace(':80', '')}/s`);
    }
  });

  test('rewrite: host and path', async () => {
    const rewrite = (urlRewrite: object, prefix: string): object => ({
      matches: [{ path: { value: prefix } }],
      filters: [{ type: 'URLRewrite', urlRewrite }],
      ...backendRefs('one'),
    });
    const rig = await serve([
      rewrite({ hostname: 'in.example', path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } }, '/p'),
      rewrite({ path: { type: 'ReplaceFullPath', replaceFullPath: '/whole' } }, '/f'),
    ]);
    expect((await ask(rig, '/p/x?y=1')).echo()).toMatchObject({ path: '/x?y=1', host: 'in.example' });
    expect((await ask(rig, '/p')).echo()).toMatchObject({ path: '/' });
    expect((await ask(rig, '/f/x?y=1')).echo()).toMatchObject({ path: '/whole?y=1' });
    expect((await ask(rig, '/p/x', { headers: { host: 'a.example' } })).echo().headers['x-forwarded-host']).toBe(
      'a.example',
    );
  });

  test('CORS: preflight answered, actual requests marked', async () => {
    const cors = { allowOrigins: ['https://a.example'], allowMethods: ['GET', 'PUT'], maxAge: 60 };
    const rig = await serve([{ filters: [{ type: 'CORS', cors }], ...backendRefs('one') }]);
    const origin = 'https://a.example';
    const preflight = await ask(rig, '/', {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'PUT' },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, PUT',
      'access-control-max-age': '60',
    });
    expect(preflight.headers['content-length']).toBeUndefined();
    expect((await ask(rig, '/', { headers: { origin } })).headers['access-control-allow-origin']).toBe(origin);
    const other = await ask(rig, '/', { headers: { origin: 'https://b.example' } });
    expect(other.headers['access-control-allow-origin']).toBeUndefined();
    expect(other.status).toBe(200);
  });

  test('mirrors: several, each by its fraction, with the body and without a word to the client', async () => {
    const seen: string[] = [];
    const recorder = (name: string): Promise<TestBackend> =>
      httpBackend((request, response) => {
        let body = '';
        request.on('data', (chunk: Buffer) => {
          body += chunk.toString();
        });
        request.on('end', () => {
          seen.push(`${name} ${body}`);
          response.writeHead(500).end('nobody hears this');
        });
      });
    const all = await recorder('all');
    const half = await recorder('half');
    closing.push(all, half);
    const mirror = (name: string, more: object = {}): object => ({
      type: 'RequestMirror',
      requestMirror: { backendRef: { name, port: 80 }, ...more },
    });
    const rules = [
      {
        filters: [mirror('all'), mirror('half', { fraction: { numerator: 1, denominator: 2 } })],
        ...backendRefs('one'),
      },
    ];
    const rig = await serveManifests(manifests([HTTP], httpRoute('r', rules), ...['one', 'all', 'half'].map(service)), {
      echo: true,
      endpoints: [endpointsOf('all', all.port), endpointsOf('half', half.port)],
    });
    closing.push(rig);
    for (let i = 0; i < 10; i++) {
      const response = await fetch(`http://127.0.0.1:${rig.port()}/`, { method: 'POST', body: `body ${i}` });
      expect(await response.json()).toMatchObject({ service: 'one' });
    }
    await vi.waitFor(() => expect(seen).toHaveLength(15));
    expect(seen.filter((line) => line.startsWith('all')).sort()).toEqual(
      Array.from({ length: 10 }, (_, i) => `all body ${i}`),
    );
  });
});

test('weights are exact in the long run, and a broken reference takes its share as 500', async () => {
  const refs = [
    { name: 'one', port: 80, weight: 7 },
    { name: 'two', port: 80, weight: 2 },
    { name: 'missing', port: 80, weight: 1 },
    { name: 'none', port: 80, weight: 0 },
  ];
  const rig = await serve([{ backendRefs: refs }], ['one', 'two', 'none']);
  const counts = new Map<string, number>();
  for (let i = 0; i < 100; i++) {
    const answer = await ask(rig, '/');
    const name = answer.status === 200 ? answer.echo().service : String(answer.status);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  expect(Object.fromEntries(counts)).toEqual({ one: 70, two: 20, 500: 10 });
});

test('404 without a match, 500 without a valid backend, 503 without endpoints', async () => {
  const rules = [
    { matches: [{ path: { value: '/missing' } }], ...backendRefs('missing') },
    { matches: [{ path: { value: '/empty' } }], ...backendRefs('empty') },
  ];
  const rig = await serveManifests(manifests([HTTP], httpRoute('r', rules), service('empty')));
  closing.push(rig);
  for (const [path, status, reason] of [
    ['/', 404, 'no_route'],
    ['/missing', 500, 'backend_invalid'],
    ['/empty', 503, 'no_endpoints'],
  ] as const) {
    const answer = await ask(rig, path);
    expect(answer.status).toBe(status);
    const { request_id: id } = JSON.parse(answer.body) as { request_id: string };
    expect(answer.headers['x-request-id']).toBe(id);
    expect(rig.accesses.at(-1)).toMatchObject({ status, reason, requestId: id });
  }
});

describe('timeouts and retries', () => {
  test.each([
    ['request', { request: '200ms' }],
    ['backendRequest', { backendRequest: '200ms', request: '1s' }],
  ])('the %s timeout gives 504 and frees the backend', async (_name, timeouts) => {
    const gone = Promise.withResolvers<void>();
    const backend = await httpBackend((request) => {
      request.socket.on('close', () => gone.resolve());
    });
    closing.push(backend);
    const rig = await serveManifests(
      manifests([HTTP], httpRoute('r', [{ timeouts, ...backendRefs('one') }]), service('one')),
      {
        endpoints: [endpointsOf('one', backend.port)],
      },
    );
    closing.push(rig);
    const before = performance.now();
    expect((await ask(rig, '/')).status).toBe(504);
    expect(performance.now() - before).toBeGreaterThan(140);
    await gone.promise;
    expect(rig.accesses.at(-1)).toMatchObject({ status: 504, reason: 'timeout' });
  });

  async function failing(times: number, retry: object, fail: http.RequestListener): Promise<Rig> {
    let count = 0;
    const backend = await httpBackend((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (count++ < times) fail(request, response);
        else response.end(`answered ${Buffer.concat(chunks).toString()}`);
      });
    });
    closing.push(backend);
    const rig = await serveManifests(
      manifests([HTTP], httpRoute('r', [{ retry, ...backendRefs('one') }]), service('one')),
      {
        endpoints: [endpointsOf('one', backend.port)],
      },
    );
    closing.push(rig);
    return rig;
  }

  const unavailable: http.RequestListener = (_request, response) => void response.writeHead(503).end('busy');
  const reset: http.RequestListener = (request) => void request.socket.resetAndDestroy();

  test.each<[string, number, object, http.RequestListener, number, number, string?]>([
    ['a code of the list', 2, { codes: [503], attempts: 2, backoff: '10ms' }, unavailable, 200, 3],
    ['more often than allowed', 3, { codes: [503], attempts: 2, backoff: '10ms' }, unavailable, 503, 3],
    ['a code that is not in the list', 1, { codes: [500], attempts: 2 }, unavailable, 503, 1],
    ['a connection that is reset', 1, { codes: [503], attempts: 1, backoff: '10ms' }, reset, 200, 2, 'PUT'],
    ['one that is reset after what may not come twice', 1, { codes: [503], attempts: 1 }, reset, 502, 1],
    ['nothing, where there are no attempts', 1, { codes: [503], attempts: 0 }, unavailable, 503, 1],
  ])('%s', async (_name, times, retry, fail, status, attempts, method = 'POST') => {
    const rig = await failing(times, retry, fail);
    const response = await fetch(`http://127.0.0.1:${rig.port()}/`, { method, body: 'the body' });
    expect(response.status).toBe(status);
    if (status === 200) expect(await response.text()).toBe('answered the body');
    expect(rig.accesses.at(-1)).toMatchObject({ status, attempts });
  });

  test('a body that is too long to be kept is sent once', async () => {
    const rig = await failing(1, { codes: [503], attempts: 3, backoff: '10ms' }, unavailable);
    const response = await fetch(`http://127.0.0.1:${rig.port()}/`, { method: 'POST', body: 'x'.repeat(300_000) });
    expect(response.status).toBe(503);
    expect(rig.accesses.at(-1)).toMatchObject({ attempts: 1 });
  });
});

test('forwarded lines of a trusted hop are kept and extended, of others replaced', async () => {
  const text = manifests([HTTP], httpRoute('r', [backendRefs('one')]), service('one'));
  const headers = { 'X-Forwarded-For': '1.2.3.4', 'X-Forwarded-Proto': 'https', 'X-Request-Id': 'outer', Via: '1.1 x' };
  for (const [trustedHops, expected] of [
    [
      ['127.0.0.0/8'],
      { 'x-forwarded-for': '1.2.3.4, 127.0.0.1', 'x-forwarded-proto': 'https', 'x-request-id': 'outer' },
    ],
    [
      [],
      {
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-proto': 'http',
        'x-request-id': expect.stringMatching(/^[0-9a-f]{32}$/),
      },
    ],
  ] as const) {
    const rig = await serveManifests(text, { echo: true, trustedHops: [...trustedHops] });
    closing.push(rig);
    const seen = (await ask(rig, '/', { headers })).echo().headers;
    expect(seen).toMatchObject(expected);
    expect(seen.via, 'a Via that came is passed on').toBe('1.1 x');
    expect(seen['x-forwarded-port'], 'the port that the client used, as its Host says').toBe(String(rig.port()));
  }
});

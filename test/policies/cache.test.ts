/** ResponsePolicy `cache` over real sockets: what is kept, and for whom. */
import type http from 'node:http';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type Asked, CachedSite, cached, FRESH, type Got, type Handler, site } from './cached-site.ts';
import { requestPolicy } from './policy.ts';

const tested = new CachedSite();
const at = (handler: Handler | http.OutgoingHttpHeaders): string => tested.at(handler);
const timesAsked = (path: string): number => tested.timesAsked(path);
const ask = (path: string, asked?: Asked): Promise<Got> => tested.ask(path, asked);
const texts = (path: string, ...all: Asked[]): Promise<string[]> => tested.texts(path, ...all);

describe('what is kept', () => {
  test('is given again as it came, with its age, and told', async () => {
    const path = at({ ...FRESH, etag: '"1"', 'x-own': 'yes', age: '7' });
    const first = await ask(path);
    expect(first.headers['cache-status']).toBe('daemun; fwd=uri-miss; stored');
    const again = await ask(path);
    expect(again.text).toBe('body 1');
    expect(again.headers).toMatchObject({
      'x-own': 'yes',
      'x-added': '1',
      etag: '"1"',
      'content-length': '6',
      'cache-status': expect.stringMatching(/^daemun; hit; ttl=9[23]$/),
    });
    expect(Number(again.headers.age)).toBeGreaterThanOrEqual(7);
    expect(again.headers.date).toBe(first.headers.date);
    expect(timesAsked(path)).toBe(1);
    expect(tested.rig.accesses.at(-1)).toMatchObject({
      status: 200,
      policy: 'ResponsePolicy/default/kept',
      decision: 'cache-hit',
    });
    const names = tested.rig.proxy.metrics().filter(({ name }) => name.startsWith('daemun_cache_'));
    expect(names.map(({ name, series }) => [name, series.length])).toContainEqual(['daemun_cache_bytes', 1]);
  });

  test('answers HEAD, and whoever has it already', async () => {
    const path = at({ ...FRESH, etag: 'W/"x"', 'last-modified': 'Mon, 01 Jun 2026 10:00:00 GMT' });
    await ask(path);
    const head = await ask(path, { method: 'HEAD' });
    expect([head.status, head.headers['content-length'], head.text]).toEqual([200, '6', '']);
    for (const headers of [
      { 'if-none-match': '"y", "x"' },
      { 'if-none-match': '*' },
      { 'if-modified-since': 'Mon, 01 Jun 2026 10:00:00 GMT' },
    ]) {
      const answer = await ask(path, { headers });
      expect([answer.status, answer.text, answer.headers.etag]).toEqual([304, '', 'W/"x"']);
      expect(answer.headers['x-added']).toBe('1');
      expect(answer.headers['content-type']).toBeUndefined();
    }
    expect((await ask(path, { headers: { 'if-modified-since': '1 June 2030' } })).status).toBe(200);
    expect(
      (await ask(path, { headers: { 'if-none-match': '"z"', 'if-modified-since': 'Mon, 01 Jun 2026 10:00:00 GMT' } }))
        .status,
    ).toBe(200);
    expect(timesAsked(path)).toBe(1);
  });

  test.each([
    'Thu, 18 Aug 2050 02:01:18 GMT',
    `Thursday, 18-Aug-${(new Date().getUTCFullYear() + 20) % 100} 02:01:18 GMT`,
    'Thu Aug 18 02:01:18 2050',
  ])('until %s, in each form of a date', async (expires) => {
    const path = at({ expires });
    await ask(path);
    expect((await ask(path)).headers['cache-status']).toMatch(/^daemun; hit/);
  });

  test.each<[string, http.OutgoingHttpHeaders]>([
    ['says nothing', {}],
    ['no-store', { 'cache-control': 'max-age=100, no-store' }],
    ['private', { 'cache-control': 'Private, max-age=100' }],
    ['private of one field', { 'cache-control': 'private="set-cookie", max-age=100' }],
    ['no-cache', { 'cache-control': 'max-age=100, NO-CACHE' }],
    ['private behind a semicolon', { 'cache-control': 'max-age=100; private' }],
    ['two ages', { 'cache-control': 'max-age=100, max-age=0' }],
    ['a cookie', { ...FRESH, 'set-cookie': 'session=1' }],
    ['all that is asked', { ...FRESH, vary: 'accept, *' }],
    ['old already', { ...FRESH, age: '200' }],
    ['of the past', { expires: 'Mon, 01 Jun 2020 10:00:00 GMT' }],
    ['of no date', { expires: '0' }],
    ['of a date that is none', { expires: 'Thu 18 Aug 2050 02:01:18 GMT' }],
    ['of another zone', { expires: 'Thu, 18 Aug 2050 02:01:18 UTC' }],
    ['old by the first of two ages', { ...FRESH, age: '200, 0' }],
  ])('not what is %s', async (_what, headers) => {
    const path = at(headers);
    expect(await texts(path, {}, {})).toEqual(['body 1', 'body 2']);
  });

  test.each<[string, http.OutgoingHttpHeaders]>([
    ['Expires', { expires: 'Fri, 01 Jan 2100 10:00:00 GMT' }],
    ['s-maxage', { 'cache-control': 'max-age=0, s-maxage=100' }],
    ['public with a cookie', { 'cache-control': 'public, max-age=100', 'set-cookie': 'theme=dark' }],
  ])('what has %s', async (_what, headers) => {
    const path = at(headers);
    expect(await texts(path, {}, {})).toEqual(['body 1', 'body 1']);
  });

  test.each(['X_HTTP_Method_Override', 'X-HTTP_Method', 'x_method_override'])(
    'nothing that came of another method by %s',
    async (name) => {
      const path = at(FRESH);
      expect(await texts(path, { headers: { [name]: 'DELETE' } }, {})).toEqual(['body 1', 'body 2']);
    },
  );

  test('nor what came of a line that a backend may take for one that Vary names', async () => {
    const path = at({ ...FRESH, vary: 'X-Mode' });
    const imitation = { headers: { x_mode: 'dark' } };
    expect(await texts(path, imitation, {}, imitation, {})).toEqual(['body 1', 'body 2', 'body 3', 'body 2']);
  });

  test.each(['OPTIONS', 'TRACE'])('%s takes nothing away', async (method) => {
    const path = at(FRESH);
    await ask(path);
    await ask(path, { method });
    expect((await ask(path)).text).toBe('body 1');
  });

  test('errors are not, whatever they say', async () => {
    for (const status of [400, 403, 413, 431, 500, 503]) {
      const path = at((_request, answer, nth) => answer.writeHead(status, FRESH).end(`body ${nth}`));
      expect(await texts(path, {}, {})).toEqual(['body 1', 'body 2']);
    }
    const gone = at((_request, answer, nth) => answer.writeHead(404, FRESH).end(`body ${nth}`));
    expect(await texts(gone, {}, {})).toEqual(['body 1', 'body 1']);
  });

  test('by what Vary names, each for itself', async () => {
    const path = at((request, answer, nth) =>
      answer
        .writeHead(200, { ...FRESH, vary: 'Accept-Language, X-Mode' })
        .end(`${request.headers['accept-language']} ${nth}`),
    );
    const [de, en] = [{ headers: { 'accept-language': 'de' } }, { headers: { 'accept-language': 'en' } }];
    expect(await texts(path, de, en, de, en, { headers: { 'accept-language': 'de', 'x-mode': 'dark' } })).toEqual([
      'de 1',
      'en 2',
      'de 1',
      'en 2',
      'de 3',
    ]);
  });

  test('and compressed for each as he takes it', async () => {
    const body = 'compressible '.repeat(500);
    const path = at((_request, answer) => answer.writeHead(200, { ...FRESH, etag: '"c"' }).end(body));
    await tested.rig.write(
      site(cached(), requestPolicy('ResponsePolicy', 'smaller', { kind: 'Gateway', name: 'gw' }, { compression: {} })),
    );
    expect((await ask(path)).text).toBe(body);
    const gzip = await ask(path, { headers: { 'accept-encoding': 'gzip' } });
    expect([gzip.headers['content-encoding'], gunzipSync(gzip.bytes).toString()]).toEqual(['gzip', body]);
    expect((await ask(path)).text).toBe(body);
    expect(timesAsked(path)).toBe(1);
    await tested.rig.write(site(cached()));
  });

  test('and with every line of a name, whatever is made of them', async () => {
    const both = ['a=1; Path=/in', 'b=2; Path=/in'];
    const path = at({ 'cache-control': 'public, max-age=100', 'set-cookie': both as never, vary: 'Accept, X-Mode' });
    const rewritten = { cookiePaths: [{ from: '/in', to: '/out' }] };
    const gateway = { kind: 'Gateway', name: 'gw' } as const;
    await tested.rig.write(site(cached(), requestPolicy('ResponsePolicy', 'cookies', gateway, rewritten)));
    for (const kept of [false, true]) {
      const { headers } = await ask(path);
      expect([headers['cache-status']!.includes('hit'), headers['set-cookie']]).toEqual([
        kept,
        ['a=1; Path=/out', 'b=2; Path=/out'],
      ]);
    }
    await tested.rig.write(site(cached()));
  });

  test('outlives the edit of something else, and of its own settings; another generation begins anew', async () => {
    const path = at(FRESH);
    await ask(path);
    await tested.rig.write(
      site(
        cached(),
        requestPolicy('FaultPolicy', 'x', { kind: 'HTTPRoute', name: 'b' }, { delay: { duration: '1ms' } }),
      ),
    );
    await tested.rig.write(site(cached({ staleIfError: '1s' })));
    expect(await texts(path, {})).toEqual(['body 1']);
    await tested.rig.write(site(cached({ generation: '2' })));
    expect(await texts(path, {})).toEqual(['body 2']);
    await tested.rig.write(site());
    expect((await ask(path)).headers['cache-status']).toBeUndefined();
    await tested.rig.write(site(cached()));
    expect(await texts(path, {})).toEqual(['body 4']);
  });

  test('within its bounds: what is larger is not, and what was used least lately goes', async () => {
    await tested.rig.write(site(cached({ maxObjectBytes: 1_000, maxBytes: 12_000 })));
    const large = at((_request, answer) => answer.writeHead(200, FRESH).end('x'.repeat(1_001)));
    const chunked = at((_request, answer) => {
      answer.writeHead(200, FRESH);
      for (let i = 0; i < 3; i++) answer.write('x'.repeat(400));
      answer.end();
    });
    for (const path of [large, chunked]) {
      await ask(path);
      expect((await ask(path)).headers['cache-status']).toMatch(/fwd=uri-miss/);
      expect(timesAsked(path)).toBe(2);
    }
    const many = Array.from({ length: 20 }, () =>
      at((_request, answer) => answer.writeHead(200, FRESH).end('y'.repeat(900))),
    );
    for (const path of many) {
      await ask(path);
      await ask(many[0]!);
    }
    await ask(many[1]!);
    expect([timesAsked(many[0]!), timesAsked(many[1]!)]).toEqual([1, 2]);
    const bytes = tested.rig.proxy.metrics().find(({ name }) => name === 'daemun_cache_bytes')!.series[0]!.value!;
    expect(bytes).toBeLessThanOrEqual(12_000);
    await tested.rig.write(site(cached()));
  });

  test('for a time of the policy where the backend says none, and nothing says who asks', async () => {
    await tested.rig.write(site(cached({ defaultTtl: '100s' })));
    const path = at({ 'content-type': 'text/plain' });
    expect(await texts(path, {}, {})).toEqual(['body 1', 'body 1']);
    const own = at({ 'cache-control': 'no-cache' });
    expect(await texts(own, {}, {})).toEqual(['body 1', 'body 2']);
    const somebody = at({});
    expect(await texts(somebody, { headers: { cookie: 's=1' } }, {})).toEqual(['body 1', 'body 2']);
    await tested.rig.write(site(cached()));
  });
});

describe('who else might get it', () => {
  test('nobody of another host, route, scheme or query', async () => {
    const path = at((request, answer, nth) => answer.writeHead(200, FRESH).end(`${request.headers.host} ${nth}`));
    expect(await texts(path, {}, { host: 'b.example' }, { host: 'x.a.example' }, { host: 'a.example:8080' })).toEqual([
      'a.example 1',
      'b.example 2',
      'x.a.example 3',
      'a.example:8080 4',
    ]);
    expect(await texts(path, { host: 'A.Example' })).toEqual(['a.example 1']);
    expect((await ask(`${path}?a=1`)).text).toBe('a.example 5');
    expect((await ask(`${path}?a=2`)).text).toBe('a.example 6');
  });

  test('nobody without the credentials that it came by, and nobody with others', async () => {
    const path = at((request, answer, nth) =>
      answer.writeHead(200, FRESH).end(`${request.headers.authorization} ${nth}`),
    );
    const alice = { headers: { authorization: 'Bearer alice' } };
    expect(await texts(path, alice, {}, alice, { headers: { authorization: 'Bearer bob' } }, {})).toEqual([
      'Bearer alice 1',
      'undefined 2',
      'Bearer alice 3',
      'Bearer bob 4',
      'undefined 2',
    ]);
    const open = at((_request, answer, nth) =>
      answer.writeHead(200, { 'cache-control': 'public, max-age=100' }).end(`${nth}`),
    );
    expect(await texts(open, alice, {}, { headers: { authorization: 'Bearer bob' } })).toEqual(['1', '1', '1']);
  });

  test('what clients claim of themselves, and no key has, is not kept for others', async () => {
    const path = at((request, answer, nth) => {
      const { host, 'x-forwarded-host': forwarded, 'x-original-url': original } = request.headers;
      answer.writeHead(200, FRESH).end(`${host} ${forwarded} ${original} ${nth}`);
    });
    const claims = {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'gopher',
      'x-original-url': '/admin',
      forwarded: 'host=evil.example',
    };
    expect(await texts(path, { headers: claims }, {})).toEqual([
      'a.example a.example undefined 1',
      'a.example a.example undefined 1',
    ]);
    const method = at(FRESH);
    expect(await texts(method, { headers: { 'x-http-method-override': 'DELETE' } }, {}, {})).toEqual([
      'body 1',
      'body 2',
      'body 2',
    ]);
    const fat = at((request, answer, nth) => {
      request.resume().on('end', () => answer.writeHead(200, FRESH).end(`body ${nth}`));
    });
    expect(await texts(fat, { body: 'q=evil', headers: { 'content-length': '6' } }, {}, {})).toEqual([
      'body 1',
      'body 2',
      'body 2',
    ]);
    expect(await texts(fat, { headers: { range: 'bytes=0-1' } }, { headers: { 'if-match': '"x"' } })).toEqual([
      'body 3',
      'body 4',
    ]);
  });

  test('forms of one path are one', async () => {
    const path = at(FRESH);
    expect((await ask(path)).text).toBe('body 1');
    expect((await ask(`/${path}`)).text).toBe('body 1');
    expect((await ask(`/%${path.charCodeAt(1).toString(16)}${path.slice(2)}`)).text).toBe('body 1');
    expect((await ask(`${path}/..%2fx`)).status).not.toBe(304);
  });

  test('keyHeaders are part of the key', async () => {
    await tested.rig.write(site(cached({ keyHeaders: ['X-Tenant'] })));
    const path = at(FRESH);
    const tenant = (name: string): Asked => ({ headers: { 'x-tenant': name } });
    expect(await texts(path, tenant('a'), tenant('b'), tenant('a'), {})).toEqual([
      'body 1',
      'body 2',
      'body 1',
      'body 3',
    ]);
    expect(await texts(path, { headers: { x_tenant: 'a' } }, {})).toEqual(['body 4', 'body 3']);
    await tested.rig.write(site(cached()));
  });

  test.each([
    ['is cut off in the middle', 'HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\nContent-Length: 100\r\n\r\nhalf'],
    [
      'is cut off between chunks',
      'HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n',
    ],
    ['ends where the connection does', 'HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\n\r\nhalf'],
  ])('nobody gets what %s', async (_what, text) => {
    let connections = 0;
    tested.rawTalk = (socket) => {
      connections++;
      socket.once('data', () => socket.end(text));
    };
    const path = `/cut-${text.length}`;
    for (let i = 0; i < 2; i++) await ask(path, { host: 'raw.example' }).catch(() => undefined);
    expect(connections).toBe(2);
  });
});

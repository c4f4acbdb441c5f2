/** ResponsePolicy `cache` over real sockets: what becomes of requests while the backend is asked. */
import { once } from 'node:events';
import http from 'node:http';
import { describe, expect, test, vi } from 'vitest';
import { type Asked, CachedSite, FRESH, type Got, type Handler } from './cached-site.ts';

const tested = new CachedSite();
const at = (handler: Handler | http.OutgoingHttpHeaders): string => tested.at(handler);
const timesAsked = (path: string): number => tested.timesAsked(path);
const ask = (path: string, asked?: Asked): Promise<Got> => tested.ask(path, asked);
const texts = (path: string, ...all: Asked[]): Promise<string[]> => tested.texts(path, ...all);

describe('while it is asked about again', () => {
  const short = { 'cache-control': 'max-age=1, stale-while-revalidate=60, stale-if-error=60', etag: '"s"' };

  test('one request asks for many; those that come meanwhile wait for it', async () => {
    const path = at(
      (_request, answer, nth) => void setTimeout(() => answer.writeHead(200, FRESH).end(`body ${nth}`), 200),
    );
    const all = await Promise.all(Array.from({ length: 20 }, () => ask(path)));
    expect(new Set(all.map(({ text }) => text))).toEqual(new Set(['body 1']));
    expect(timesAsked(path)).toBe(1);
    expect(all.filter(({ headers }) => /hit; ttl=\d+; collapsed/.test(headers['cache-status'] as string))).toHaveLength(
      19,
    );
  });

  test('what turns out not to be kept holds nobody up longer than its head, and then nobody', async () => {
    const held: http.ServerResponse[] = [];
    const path = at((_request, answer, nth) => {
      if (nth <= 5) return void setTimeout(() => answer.writeHead(200).end(`body ${nth}`), 100);
      // Nobody is answered before all have come: one who waited for another would wait for ever.
      if (held.push(answer) === 5) for (const [i, one] of held.entries()) one.writeHead(200).end(`later ${i}`);
    });
    const all = await Promise.all(Array.from({ length: 5 }, () => ask(path)));
    expect(new Set(all.map(({ text }) => text)).size).toBe(5);
    const later = await Promise.all(Array.from({ length: 5 }, () => ask(path)));
    expect(new Set(later.map(({ text }) => text)).size).toBe(5);
  });

  test('a client that leaves, or a backend that fails, leaves nobody waiting', async () => {
    let held: http.ServerResponse | undefined;
    const path = at((_request, answer, nth) => {
      if (nth === 1) held = answer;
      else answer.writeHead(200, FRESH).end(`body ${nth}`);
    });
    const first = http
      .get({ port: tested.rig.port(), host: '127.0.0.1', path, headers: { host: 'a.example' } })
      .on('error', () => {});
    await vi.waitFor(() => expect(held).toBeDefined());
    const second = ask(path);
    await vi.waitFor(() => expect(first.socket).toBeDefined());
    first.socket!.resetAndDestroy();
    expect((await second).text).toBe('body 2');
  });

  test.each([
    ['before there is an answer', false],
    ['in the middle of one', true],
  ])('of many that wait for a client that leaves %s, one asks in its place', async (_what, begun) => {
    let held: http.ServerResponse | undefined;
    const path = at((_request, answer, nth) => {
      if (nth > 1) return void setTimeout(() => answer.writeHead(200, FRESH).end(`body ${nth}`), 100);
      held = answer;
      if (begun) answer.writeHead(200, { ...FRESH, 'content-length': '100000' }).write('half');
    });
    const first = http
      .get({ port: tested.rig.port(), host: '127.0.0.1', path, headers: { host: 'a.example' } })
      .on('error', () => {});
    await vi.waitFor(() => expect(held).toBeDefined());
    const others = Array.from({ length: 20 }, () => ask(path));
    // They have come before what is asked after them is answered.
    for (let i = 0; i < 5; i++) await ask(at(FRESH));
    first.socket!.resetAndDestroy();
    expect(new Set((await Promise.all(others)).map(({ text }) => text))).toEqual(new Set(['body 2']));
    expect(tested.timesAsked(path)).toBe(2);
  });

  test('behind a request that hangs another one asks after five seconds, for all that wait', async () => {
    const path = tested.at((_request, answer, nth) => {
      if (nth > 1) answer.writeHead(200, FRESH).end(`body ${nth}`);
    });
    const first = tested.ask(path).catch(() => undefined);
    await once(tested.arrivals, 'request');
    const all = await Promise.all(Array.from({ length: 30 }, () => tested.ask(path)));
    expect(all.map(({ text }) => text)).toEqual(all.map(() => 'body 2'));
    expect(tested.timesAsked(path)).toBe(2);
    void first;
  });

  test('of many that wait for a backend that dies, one asks in its place, and so on', async () => {
    const path = at((request, answer, nth) => {
      if (nth <= 2) setTimeout(() => request.socket.resetAndDestroy(), 200);
      else setTimeout(() => answer.writeHead(200, FRESH).end(`body ${nth}`), 100);
    });
    const all = await Promise.all(Array.from({ length: 20 }, () => ask(path, { method: 'GET' })));
    const texts = all.filter(({ status }) => status === 200).map(({ text }) => text);
    expect(texts.length).toBeGreaterThanOrEqual(18);
    expect(new Set(texts).size).toBe(1);
    expect(timesAsked(path)).toBeLessThanOrEqual(4);
  });

  test('stale answers are given to all but the one that asks, and a 304 makes them fresh', async () => {
    const path = at((request, answer, nth) => {
      if (request.headers['if-none-match'] === '"s"')
        setTimeout(() => answer.writeHead(304, { ...FRESH, etag: '"s"', 'x-new': '1' }).end(), 300);
      else answer.writeHead(200, short).end(`body ${nth}`);
    });
    await ask(path);
    await vi.waitFor(
      async () => expect((await ask(path, { method: 'HEAD' })).headers['cache-status']).toMatch(/fwd=stale/),
      {
        timeout: 3_000,
        interval: 100,
      },
    );
    const before = timesAsked(path);
    const [asking, ...others] = [
      ask(path),
      ...Array.from(
        { length: 5 },
        () => new Promise<Awaited<ReturnType<typeof ask>>>((resolve) => setTimeout(() => resolve(ask(path)), 50)),
      ),
    ];
    for (const other of await Promise.all(others)) {
      expect(other.text).toBe('body 1');
      expect(other.headers['cache-status']).toMatch(/^daemun; hit; ttl=-\d/);
    }
    const answer = await asking!;
    expect([answer.status, answer.text, answer.headers['cache-status']]).toEqual([
      200,
      'body 1',
      'daemun; fwd=stale; fwd-status=304',
    ]);
    expect(timesAsked(path)).toBe(before + 1);
    const after = await ask(path);
    expect([after.text, after.headers['x-new'], after.headers['cache-control']]).toEqual([
      'body 1',
      '1',
      'max-age=100',
    ]);
    expect(after.headers['cache-status']).toMatch(/hit; ttl=9\d$/);
  });

  test('stale answers stand in for errors, unless they must not', async () => {
    const failing = (control: string): string =>
      at((_request, answer, nth) => {
        if (nth > 1) answer.writeHead(503).end('down');
        else answer.writeHead(200, { 'cache-control': control }).end('good');
      });
    const may = failing('max-age=1, stale-if-error=60');
    const must = failing('max-age=1, stale-if-error=60, must-revalidate');
    await texts(may, {});
    await texts(must, {});
    await vi.waitFor(async () => expect((await ask(must)).status).toBe(503), { timeout: 3_000, interval: 100 });
    const answer = await ask(may);
    expect([answer.status, answer.text]).toEqual([200, 'good']);
    expect(answer.headers['cache-status']).toBe('daemun; hit; detail=stale-if-error');
  });

  test('clients may want it from the backend, or from nobody else', async () => {
    const path = at(FRESH);
    expect((await ask(path, { headers: { 'cache-control': 'only-if-cached' } })).status).toBe(504);
    expect(
      await texts(
        path,
        {},
        { headers: { 'cache-control': 'no-cache' } },
        {},
        { headers: { pragma: 'no-cache' } },
        { headers: { 'cache-control': 'no-store' } },
        {},
      ),
    ).toEqual(['body 1', 'body 2', 'body 2', 'body 3', 'body 4', 'body 3']);
    expect((await ask(path, { headers: { 'cache-control': 'only-if-cached, max-age=50' } })).text).toBe('body 3');
  });

  test('what changes something makes what is kept of it old', async () => {
    const path = at(FRESH);
    expect(await texts(path, {}, {}, { method: 'POST', body: 'x' }, {}, {})).toEqual([
      'body 1',
      'body 1',
      'body 2',
      'body 3',
      'body 3',
    ]);
  });
});

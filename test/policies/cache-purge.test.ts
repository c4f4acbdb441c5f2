/** What is kept and forgotten before its time: as somebody asks for it, or as a request changed it (RFC 9111 4.4). */
import { once } from 'node:events';
import type http from 'node:http';
import { describe, expect, test } from 'vitest';
import { readPurge } from '../../src/admin/purge-request.ts';
import { backendRefs, httpRoute } from '../served/manifest.ts';
import { CachedSite, cached, FRESH, site } from './cached-site.ts';

const tested = new CachedSite();
const at = (headers: http.OutgoingHttpHeaders = {}): string => tested.at({ ...FRESH, ...headers });
const texts = (path: string, ...hosts: string[]): Promise<string[]> =>
  tested.texts(path, ...hosts.map((host) => ({ host })));
const purge = async (asked: object) => tested.rig.proxy.purge(readPurge(asked));

describe('a purge', () => {
  test('of a URL takes its query, its host and all its variants, and nothing else', async () => {
    const path = at({ vary: 'x-mode' });
    const other = at();
    const urls = [`${path}?a=1`, `${path}?a=2`];
    for (const url of urls) await tested.texts(url, {}, { headers: { 'x-mode': 'dark' } });
    await texts(path, 'a.example', 'b.example');
    await texts(other, 'a.example');
    const host = 'A.example';
    expect((await purge({ host, target: `${path}?a=1`, dryRun: true })).urls).toBe(1);
    expect((await tested.ask(urls[0]!)).headers['cache-status']).toContain('hit');
    const { urls: count, bytes } = await purge({ host, target: `${path}?a=1` });
    expect(count).toBe(1);
    expect(bytes).toBeGreaterThan(1_000);
    expect(await purge({ host, target: `${path}?a=1` })).toEqual({ urls: 0, bytes: 0 });
    for (const [url, asked, kept] of [
      [urls[0]!, {}, false],
      [urls[0]!, { headers: { 'x-mode': 'dark' } }, false],
      [urls[1]!, {}, true],
      [path, {}, true],
      [path, { host: 'b.example' }, true],
      [other, {}, true],
    ] as const) {
      const { headers } = await tested.ask(url, asked);
      expect([url, asked, headers['cache-status']?.includes('hit')]).toEqual([url, asked, kept]);
    }
  });

  test('takes all that begins with it, of a host, of a policy, or everything', async () => {
    const paths = Array.from({ length: 3 }, () => at());
    const keep = async (): Promise<void> => {
      for (const path of paths) for (const rest of ['?x', '?x/y', '?z']) await texts(path + rest, 'a.example');
      await texts(paths[0]!, 'b.example');
    };
    await purge({ all: true });
    await keep();
    expect((await purge({ host: 'a.example', target: `${paths[0]}?x`, prefix: true })).urls).toBe(2);
    expect((await purge({ host: 'a.example' })).urls).toBe(7);
    expect((await purge({ host: 'b.example' })).urls).toBe(1);
    await keep();
    expect((await purge({ policy: 'default/other' })).urls).toBe(0);
    expect((await purge({ policy: 'default/kept', host: 'b.example' })).urls).toBe(1);
    expect((await purge({ policy: 'default/kept' })).urls).toBe(9);
    await keep();
    expect((await purge({ all: true })).urls).toBe(10);
    const gauges = tested.rig.proxy.metrics().filter(({ name }) => /^daemun_cache_(?:bytes|urls)$/.test(name));
    expect(gauges.map(({ series }) => series[0]!.value)).toEqual([0, 0]);
  });

  test('while the backend is asked: what it says is given to who waits, and not kept', async () => {
    const answers: http.ServerResponse[] = [];
    const asked = Promise.withResolvers<void>();
    const path = tested.at((_request, answer) => {
      answers.push(answer);
      asked.resolve();
    });
    const waiting = [tested.ask(path), tested.ask(path)];
    await asked.promise;
    await purge({ host: 'a.example', target: path });
    const after = tested.ask(path);
    // Who comes after the purge has not to do with what was asked before.
    while (answers.length < 2) await once(tested.arrivals, 'request');
    answers[1]!.writeHead(200, FRESH).end('new');
    expect((await after).text).toBe('new');
    answers[0]!.writeHead(200, FRESH).end('old');
    expect(new Set(await Promise.all(waiting.map(async (one) => (await one).text)))).toEqual(new Set(['old', 'new']));
    expect((await tested.ask(path)).text).toBe('new');
  });

  test('while a part of the body is here, and while what is kept is asked about', async () => {
    for (const prefix of ['/', '/nothing']) {
      const half = Promise.withResolvers<http.ServerResponse>();
      const path = tested.at((_request, answer, nth) => {
        answer.writeHead(200, FRESH);
        if (nth > 1) return void answer.end(`body ${nth}`);
        answer.write('begun ');
        half.resolve(answer);
      });
      const got = tested.ask(path);
      const answer = await half.promise;
      await purge({ host: 'a.example', target: prefix, prefix: true });
      answer.end('and ended');
      expect((await got).text).toBe('begun and ended');
      expect((await tested.ask(path)).text).toBe(prefix === '/' ? 'body 2' : 'begun and ended');
    }
    const asked = Promise.withResolvers<http.ServerResponse>();
    const path = tested.at((request, answer, nth) => {
      if (request.headers['if-none-match'] === '"1"') return asked.resolve(answer);
      answer.writeHead(200, { 'cache-control': 'max-age=0, stale-if-error=100', etag: `"${nth}"` }).end(`body ${nth}`);
    });
    await tested.ask(path);
    const got = tested.ask(path);
    const answer = await asked.promise;
    await purge({ all: true });
    answer.writeHead(304, FRESH).end();
    expect((await got).text).toBe('body 1');
    expect((await tested.ask(path)).text).toBe('body 3');
  });
});

describe('a request that changes something', () => {
  const change = (path: string, more: object = {}) => tested.ask(path, { method: 'POST', ...more });
  const isKept = async (path: string, host = 'a.example'): Promise<boolean> =>
    (await tested.ask(path, { host })).headers['cache-status']!.includes('hit');

  test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'PURGE'])('%s takes what is kept of its URL', async (method) => {
    const path = at();
    await texts(path, 'a.example', 'b.example');
    await change(path, { method });
    expect(await isKept(path)).toBe(false);
    // Of another host nothing is known.
    expect(await isKept(path, 'b.example')).toBe(true);
  });

  test('takes it under whatever rule and header it is kept, as its own rule is another', async () => {
    const write = httpRoute('a-write', [backendRefs('web')], { hostnames: ['a.example'] });
    const rule = write as { spec: { rules: object[] } };
    rule.spec.rules = [{ ...rule.spec.rules[0], matches: [{ method: 'POST' }] }];
    const more = { keyHeaders: ['x-mode'] };
    const policy = cached(more) as { spec: { targetRefs: object[] } };
    policy.spec.targetRefs.push({ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'a-write' });
    await tested.rig.write(site(policy, write));
    const path = at();
    const dark = { headers: { 'x-mode': 'dark' } };
    expect(await tested.texts(path, {}, dark, {}, dark)).toEqual(['body 1', 'body 2', 'body 1', 'body 2']);
    await change(path);
    expect(tested.rig.accesses.at(-1)!.route).toContain('a-write');
    expect(await tested.texts(path, {}, dark)).toEqual(['body 4', 'body 5']);
    // A line that a backend may take for one of the key's hides nothing.
    await change(path, { headers: { x_mode: 'dark' } });
    expect(await tested.texts(path, {}, dark)).toEqual(['body 7', 'body 8']);
    await tested.rig.write(site(cached()));
  });

  test('takes what Location and Content-Location name of the same origin, and of no other', async () => {
    const [one, other, third, foreign] = [at(), at(), at(), at()];
    for (const path of [one, other, third, foreign]) await texts(path, 'a.example', 'b.example');
    const path = tested.at((_request, answer, nth) =>
      answer
        .writeHead(
          201,
          [
            { location: one, 'content-location': `http://a.example${other}` },
            { location: `http://b.example${foreign}`, 'content-location': `https://a.example${third}` },
            { location: 'http://', 'content-location': `http://a.example:81${third}` },
          ][nth - 1],
        )
        .end(),
    );
    for (let i = 0; i < 3; i++) await change(path);
    expect([await isKept(one), await isKept(other)]).toEqual([false, false]);
    for (const host of ['a.example', 'b.example']) {
      expect([await isKept(third, host), await isKept(foreign, host)]).toEqual([true, true]);
    }
  });

  test('takes nothing where it failed', async () => {
    const path = tested.at((request, answer, nth) =>
      answer.writeHead(request.method === 'POST' ? 409 : 200, FRESH).end(`body ${nth}`),
    );
    await tested.ask(path);
    await change(path);
    expect(await isKept(path)).toBe(true);
  });

  test('takes what is on its way, too', async () => {
    const begun = Promise.withResolvers<http.ServerResponse>();
    const path = tested.at((_request, answer, nth) => {
      if (nth === 1) return begun.resolve(answer);
      answer.writeHead(200, FRESH).end(`body ${nth}`);
    });
    const got = tested.ask(path);
    const answer = await begun.promise;
    await change(path);
    answer.writeHead(200, FRESH).end('before');
    expect((await got).text).toBe('before');
    expect((await tested.ask(path)).text).toBe('body 3');
    const purged = tested.rig.proxy.metrics().find(({ name }) => name === 'daemun_cache_purged_total')!.series;
    expect(purged.map(({ labels }) => labels.by)).toEqual(['purge', 'request']);
    for (const { value } of purged) expect(value).toBeGreaterThan(5);
  });
});

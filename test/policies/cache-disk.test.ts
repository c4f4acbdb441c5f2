/** ResponsePolicy `cache.disk` over real sockets and a real folder: what survives, what is not used, and what is read while it is sent. */
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { readPurge } from '../../src/admin/purge-request.ts';
import { endpointsOf } from '../served/manifest.ts';
import { serveManifests } from '../served/rig.ts';
import { type Asked, CachedSite, cached, FRESH, type Got, site } from './cached-site.ts';
import { requestPolicy } from './policy.ts';

const path = mkdtempSync(join(tmpdir(), 'daemun-disk-'));
const place = { path, maxBytes: 16 * 1024 * 1024, index: 0, workers: 1 };
const SETTINGS = { maxObjectBytes: 8 * 1024 * 1024, disk: { maxBytes: 12 * 1024 * 1024 } };
const tested = new CachedSite(cached(SETTINGS), { cacheDisk: place });
afterAll(() => rmSync(path, { recursive: true, force: true }));
afterEach(() => tested.rig.proxy.purge(readPurge({ all: true })));

const at = (headers: http.OutgoingHttpHeaders = {}): string => tested.at({ ...FRESH, ...headers });
const statusOf = (got: Got): string => String(got.headers['cache-status']);

function files(): string[] {
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => /[0-9a-f]{40}-[0-9a-f]{40}$/.test(name)).map((name) => join(path, name));
}

function metric(name: string, label = ''): number {
  const { series } = tested.rig.proxy.metrics().find((one) => one.name === `daemun_cache_disk_${name}`)!;
  return series.find(({ labels }) => label === '' || Object.values(labels).includes(label))!.value as number;
}

async function restart(): Promise<void> {
  await tested.restart();
  // What is there is known.
  await expect.poll(() => metric('usable')).toBe(1);
}

/** Asks, and waits until so many files more are there. */
async function keep(url: string, asked: Asked = {}, more = 1): Promise<Got> {
  const wanted = files().length + more;
  const got = await tested.ask(url, asked);
  await expect.poll(() => files().length).toBe(wanted);
  return got;
}

describe('a restart', () => {
  test('finds what was kept, with its lines, its age and its times', async () => {
    const url = at({ etag: '"1"', 'x-own': 'yes', age: '7' });
    const first = await keep(url);
    await restart();
    const again = await tested.ask(url);
    expect([again.status, again.text]).toEqual([200, 'body 1']);
    expect(statusOf(again)).toMatch(/^daemun; hit; ttl=9\d; detail=disk$/);
    expect(again.headers).toMatchObject({ 'x-own': 'yes', 'x-added': '1', etag: '"1"', date: first.headers.date });
    expect(Number(again.headers.age)).toBeGreaterThanOrEqual(7);
    // It is in memory by then.
    expect(statusOf(await tested.ask(url))).toMatch(/^daemun; hit; ttl=\d+$/);
    expect(tested.timesAsked(url)).toBe(1);
    expect((await tested.ask(url, { headers: { 'if-none-match': '"1"' } })).status).toBe(304);
  });

  test('finds each variant for whom it is', async () => {
    const url = tested.at((request, answer, nth) =>
      answer.writeHead(200, { ...FRESH, vary: 'x-mode, accept-language' }).end(`${request.headers['x-mode']} ${nth}`),
    );
    const [dark, light] = [{ headers: { 'x-mode': 'dark' } }, { headers: { 'x-mode': 'light' } }];
    await keep(url, dark, 2);
    await keep(url, light);
    await restart();
    expect(await tested.texts(url, light, dark, light)).toEqual(['light 2', 'dark 1', 'light 2']);
    expect(await tested.texts(url, { headers: { 'x-mode': 'dark', 'accept-language': 'de' } })).toEqual(['dark 3']);
    await restart();
    // A line that a backend may take for one that Vary names.
    expect(await tested.texts(url, { headers: { 'x-mode': 'dark', x_mode: 'light' } })).toEqual(['dark 4']);
  });

  test('asks about what is stale, and gives it while the backend fails', async () => {
    const url = tested.at((request, answer, nth) => {
      if (nth > 2) return answer.writeHead(503).end();
      if (request.headers['if-none-match'] === '"1"')
        return answer.writeHead(304, { 'cache-control': 'max-age=0' }).end();
      return answer.writeHead(200, { 'cache-control': 'max-age=0, stale-if-error=100', etag: '"1"' }).end('kept');
    });
    await keep(url);
    await restart();
    expect(statusOf(await tested.ask(url))).toContain('fwd-status=304');
    await restart();
    const failed = await tested.ask(url);
    expect([failed.status, failed.text, statusOf(failed)]).toEqual([200, 'kept', 'daemun; hit; detail=stale-if-error']);
  });

  test('gives what must not be shared to nobody else, and nothing to whoever wants it anew', async () => {
    const url = at();
    await keep(url);
    await restart();
    expect((await tested.ask(url, { headers: { authorization: 'Bearer x' } })).text).toBe('body 2');
    expect((await tested.ask(url, { headers: { 'cache-control': 'no-cache' } })).text).toBe('body 3');
    const only = { headers: { 'cache-control': 'only-if-cached' } };
    await restart();
    expect((await tested.ask(url, only)).text).toBe('body 3');
    expect((await tested.ask(at(), only)).status).toBe(504);
    for (const host of ['b.example', 'x.a.example'])
      expect((await tested.ask(url, { host })).text).toMatch(/body [45]/);
  });
});

test('nothing that anybody wrote stands in a path, and nobody else may read it', async () => {
  await keep(`${at()}?secret=../../etc/passwd`);
  const [file = ''] = files();
  expect(file.slice(path.length)).toMatch(/^\/[0-9a-f]{40}\/[0-9a-f]{2}\/[0-9a-f]{40}-[0-9a-f]{40}$/);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(file, '..')).mode & 0o777).toBe(0o700);
});

test.each<[string, (bytes: Buffer) => Buffer]>([
  ['empty', () => Buffer.alloc(0)],
  ['cut in its head', (bytes) => bytes.subarray(0, 60)],
  ['cut in its body', (bytes) => bytes.subarray(0, -1)],
  ['longer than it says', (bytes) => Buffer.concat([bytes, Buffer.from('x')])],
  ['changed in its body', (bytes) => changed(bytes, bytes.length - 2)],
  ['changed in its head', (bytes) => changed(bytes, 40)],
  ['of nothing that is known', () => Buffer.alloc(500, 'x')],
  ['with a head of more than there is', (bytes) => changed(bytes, 11)],
])('a file that is %s is not used, and goes', async (_, damage) => {
  const url = at();
  await keep(url);
  const [file = ''] = files();
  writeFileSync(file, damage(readFileSync(file)));
  await restart();
  expect((await tested.ask(url)).text).toBe('body 2');
  await expect.poll(() => readFileSync(file).includes('body 2')).toBe(true);
});

function changed(bytes: Buffer, index: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[index]! ^= 0xff;
  return copy;
}

test('a file of another URL or policy under this one’s name is not used', async () => {
  const [one, other] = [at(), at()];
  await keep(one);
  const [file = ''] = files();
  await keep(other);
  const second = files().find((name) => name !== file)!;
  writeFileSync(second, readFileSync(file));
  await restart();
  expect((await tested.ask(other)).text).toBe('body 2');
});

describe('a long body', () => {
  const LONG = Buffer.alloc(3 * 1024 * 1024, 'a long body, of which each part is another ');
  for (let i = 0; i < LONG.length; i += 997) LONG[i] = i & 0x7f;
  const long = (headers: http.OutgoingHttpHeaders = {}): string =>
    tested.at((_request, answer) => answer.writeHead(200, { ...FRESH, ...headers }).end(LONG));

  test('is read while it is sent, and takes no memory', async () => {
    const url = long();
    expect((await keep(url)).bytes.equals(LONG)).toBe(true);
    for (let i = 0; i < 3; i++) {
      const got = await tested.ask(url);
      expect(statusOf(got)).toContain('detail=disk');
      expect(got.headers['content-length']).toBe(String(LONG.length));
      expect(got.bytes.equals(LONG)).toBe(true);
    }
    const urls = tested.rig.proxy.metrics().find(({ name }) => name === 'daemun_cache_bytes')!.series[0]!.value;
    expect(urls).toBe(0);
    expect(tested.timesAsked(url)).toBe(1);
    expect(tested.rig.accesses.at(-1)).toMatchObject({ status: 200, bytesOut: LONG.length });
  });

  test('waits for a client that is slow, and is let go of when he leaves', async () => {
    const url = long();
    await keep(url);
    const descriptors = (): number =>
      readdirSync('/proc/self/fd').filter((fd) => {
        try {
          return statSync(`/proc/self/fd/${fd}`).size > LONG.length;
        } catch {
          return false;
        }
      }).length;
    const open = async (): Promise<http.IncomingMessage> => {
      const call = http.request({
        port: tested.rig.port(),
        host: '127.0.0.1',
        path: url,
        agent: false,
        headers: { host: 'a.example' },
      });
      call.end();
      const [answer] = (await once(call, 'response')) as [http.IncomingMessage];
      return answer;
    };
    const slow = await open();
    let bytes = 0;
    for await (const piece of slow as AsyncIterable<Buffer>) {
      if (bytes === 0) await expect.poll(descriptors).toBe(1);
      bytes += piece.length;
    }
    expect(bytes).toBe(LONG.length);
    await expect.poll(descriptors).toBe(0);
    const leaving = await open();
    await expect.poll(descriptors).toBe(1);
    leaving.destroy();
    await expect.poll(descriptors).toBe(0);
  });

  test('is compressed, answers HEAD with its length, and 304', async () => {
    const url = long({ etag: '"l"' });
    const gateway = { kind: 'Gateway' as const, name: 'gw' };
    await tested.rig.write(
      site(cached(SETTINGS), requestPolicy('ResponsePolicy', 'smaller', gateway, { compression: {} })),
    );
    await keep(url);
    const gzip = await tested.ask(url, { headers: { 'accept-encoding': 'gzip' } });
    expect([statusOf(gzip).includes('disk'), gunzipSync(gzip.bytes).equals(LONG)]).toEqual([true, true]);
    expect((await tested.ask(url, { headers: { 'if-none-match': '"l"' } })).status).toBe(304);
    await tested.rig.write(site(cached(SETTINGS)));
  });

  test('that is not what was written is cut off before its end', async () => {
    const url = long();
    await keep(url);
    const [file = ''] = files();
    writeFileSync(file, changed(readFileSync(file), LONG.length));
    await expect(tested.ask(url)).rejects.toThrow(/aborted|hang up|ECONNRESET/);
    // Once: it is gone then.
    expect((await tested.ask(url)).bytes.equals(LONG)).toBe(true);
  });
});

describe('room', () => {
  test('is what the policy says: what was used least lately goes', async () => {
    const big = Buffer.alloc(2 * 1024 * 1024, 'x');
    const urls = Array.from({ length: 9 }, () =>
      tested.at((_request, answer) => answer.writeHead(200, FRESH).end(big)),
    );
    for (const url of urls.slice(0, 5)) await keep(url);
    expect(statusOf(await tested.ask(urls[0]!))).toContain('disk');
    for (const url of urls.slice(5)) {
      await tested.ask(url);
      await expect.poll(async () => statusOf(await tested.ask(url))).toContain('disk');
      expect(files()).toHaveLength(5);
    }
    expect(metric('bytes')).toBeLessThanOrEqual(12 * 1024 * 1024);
    expect(statusOf(await tested.ask(urls[8]!))).toContain('disk');
    expect(statusOf(await tested.ask(urls[1]!))).toContain('uri-miss');
  });

  test('outlives a restart: what is too much then goes', async () => {
    for (let i = 0; i < 5; i++) await keep(at());
    const before = metric('files');
    await restart();
    expect(metric('files')).toBe(before);
  });
});

test('a policy that goes takes its files with it', async () => {
  const url = at();
  await keep(url);
  await tested.rig.write(site());
  await expect.poll(files).toEqual([]);
  await tested.rig.write(site(cached(SETTINGS)));
  expect((await tested.ask(url)).text).toBe('body 2');
});

describe('a disk that fails', () => {
  test('that cannot be written leaves memory, and is told', async () => {
    // Whoever runs this as root writes everywhere: a file stands where a folder should be.
    const url = at();
    await keep(url);
    const folder = join(files()[0]!, '..', '..');
    rmSync(folder, { recursive: true });
    writeFileSync(folder, '');
    chmodSync(folder, 0o600);
    const other = at();
    expect(await tested.texts(other, {}, {})).toEqual(['body 1', 'body 1']);
    await expect.poll(() => metric('errors_total', 'write')).toBe(1);
    expect(metric('usable')).toBe(0);
    expect(statusOf(await tested.ask(other))).toMatch(/^daemun; hit; ttl=\d+$/);
    rmSync(folder);
    await restart();
  });
});

describe('a purge', () => {
  test('takes files by URL, by how they begin, by host and by policy', async () => {
    const url = at({ vary: 'x-mode' });
    const purge = (asked: object) => tested.rig.proxy.purge(readPurge(asked));
    const gone = async (): Promise<void> => {
      await restart();
      expect(statusOf(await tested.ask(`${url}?a`))).toContain('uri-miss');
      expect(statusOf(await tested.ask(`${url}?b`))).toContain('detail=disk');
    };
    const host = 'a.example';
    await keep(`${url}?b`, {}, 2);
    for (const asked of [
      { host, target: `${url}?a` },
      { host, target: `${url}?a`, prefix: true },
      { host, target: `${url}?a`, policy: 'default/kept' },
    ]) {
      if (asked.prefix === undefined && asked.policy === undefined) await keep(`${url}?a`, {}, 2);
      const dry = await purge({ ...asked, dryRun: true });
      expect(dry.disk!.files).toBe(2);
      expect((await purge(asked)).disk).toEqual(dry.disk);
      await gone();
      await expect.poll(() => files().length).toBe(4);
    }
    expect((await purge({ policy: 'default/other' })).disk!.files).toBe(0);
    expect((await purge({ host: 'b.example' })).disk!.files).toBe(0);
    expect((await purge({ host })).disk!.files).toBe(4);
    expect(files()).toEqual([]);
    expect(metric('files')).toBe(0);
  });

  test('by a request that changes something takes the file', async () => {
    const url = at();
    await keep(url);
    await tested.ask(url, { method: 'POST' });
    expect((await tested.ask(url)).text).toBe('body 3');
    await restart();
    expect((await tested.ask(url)).text).toBe('body 3');
  });
});

describe('a policy whose disk is taken out and put back while it serves', () => {
  const disked = (more: object = {}): string => site(cached({ ...SETTINGS, ...more }));
  const diskless = (): string => site(cached({ maxObjectBytes: SETTINGS.maxObjectBytes }));

  test('finds again what is there, but for what was purged or changed meanwhile; nothing is written in between', async () => {
    const [quiet, changed, purged, asked] = [at(), at(), at(), at()];
    for (const url of [quiet, changed, purged, asked]) await keep(url);
    await restart();
    await tested.rig.write(diskless());
    const before = files().length;
    expect(statusOf(await tested.ask(asked))).toContain('fwd=uri-miss');
    await tested.ask(changed, { method: 'POST' });
    await tested.rig.proxy.purge(readPurge({ host: 'a.example', target: purged }));
    await expect.poll(() => files().length).toBe(before - 2);
    await tested.rig.write(disked());
    expect(statusOf(await tested.ask(quiet))).toContain('detail=disk');
    expect(statusOf(await tested.ask(changed))).toContain('fwd=uri-miss');
    expect(statusOf(await tested.ask(purged))).toContain('fwd=uri-miss');
    expect(statusOf(await tested.ask(asked))).toContain('hit');
    expect([metric('usable'), metric('errors_total')]).toEqual([1, 0]);
    await keep(at());
  });

  test('leaves nothing where the cache itself is taken out, and begins anew: what changes meanwhile it would not hear of', async () => {
    const url = at();
    await keep(url);
    expect(statusOf(await tested.ask(url))).toContain('hit');
    const pages = requestPolicy('ResponsePolicy', 'kept', { kind: 'HTTPRoute', name: 'a' }, { accessLog: 'Enabled' });
    await tested.rig.write(site(pages));
    await expect.poll(() => files().length).toBe(0);
    await tested.rig.write(disked());
    expect(statusOf(await keep(url))).toContain('fwd=uri-miss');
    expect([metric('usable'), metric('errors_total')]).toEqual([1, 0]);
  });
});

test('where there is no disk, nothing is said any more once a policy does not ask for it, and the status says it again once it does', async () => {
  const rig = await serveManifests(site(cached(SETTINGS)), { endpoints: [endpointsOf('web', tested.port)] });
  const ask = async (path: string): Promise<void> => {
    const to = { host: '127.0.0.1', port: rig.port(), path, agent: false, headers: { host: 'a.example' } };
    const [answer] = (await once(http.get(to), 'response')) as [http.IncomingMessage];
    await once(answer.resume(), 'end');
  };
  const told = (): string[] =>
    rig.report().diagnostics.flatMap(({ message }) => (/disk for answers is not given/.test(message) ? [message] : []));
  const programmed = (): boolean => JSON.stringify(rig.report().items).includes('it has no disk for answers');
  await ask(at());
  await expect.poll(told, { timeout: 10_000 }).toHaveLength(1);
  expect(programmed()).toBe(true);
  await rig.write(site(cached({ maxObjectBytes: 1_000 })));
  await expect.poll(told, { timeout: 10_000 }).toEqual([]);
  await expect.poll(programmed).toBe(false);
  // The status says it at once; what answers meet is told again within a minute.
  await rig.write(site(cached(SETTINGS)));
  await expect.poll(programmed).toBe(true);
  await rig.close();
});

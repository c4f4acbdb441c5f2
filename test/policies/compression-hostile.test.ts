/** Compression of answers that are endless, empty, broken or not to be touched, over HTTP/1.1 and HTTP/2: what a client gets is whole, or seen to be broken. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type net from 'node:net';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { brotliDecompressSync, createGunzip, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { httpBackend, rawBackend, type TestBackend } from '../served/raw-backend.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { requestPolicy } from './policy.ts';

const TEXT = 'the quick brown fox jumps over the lazy dog. '.repeat(400);
const TYPE = { 'content-type': 'text/plain' };
const ENDLESS = 256 << 20;
const PIECE = 65_536;
/** More than any compressor looks back. */
const RANDOM = randomBytes(16 << 20);

function site(): string {
  const compression = requestPolicy('ResponsePolicy', 'small', { kind: 'Gateway', name: 'gw' }, { compression: {} });
  const raw = { matches: [{ path: { value: '/raw' } }], ...backendRefs('raw') };
  return manifests([HTTP], httpRoute('a', [raw, backendRefs('web')]), service('web'), service('raw'), compression);
}

/** Bytes that the backend has got rid of. */
let written = 0;

const pages: Record<string, (answer: http.ServerResponse, asked: http.IncomingMessage) => unknown> = {
  '/empty': (answer) => answer.writeHead(200, TYPE).end(),
  '/empty-length': (answer) => answer.writeHead(200, { ...TYPE, 'content-length': 0 }).end(),
  '/text': (answer) => answer.writeHead(200, { ...TYPE, etag: '"v"', 'content-length': TEXT.length }).end(TEXT),
  '/summed': (answer) =>
    answer
      .writeHead(200, {
        ...TYPE,
        'content-md5': 'x',
        digest: 'sha-256=x',
        'content-digest': 'sha-256=:x:',
        'repr-digest': 'sha-256=:x:',
      })
      .end(TEXT),
  '/weak': (answer) => answer.writeHead(200, { ...TYPE, etag: 'W/"v"' }).end(TEXT),
  '/not-modified': (answer) => answer.writeHead(304, { ...TYPE, etag: '"v"' }).end(),
  '/no-content': (answer) => answer.writeHead(204, { ...TYPE, etag: '"v"' }).end(),
  '/part': (answer) =>
    answer.writeHead(206, { ...TYPE, etag: '"v"', 'content-range': 'bytes 0-9999/20000' }).end(TEXT.slice(0, 10_000)),
  '/unsatisfied': (answer) => answer.writeHead(416, { ...TYPE, 'content-range': 'bytes */20000' }).end(TEXT),
  '/error': (answer) => answer.writeHead(500, TYPE).end(TEXT),
  '/no-transform': (answer) =>
    answer.writeHead(200, { ...TYPE, 'cache-control': 'public, max-age=1,No-Transform' }).end(TEXT),
  '/encoded': (answer) => answer.writeHead(200, { ...TYPE, 'content-encoding': 'x-own' }).end(TEXT),
  '/encoded-twice': (answer) => answer.writeHead(200, { ...TYPE, 'content-encoding': 'identity, gzip' }).end(TEXT),
  '/vary': (answer) => answer.writeHead(200, { ...TYPE, vary: 'accept-encoding, Origin' }).end(TEXT),
  '/vary-all': (answer) => answer.writeHead(200, { ...TYPE, vary: '*' }).end(TEXT),
  '/trailers': (answer) => {
    answer.writeHead(200, { ...TYPE, trailer: 'X-Sum' });
    answer.write(TEXT);
    answer.addTrailers({ 'X-Sum': 'all' });
    answer.end();
  },
  '/endless': (answer) => endless(answer, RANDOM),
  '/zeros': (answer) => endless(answer, Buffer.alloc(PIECE)),
};

/** `bytes` again and again. */
function endless(answer: http.ServerResponse, bytes: Buffer): void {
  written = 0;
  answer.writeHead(200, TYPE);
  const more = (): void => {
    while (written < ENDLESS && !answer.destroyed) {
      const at = written % bytes.length;
      written += PIECE;
      if (!answer.write(bytes.subarray(at, at + PIECE))) return;
    }
    answer.end();
  };
  answer.on('drain', more);
  more();
}

let origin: TestBackend;
let raw: TestBackend;
let rig: Rig;
/** What the raw backend says. */
let talk: (socket: net.Socket) => void;
beforeAll(async () => {
  origin = await httpBackend((asked, answer) => pages[asked.url!]!(answer, asked));
  raw = await rawBackend((socket) => socket.once('data', () => talk(socket)));
  rig = await serveManifests(site(), { endpoints: [endpointsOf('web', origin.port), endpointsOf('raw', raw.port)] });
});
afterAll(async () => {
  await rig.close();
  await Promise.all([origin.close(), raw.close()]);
});

interface Got {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  trailers: Record<string, string | undefined>;
  body: Buffer;
  /** It was said that this is all. */
  whole: boolean;
}

interface Asked {
  method?: string;
  accept?: string;
}

async function overHttp1(path: string, { method = 'GET', accept = 'gzip' }: Asked = {}): Promise<Got> {
  const request = http.request({
    host: '127.0.0.1',
    port: rig.port(),
    path,
    method,
    agent: false,
    headers: { 'accept-encoding': accept },
  });
  request.end();
  const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
  const { body, whole } = await all(answer);
  return { status: answer.statusCode!, headers: answer.headers, trailers: answer.trailers, body, whole };
}

async function overHttp2(path: string, { method = 'GET', accept = 'gzip' }: Asked = {}): Promise<Got> {
  const session = http2.connect(`http://127.0.0.1:${rig.port()}`);
  const stream = session.request({ ':path': path, ':method': method, 'accept-encoding': accept });
  let trailers = {};
  stream.on('trailers', (lines) => {
    trailers = lines;
  });
  const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
  const { body, whole } = await all(stream);
  session.destroy();
  return { status: headers[':status'] as unknown as number, headers, trailers, body, whole };
}

async function all(readable: Readable): Promise<{ body: Buffer; whole: boolean }> {
  const parts: Buffer[] = [];
  try {
    await pipeline(readable, async (source) => {
      for await (const part of source) parts.push(part as Buffer);
    });
    return { body: Buffer.concat(parts), whole: true };
  } catch {
    return { body: Buffer.concat(parts), whole: false };
  }
}

describe.each([
  ['HTTP/1.1', overHttp1],
  ['HTTP/2', overHttp2],
])('over %s', (_name, ask) => {
  test('what has no bytes has none, or is what nothing becomes', async () => {
    const length = await ask('/empty-length');
    expect([length.body.length, length.headers['content-encoding']]).toEqual([0, undefined]);
    for (const accept of ['gzip', 'br', 'zstd']) {
      const { headers, body, whole } = await ask('/empty', { accept });
      const back = { gzip: gunzipSync, br: brotliDecompressSync, zstd: zstdDecompressSync }[accept]!;
      expect([whole, headers['content-encoding'] === undefined ? body : back(body)]).toEqual([true, Buffer.alloc(0)]);
    }
  });

  test('HEAD says what GET would, without a body or a wrong length', async () => {
    const [head, get] = [await ask('/text', { method: 'HEAD' }), await ask('/text')];
    expect(head).toMatchObject({
      status: 200,
      whole: true,
      headers: { 'content-encoding': 'gzip', etag: 'W/"v"', vary: 'Accept-Encoding' },
    });
    expect([head.body.length, head.headers['content-length']]).toEqual([0, undefined]);
    expect(String(gunzipSync(get.body))).toBe(TEXT);
    expect(get.headers.etag).toBe(head.headers.etag);
    expect((await ask('/weak')).headers.etag).toBe('W/"v"');
  });

  test.each<[string, number]>([
    ['/not-modified', 304],
    ['/no-content', 204],
    ['/part', 206],
    ['/no-transform', 200],
    ['/encoded', 200],
    ['/encoded-twice', 200],
  ])('%s is as it was', async (path, status) => {
    const got = await ask(path);
    expect([got.status, got.whole]).toEqual([status, true]);
    expect(got.headers['content-encoding']).toBe({ '/encoded': 'x-own', '/encoded-twice': 'identity, gzip' }[path]);
    if (got.headers.etag !== undefined) expect(got.headers.etag).toBe(status === 304 ? 'W/"v"' : '"v"');
    const length = { '/not-modified': 0, '/no-content': 0, '/part': 10_000 }[path] ?? TEXT.length;
    expect(got.body.length).toBe(length);
  });

  test('answers of errors are compressed like others, and Vary says each name once', async () => {
    for (const path of ['/unsatisfied', '/error']) {
      const got = await ask(path);
      expect([got.headers['content-encoding'], String(gunzipSync(got.body))]).toEqual(['gzip', TEXT]);
    }
    expect((await ask('/vary')).headers.vary).toBe('accept-encoding, Origin');
    expect((await ask('/vary-all')).headers.vary).toBe('*');
  });

  test('sums of what the backend sent are not told of something else, and are told of what is as it was', async () => {
    const sums = ['content-md5', 'digest', 'content-digest', 'repr-digest'];
    const [small, plain] = [await ask('/summed'), await ask('/summed', { accept: 'identity' })];
    expect(sums.filter((name) => small.headers[name] !== undefined)).toEqual([]);
    expect(sums.filter((name) => plain.headers[name] !== undefined)).toEqual(sums);
  });

  test('trailers come behind', async () => {
    const got = await ask('/trailers');
    expect(String(gunzipSync(got.body))).toBe(TEXT);
    expect(got.trailers['x-sum']).toBe('all');
  });

  const CHUNKED = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
  const LARGE = TEXT.repeat(20);
  test.each<[string, (socket: net.Socket) => void]>([
    ['a chunk whose size is none', (socket) => socket.write(`${CHUNKED}${chunk(TEXT)}zz\r\n`)],
    ['a chunk whose size is none, behind much', (socket) => socket.write(`${CHUNKED}${chunk(LARGE)}zz\r\n`)],
    ['a chunk that is longer than it says', (socket) => socket.write(`${CHUNKED}${chunk(TEXT)}1\r\nabc\r\n0\r\n\r\n`)],
    ['chunks without an end', (socket) => socket.end(`${CHUNKED}${chunk(TEXT)}`)],
    ['chunks without an end, behind much', (socket) => socket.end(`${CHUNKED}${chunk(LARGE)}`)],
    ['a reset', (socket) => socket.write(`${CHUNKED}${chunk(TEXT)}`, () => socket.resetAndDestroy())],
    [
      'fewer bytes than were promised',
      (socket) => socket.end(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 99999\r\n\r\n${TEXT}`),
    ],
    ['trailers that are none', (socket) => socket.write(`${CHUNKED}${chunk(TEXT)}0\r\nno trailer\r\n\r\n`)],
  ])('%s is seen to be broken, or is no answer', async (_what, behave) => {
    talk = behave;
    const got = await ask('/raw');
    if (got.whole) expect(got.status).toBeGreaterThanOrEqual(502);
    else expect(got.status).toBe(200);
  });
});

describe('a backend that says very much', () => {
  test.each(['gzip', 'br', 'zstd'])(
    'is heard no faster than a client reads, compressed with %s',
    async (accept) => {
      const request = http.get({
        host: '127.0.0.1',
        port: rig.port(),
        path: '/endless',
        agent: false,
        headers: { 'accept-encoding': accept },
      });
      const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
      expect(answer.headers['content-encoding']).toBe(accept);
      answer.pause();
      // It stands still: nothing more for a while, far from its end.
      let before = -1;
      await expect
        .poll(
          () => {
            const still = written === before;
            before = written;
            return still;
          },
          { interval: 500, timeout: 20_000 },
        )
        .toBe(true);
      expect(written).toBeLessThan(48 << 20);
      request.destroy();
      await expect.poll(() => origin.open).toBe(0);
    },
    30_000,
  );

  test('of nothing but zeros comes whole', async () => {
    const request = http.get({
      host: '127.0.0.1',
      port: rig.port(),
      path: '/zeros',
      agent: false,
      headers: { 'accept-encoding': 'gzip' },
    });
    const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
    let length = 0;
    await pipeline(answer, createGunzip(), async (source) => {
      for await (const part of source) length += (part as Buffer).length;
    });
    expect(length).toBe(ENDLESS);
  }, 30_000);
});

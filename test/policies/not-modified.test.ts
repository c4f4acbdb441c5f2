/** 304 where answers are compressed: the tag that the client was given is the one that it hears of again. */
import { createHash } from 'node:crypto';
import type http from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { httpBackend, type TestBackend } from '../served/raw-backend.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { answerTo } from './plain-asker.ts';
import { requestPolicy } from './policy.ts';

const TEXT = 'the quick brown fox jumps over the lazy dog. '.repeat(200);
const TAG = `"${createHash('sha1').update(TEXT).digest('hex')}"`;
const WEAK = `W/${TAG}`;

type Comparing = (tags: string | undefined) => boolean;
const COMPARING: Readonly<Record<string, Comparing>> = {
  weakly: (tags) => tags?.includes(TAG) === true,
  'byte by byte': (tags) => tags === TAG,
  never: () => false,
};

/** /comparing/type */
function answer(request: http.IncomingMessage, response: http.ServerResponse): void {
  const [, comparing = '', type = ''] = decodeURI(request.url!).split('/');
  const headers = { etag: TAG, 'cache-control': type === 'kept' ? 'max-age=100' : 'no-cache', 'x-own': '1' };
  if (COMPARING[comparing]!(request.headers['if-none-match'])) {
    response.writeHead(304, type === 'image' ? { ...headers, 'content-type': 'image/png' } : headers).end();
    return;
  }
  const length = { 'content-length': TEXT.length, 'content-type': type === 'image' ? 'image/png' : 'text/plain' };
  response.writeHead(200, { ...headers, ...length }).end(request.method === 'HEAD' ? '' : TEXT);
}

let backend: TestBackend;
let rig: Rig;
const rule = { ...backendRefs('web') };
const compressed = { kind: 'HTTPRoute', name: 'compressed' } as const;
const kept = { kind: 'HTTPRoute', name: 'kept' } as const;
beforeAll(async () => {
  backend = await httpBackend(answer);
  const site = manifests(
    [HTTP],
    httpRoute('compressed', [rule], { hostnames: ['a.example'] }),
    httpRoute('kept', [rule], { hostnames: ['kept.example'] }),
    service('web'),
    requestPolicy('ResponsePolicy', 'compressed', compressed, { compression: {} }),
    requestPolicy('ResponsePolicy', 'kept', kept, { compression: {}, cache: {} }),
  );
  rig = await serveManifests(site, { endpoints: [endpointsOf('web', backend.port)] });
});
afterAll(async () => {
  await rig.close();
  await backend.close();
});

const ask = (path: string, headers: Record<string, string>, method = 'GET') =>
  answerTo(rig.port(), { path: encodeURI(path), method, headers: { host: 'a.example', ...headers } });

describe.each(Object.keys(COMPARING))('a backend that compares tags %s', (comparing) => {
  const gzip = { 'accept-encoding': 'gzip' };

  test.each(['GET', 'HEAD'])('has a client whose %s names the weak tag hear that it has the answer', async (method) => {
    const first = await ask(`/${comparing}/text`, gzip);
    expect([first.status, first.headers.etag, first.headers['content-encoding']]).toEqual([200, WEAK, 'gzip']);
    const tags = { ...gzip, 'if-none-match': `"other", ${first.headers.etag!}` };
    for (const headers of [tags, { ...tags, 'if-none-match': first.headers.etag! }]) {
      const again = await ask(`/${comparing}/text`, headers, method);
      expect([again.status, again.body.length]).toEqual([304, 0]);
      expect(again.headers).toMatchObject({
        etag: WEAK,
        vary: 'Accept-Encoding',
        'cache-control': 'no-cache',
        'x-own': '1',
      });
      expect(again.headers).not.toHaveProperty('content-type');
      expect(again.headers).not.toHaveProperty('content-encoding');
    }
  });

  test('is not asked for what a client has that takes it uncompressed by now', async () => {
    const again = await ask(`/${comparing}/text`, { 'if-none-match': WEAK });
    expect([again.status, again.headers.etag, again.headers.vary]).toEqual([304, WEAK, 'Accept-Encoding']);
  });

  test('has what is kept of it given as what it is', async () => {
    const at = { ...gzip, host: 'kept.example' };
    const first = await ask(`/${comparing}/kept`, at);
    expect([first.status, first.headers.etag]).toEqual([200, WEAK]);
    const again = await ask(`/${comparing}/kept`, { ...at, 'if-none-match': WEAK });
    expect([again.status, again.headers.etag, again.headers.vary]).toEqual([304, WEAK, 'Accept-Encoding']);
    expect(again.headers['cache-status']).toMatch(/^daemun; hit/);
  });

  test('a cache that asks for a client that has the answer keeps it all the same', async () => {
    const at = { ...gzip, host: 'kept.example', 'if-none-match': WEAK };
    await ask(`/${comparing}/kept/first`, at);
    const again = await ask(`/${comparing}/kept/first`, at);
    expect([again.status, again.headers['cache-status']]).toEqual([304, expect.stringMatching(/^daemun; hit/)]);
  });

  test('POST gets its answer, whatever it names', async () => {
    const posted = await ask(`/never/text`, { ...gzip, 'if-none-match': WEAK }, 'POST');
    expect([posted.status, posted.headers.etag]).toEqual([200, WEAK]);
  });
});

test('a client that has it uncompressed hears of the strong tag', async () => {
  const { status, headers } = await ask('/weakly/text', { 'if-none-match': TAG, 'accept-encoding': 'gzip' });
  expect([status, headers.etag, headers.vary]).toEqual([304, TAG, 'Accept-Encoding']);
});

test('of a type that is not compressed nothing is changed', async () => {
  const { status, headers } = await ask('/weakly/image', { 'if-none-match': WEAK, 'accept-encoding': 'gzip' });
  expect([status, headers.etag, headers.vary]).toEqual([304, TAG, undefined]);
});

test('a client that has another answer gets this one', async () => {
  const { status, headers } = await ask('/weakly/text', { 'if-none-match': 'W/"other"', 'accept-encoding': 'gzip' });
  expect([status, headers.etag]).toEqual([200, WEAK]);
});

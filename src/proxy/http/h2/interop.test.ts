import { once } from 'node:events';
import http2 from 'node:http2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answerOf, NodePair, pattern } from './node-pair.fixture.ts';

const pair = new NodePair();
beforeAll(() => pair.start());
afterAll(() => pair.stop());

describe('node:http2 as client and as backend', () => {
  test('GET with headers both ways', async () => {
    pair.handlers.set('/get', (stream, headers) => {
      stream.respond({
        ':status': 203,
        'x-seen': `${headers[':authority']} ${headers['x-custom']} ${headers.cookie}`,
      });
      stream.end('hello');
    });
    for (let i = 0; i < 5; i++) {
      const answer = await answerOf(
        pair.client.request({ ':path': '/get?a=b', 'x-custom': 'yes', cookie: 'a=b; c=d' }),
      );
      expect(answer.headers[':status']).toBe(203);
      expect(answer.headers['x-seen']).toBe(`127.0.0.1:${pair.relay.port} yes a=b; c=d`);
      expect(answer.body.toString()).toBe('hello');
    }
    expect(pair.relay.heads.at(-1)).toMatch(/^GET \/get\?a=b HTTP\/1\.1\r\nhost: 127\.0\.0\.1:\d+\r\n/);
  });

  test('HEAD, 204 and 304 have no body and no trouble with content-length', async () => {
    pair.handlers.set('/head', (stream) => stream.respond({ 'content-length': '5' }, { endStream: true }));
    pair.handlers.set('/204', (stream) => stream.respond({ ':status': 204 }, { endStream: true }));
    pair.handlers.set('/304', (stream) =>
      stream.respond({ ':status': 304, 'content-length': '7' }, { endStream: true }),
    );
    const head = await answerOf(pair.client.request({ ':path': '/head', ':method': 'HEAD' }).resume());
    expect([head.headers['content-length'], head.body.length]).toEqual(['5', 0]);
    expect((await answerOf(pair.client.request({ ':path': '/204' }).resume())).headers[':status']).toBe(204);
    expect((await answerOf(pair.client.request({ ':path': '/304' }).resume())).headers['content-length']).toBe('7');
  });

  test.each([0, 1, 16_384, 65_535, 65_536, 300_000, 3_000_000])('POST echoes %i bytes', async (size) => {
    pair.handlers.set('/echo', (stream) => {
      stream.respond();
      stream.pipe(stream);
    });
    const stream = pair.client.request({ ':path': '/echo', ':method': 'POST' });
    const sent = pattern(size);
    stream.end(sent);
    const answer = await answerOf(stream);
    expect(answer.body.equals(sent)).toBe(true);
  });

  test('many streams at once, more than the limit of either side', async () => {
    pair.handlers.set('/many', (stream, headers) => {
      stream.respond();
      stream.end(String(headers['x-number']).repeat(1000));
    });
    const answers = await Promise.all(
      Array.from({ length: 400 }, (_, i) => answerOf(pair.client.request({ ':path': '/many', 'x-number': `${i},` }))),
    );
    for (const [i, answer] of answers.entries()) expect(answer.body.toString()).toBe(`${i},`.repeat(1000));
  });

  test('informational answers pass', async () => {
    pair.handlers.set('/early', (stream) => {
      stream.additionalHeaders({ ':status': 103, link: '</a.css>; rel=preload' });
      stream.respond();
      stream.end('late');
    });
    const stream = pair.client.request({ ':path': '/early' });
    const early = once(stream, 'headers');
    const answer = await answerOf(stream);
    expect(((await early) as [http2.IncomingHttpHeaders])[0]).toMatchObject({
      ':status': 103,
      link: '</a.css>; rel=preload',
    });
    expect(answer.body.toString()).toBe('late');
  });

  test('a client that cancels cancels at the backend', async () => {
    const cancelled = new Promise<number>((resolve) => {
      pair.handlers.set('/cancel', (stream) => {
        stream.respond();
        stream.write('first');
        stream.on('close', () => resolve(stream.rstCode));
      });
    });
    const stream = pair.client.request({ ':path': '/cancel' });
    stream.on('error', () => undefined);
    await once(stream, 'data');
    stream.close(http2.constants.NGHTTP2_CANCEL);
    expect(await cancelled).toBe(http2.constants.NGHTTP2_CANCEL);
  });

  test('a backend that resets in the middle resets the client', async () => {
    pair.handlers.set('/reset', (stream) => {
      stream.respond();
      stream.write('first', () => stream.destroy(new Error('broken')));
    });
    const stream = pair.client.request({ ':path': '/reset' });
    stream.resume();
    const [error] = (await once(stream, 'error')) as [Error];
    expect(error.message).toContain('NGHTTP2_INTERNAL_ERROR');
  });

  test('an early answer ends an upload that is not finished', async () => {
    pair.handlers.set('/refuse', (stream) => {
      stream.respond({ ':status': 413 });
      stream.end('too large');
    });
    const stream = pair.client.request({ ':path': '/refuse', ':method': 'POST' });
    stream.on('error', () => undefined);
    stream.write('x'.repeat(10_000));
    const answer = await answerOf(stream);
    expect(answer.headers[':status']).toBe(413);
    expect(answer.body.toString()).toBe('too large');
    if (!stream.closed) await once(stream, 'close');
    expect(stream.rstCode).toBe(http2.constants.NGHTTP2_NO_ERROR);
  });

  test('a slow reader stops the backend, and nothing is lost', async () => {
    const size = 2_000_000;
    pair.handlers.set('/flood', (stream) => {
      stream.respond();
      stream.end(pattern(size));
    });
    const stream = pair.client.request({ ':path': '/flood' });
    const other = await answerOf(pair.client.request({ ':path': '/get' }));
    expect(other.body.toString()).toBe('hello');
    const answer = await answerOf(stream);
    expect(answer.body.equals(pattern(size))).toBe(true);
  });

  test('a client with tiny windows gets everything', async () => {
    const tiny = pair.connect({ initialWindowSize: 7 });
    pair.handlers.set('/tiny', (stream) => {
      stream.respond({}, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ done: 'yes' }));
      stream.end(pattern(1000));
    });
    const answer = await answerOf(tiny.request({ ':path': '/tiny' }));
    expect(answer.body.equals(pattern(1000))).toBe(true);
    expect(answer.trailers.done).toBe('yes');
    tiny.destroy();
  });

  test('large heads are split into CONTINUATION frames and put together', async () => {
    const large = 'v'.repeat(20_000);
    pair.handlers.set('/large', (stream, headers) => {
      stream.respond({ 'x-large': headers['x-large'] });
      stream.end();
    });
    const answer = await answerOf(pair.client.request({ ':path': '/large', 'x-large': large }).resume());
    expect(answer.headers['x-large']).toBe(large);
  });

  test('WebSocket over HTTP/2 on both sides', async () => {
    pair.handlers.set('/ws', (stream, headers) => {
      expect(headers[':protocol']).toBe('websocket');
      stream.respond({ ':status': 200, 'sec-websocket-protocol': 'chat' });
      stream.on('data', (chunk: Buffer) => stream.write(`echo ${chunk.toString()}`));
      stream.on('end', () => stream.end());
    });
    const stream = pair.client.request({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':path': '/ws',
      ':scheme': 'http',
      ':authority': 'a.example',
    });
    stream.write('early');
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    expect(headers).toMatchObject({ ':status': 200, 'sec-websocket-protocol': 'chat' });
    expect(headers.upgrade).toBeUndefined();
    expect(((await once(stream, 'data')) as [Buffer])[0].toString()).toBe('echo early');
    stream.write('late');
    expect(((await once(stream, 'data')) as [Buffer])[0].toString()).toBe('echo late');
    stream.end();
    await once(stream, 'end');
  });
});

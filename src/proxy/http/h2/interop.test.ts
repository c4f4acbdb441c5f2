import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Relay } from './relay.fixture.ts';

type Handler = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void;
const handlers = new Map<string, Handler>();
let backend: http2.Http2Server;
let relay: Relay;
let client: http2.ClientHttp2Session;

beforeAll(async () => {
  backend = http2.createServer({ settings: { enableConnectProtocol: true } });
  backend.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
    stream.on('error', () => undefined);
    handlers.get(String(headers[':path']).split('?')[0]!)!(stream, headers);
  });
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
  relay = new Relay({ address: '127.0.0.1', port: (backend.address() as AddressInfo).port, tls: undefined });
  await relay.listen();
  client = http2.connect(`http://127.0.0.1:${relay.port}`);
  await once(client, 'connect');
});

afterAll(() => {
  client.destroy();
  relay.close();
  backend.close();
});

interface Answer {
  headers: http2.IncomingHttpHeaders;
  trailers: http2.IncomingHttpHeaders;
  body: Buffer;
}

async function answerOf(stream: http2.ClientHttp2Stream): Promise<Answer> {
  const answer: Answer = { headers: {}, trailers: {}, body: Buffer.alloc(0) };
  const chunks: Buffer[] = [];
  stream.on('response', (headers) => (answer.headers = headers));
  stream.on('trailers', (trailers) => (answer.trailers = trailers));
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  answer.body = Buffer.concat(chunks);
  return answer;
}

function pattern(size: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 255));
}

describe('node:http2 as client and as backend', () => {
  test('GET with headers both ways', async () => {
    handlers.set('/get', (stream, headers) => {
      stream.respond({
        ':status': 203,
        'x-seen': `${headers[':authority']} ${headers['x-custom']} ${headers.cookie}`,
      });
      stream.end('hello');
    });
    for (let i = 0; i < 5; i++) {
      const answer = await answerOf(client.request({ ':path': '/get?a=b', 'x-custom': 'yes', cookie: 'a=b; c=d' }));
      expect(answer.headers[':status']).toBe(203);
      expect(answer.headers['x-seen']).toBe(`127.0.0.1:${relay.port} yes a=b; c=d`);
      expect(answer.body.toString()).toBe('hello');
    }
    expect(relay.heads.at(-1)).toMatch(/^GET \/get\?a=b HTTP\/1\.1\r\nhost: 127\.0\.0\.1:\d+\r\n/);
  });

  test('HEAD, 204 and 304 have no body and no trouble with content-length', async () => {
    handlers.set('/head', (stream) => stream.respond({ 'content-length': '5' }, { endStream: true }));
    handlers.set('/204', (stream) => stream.respond({ ':status': 204 }, { endStream: true }));
    handlers.set('/304', (stream) => stream.respond({ ':status': 304, 'content-length': '7' }, { endStream: true }));
    const head = await answerOf(client.request({ ':path': '/head', ':method': 'HEAD' }).resume());
    expect([head.headers['content-length'], head.body.length]).toEqual(['5', 0]);
    expect((await answerOf(client.request({ ':path': '/204' }).resume())).headers[':status']).toBe(204);
    expect((await answerOf(client.request({ ':path': '/304' }).resume())).headers['content-length']).toBe('7');
  });

  test.each([0, 1, 16_384, 65_535, 65_536, 300_000, 3_000_000])('POST echoes %i bytes', async (size) => {
    handlers.set('/echo', (stream) => {
      stream.respond();
      stream.pipe(stream);
    });
    const stream = client.request({ ':path': '/echo', ':method': 'POST' });
    const sent = pattern(size);
    stream.end(sent);
    const answer = await answerOf(stream);
    expect(answer.body.equals(sent)).toBe(true);
  });

  test('many streams at once, more than the limit of either side', async () => {
    handlers.set('/many', (stream, headers) => {
      stream.respond();
      stream.end(String(headers['x-number']).repeat(1000));
    });
    const answers = await Promise.all(
      Array.from({ length: 400 }, (_, i) => answerOf(client.request({ ':path': '/many', 'x-number': `${i},` }))),
    );
    for (const [i, answer] of answers.entries()) expect(answer.body.toString()).toBe(`${i},`.repeat(1000));
  });

  test('trailers both ways', async () => {
    handlers.set('/trailers', (stream) => {
      stream.on('trailers', (trailers) => {
        stream.respond({}, { waitForTrailers: true });
        stream.on('wantTrailers', () =>
          stream.sendTrailers({ 'grpc-status': '0', 'x-got': String(trailers['x-sent']) }),
        );
        stream.end('body');
      });
      stream.resume();
    });
    const stream = client.request({ ':path': '/trailers', ':method': 'POST' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sent': 'yes' }));
    stream.end('body');
    const answer = await answerOf(stream);
    expect(answer.body.toString()).toBe('body');
    expect(answer.trailers).toMatchObject({ 'grpc-status': '0', 'x-got': 'yes' });
  });

  test('a trailers-only answer ends the stream with its head', async () => {
    handlers.set('/only', (stream) => stream.respond({ 'grpc-status': '12' }, { endStream: true }));
    const answer = await answerOf(client.request({ ':path': '/only', ':method': 'POST' }).end('x'));
    expect([answer.headers['grpc-status'], answer.body.length]).toEqual(['12', 0]);
  });

  test('server streaming arrives message by message', async () => {
    let next: () => void = () => undefined;
    handlers.set('/server-stream', (stream) => {
      stream.respond();
      let n = 0;
      next = () => (n < 5 ? stream.write(`m${n++}`) : stream.end());
      next();
    });
    const stream = client.request({ ':path': '/server-stream' });
    const seen: string[] = [];
    stream.on('data', (chunk: Buffer) => {
      seen.push(chunk.toString());
      next();
    });
    await once(stream, 'end');
    expect(seen).toEqual(['m0', 'm1', 'm2', 'm3', 'm4']);
  });

  test('client streaming and bidirectional streaming, one message at a time', async () => {
    handlers.set('/bidi', (stream) => {
      stream.respond();
      stream.on('data', (chunk: Buffer) => stream.write(`got ${chunk.toString()}`));
      stream.on('end', () => stream.end('bye'));
    });
    const stream = client.request({ ':path': '/bidi', ':method': 'POST' });
    const seen: string[] = [];
    stream.write('0');
    stream.on('data', (chunk: Buffer) => {
      seen.push(chunk.toString());
      if (seen.length < 4) stream.write(String(seen.length));
      else if (seen.length === 4) stream.end();
    });
    await once(stream, 'end');
    expect(seen).toEqual(['got 0', 'got 1', 'got 2', 'got 3', 'bye']);
  });

  test('informational answers pass', async () => {
    handlers.set('/early', (stream) => {
      stream.additionalHeaders({ ':status': 103, link: '</a.css>; rel=preload' });
      stream.respond();
      stream.end('late');
    });
    const stream = client.request({ ':path': '/early' });
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
      handlers.set('/cancel', (stream) => {
        stream.respond();
        stream.write('first');
        stream.on('close', () => resolve(stream.rstCode));
      });
    });
    const stream = client.request({ ':path': '/cancel' });
    stream.on('error', () => undefined);
    await once(stream, 'data');
    stream.close(http2.constants.NGHTTP2_CANCEL);
    expect(await cancelled).toBe(http2.constants.NGHTTP2_CANCEL);
  });

  test('a backend that resets in the middle resets the client', async () => {
    handlers.set('/reset', (stream) => {
      stream.respond();
      stream.write('first', () => stream.destroy(new Error('broken')));
    });
    const stream = client.request({ ':path': '/reset' });
    stream.resume();
    const [error] = (await once(stream, 'error')) as [Error];
    expect(error.message).toContain('NGHTTP2_INTERNAL_ERROR');
  });

  test('an early answer ends an upload that is not finished', async () => {
    handlers.set('/refuse', (stream) => {
      stream.respond({ ':status': 413 });
      stream.end('too large');
    });
    const stream = client.request({ ':path': '/refuse', ':method': 'POST' });
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
    handlers.set('/flood', (stream) => {
      stream.respond();
      stream.end(pattern(size));
    });
    const stream = client.request({ ':path': '/flood' });
    const other = await answerOf(client.request({ ':path': '/get' }));
    expect(other.body.toString()).toBe('hello');
    const answer = await answerOf(stream);
    expect(answer.body.equals(pattern(size))).toBe(true);
  });

  test('a client with tiny windows gets everything', async () => {
    const tiny = http2.connect(`http://127.0.0.1:${relay.port}`, { settings: { initialWindowSize: 7 } });
    handlers.set('/tiny', (stream) => {
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
    handlers.set('/large', (stream, headers) => {
      stream.respond({ 'x-large': headers['x-large'] });
      stream.end();
    });
    const answer = await answerOf(client.request({ ':path': '/large', 'x-large': large }).resume());
    expect(answer.headers['x-large']).toBe(large);
  });

  test('WebSocket over HTTP/2 on both sides', async () => {
    handlers.set('/ws', (stream, headers) => {
      expect(headers[':protocol']).toBe('websocket');
      stream.respond({ ':status': 200, 'sec-websocket-protocol': 'chat' });
      stream.on('data', (chunk: Buffer) => stream.write(`echo ${chunk.toString()}`));
      stream.on('end', () => stream.end());
    });
    const stream = client.request({
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

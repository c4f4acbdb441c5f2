/** Services that are asked who may pass, and answer as no service should: nobody comes in by it, and it takes its own time at most. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type net from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { rawBackend, type TestBackend } from '../served/raw-backend.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { CHECK_RESPONSE, HttpAuth } from './auth-service.ts';
import { requestPolicy } from './policy.ts';

/** Milliseconds that a service has. */
const TIMEOUT = 400;
const LIMIT = 20;

function site(): string {
  const more = { timeout: `${TIMEOUT}ms`, body: { maxBytes: LIMIT } };
  const asks = (name: string, external: object): object =>
    requestPolicy(
      'AuthenticationPolicy',
      `ask-${name}`,
      { kind: 'HTTPRoute', name },
      {
        methods: [{ external: { ...external, ...more } }],
      },
    );
  return manifests(
    [HTTP],
    httpRoute('plain', [backendRefs('web')], { hostnames: ['plain.example'] }),
    httpRoute('grpc', [backendRefs('web')], { hostnames: ['grpc.example'] }),
    ...['web', 'auth', 'grpc-auth'].map(service),
    asks('plain', { backendRef: { name: 'auth', port: 80 }, http: {} }),
    asks('grpc', { backendRef: { name: 'grpc-auth', port: 80 }, protocol: 'GRPC' }),
  );
}

/** What the services do with what comes; each test says so. */
let talk: (socket: net.Socket) => void;
let answer: (stream: http2.ServerHttp2Stream, session: http2.ServerHttp2Session) => void;

let plain: TestBackend;
let grpc: http2.Http2Server;
let origin: HttpAuth;
let rig: Rig;
const sessions = new Set<http2.ServerHttp2Session>();
beforeAll(async () => {
  plain = await rawBackend((socket) => talk(socket));
  grpc = http2.createServer();
  grpc.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {}).on('close', () => sessions.delete(session));
  });
  grpc.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.on('error', () => {});
    answer(stream, stream.session as http2.ServerHttp2Session);
  });
  grpc.listen(0, '127.0.0.1');
  await once(grpc, 'listening');
  origin = await HttpAuth.open();
  origin.answer = (_question, response) => response.end('welcome');
  const ports = { web: origin.port, auth: plain.port, 'grpc-auth': (grpc.address() as AddressInfo).port };
  rig = await serveManifests(site(), {
    endpoints: Object.entries(ports).map(([name, port]) => endpointsOf(name, port)),
  });
});
afterAll(async () => {
  await rig.close();
  await Promise.all([origin.close(), plain.close()]);
  for (const session of sessions) session.destroy();
  grpc.close();
});
beforeEach(() => {
  origin.asked.length = 0;
});

async function ask(host: string, body?: string): Promise<number> {
  const options = {
    port: rig.port(),
    host: '127.0.0.1',
    agent: false,
    headers: { host },
    method: body === undefined ? 'GET' : 'POST',
  };
  const request = http.request(options);
  request.end(body);
  const [got] = (await once(request, 'response')) as [http.IncomingMessage];
  got.resume();
  return got.statusCode!;
}

/** Nobody comes in, and hears so in the time that the service has, and a little. */
async function refused(host: string): Promise<void> {
  const began = performance.now();
  expect(await ask(host)).toBe(503);
  expect(performance.now() - began).toBeLessThan(TIMEOUT + 1_500);
  expect(origin.asked).toEqual([]);
}

/** Says one after another for as long as somebody listens. */
function drip(socket: net.Socket, bytes: string, next: () => string): void {
  socket.write(bytes);
  const timer = setInterval(() => socket.write(next()), 20);
  socket.on('close', () => clearInterval(timer));
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

describe('over HTTP, one that', () => {
  test.each<[string, (socket: net.Socket) => void]>([
    [
      'says its head a byte at a time',
      (socket) => {
        let at = 0;
        drip(socket, '', () => `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(1_000)}\r\n\r\n`[at++]!);
      },
    ],
    [
      'says its body a byte at a time',
      (socket) => drip(socket, 'HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n', () => 'a'),
    ],
    ['says chunk after chunk', (socket) => drip(socket, CHUNKED, () => '1\r\na\r\n')],
    ['says trailer after trailer', (socket) => drip(socket, `${CHUNKED}0\r\n`, () => 'X-A: 1\r\n')],
    ['says hints without end', (socket) => drip(socket, '', () => 'HTTP/1.1 103 Early Hints\r\n\r\n')],
    ['has nothing to say, and leaves half', (socket) => socket.end()],
    ['leaves in the middle of its chunks', (socket) => socket.end(`${CHUNKED}5\r\nabcde\r\n`)],
    ['has a chunk whose size is none', (socket) => socket.write(`${CHUNKED}x\r\na\r\n0\r\n\r\n`)],
    ['has a chunk that is longer than it says', (socket) => socket.write(`${CHUNKED}1\r\nabc\r\n0\r\n\r\n`)],
    [
      'has 5,000 lines',
      (socket) => socket.write(`HTTP/1.1 200 OK\r\n${'X-A: 1\r\n'.repeat(5_000)}Content-Length: 0\r\n\r\n`),
    ],
    ['has two lengths', (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n')],
    [
      'has a length and chunks',
      (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
    ],
    ['has a status that is none', (socket) => socket.write('HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n')],
    ['has bare line feeds', (socket) => socket.write('HTTP/1.1 200 OK\nContent-Length: 0\n\n')],
    ['answers in HTTP/2', (socket) => socket.write(Buffer.from('000000040000000000', 'hex'))],
  ])('%s lets nobody in', async (_name, behave) => {
    talk = (socket) => socket.once('data', () => behave(socket));
    await refused('plain.example');
    // Nobody listens to it any more.
    await expect.poll(() => plain.open).toBe(0);
  });

  test('says a gigabyte is not listened to', async () => {
    let written = 0;
    talk = (socket) =>
      socket.once('data', () => {
        const piece = Buffer.alloc(65_536, 'a');
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n');
        const more = (): void => {
          while (!socket.destroyed && socket.write(piece)) written += piece.length;
        };
        socket.on('drain', more);
        more();
      });
    await refused('plain.example');
    await expect.poll(() => plain.open).toBe(0);
    expect(written).toBeLessThan(32 << 20);
  });

  test.each<[string, (socket: net.Socket) => void]>([
    ['says two answers at once', (socket) => socket.write(`HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n${OK}`)],
    [
      'says another one when nobody asks',
      (socket) => {
        socket.write('HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n', () => setImmediate(() => socket.write(OK)));
      },
    ],
    [
      'has a body where there is none',
      (socket) => socket.write(`HTTP/1.1 304 Not Modified\r\nContent-Length: 38\r\n\r\n${OK}`),
    ],
  ])('%s is heard once: the next who asks is not let in by it', async (_name, behave) => {
    talk = (socket) => socket.on('data', () => behave(socket));
    for (let turn = 0; turn < 5; turn++) expect(await ask('plain.example')).toBeGreaterThanOrEqual(300);
    expect(origin.asked).toEqual([]);
  });

  test.each([
    [LIMIT - 1, 200],
    [LIMIT, 200],
    [LIMIT + 1, 413],
  ])('is told a body of %i bytes: %i', async (length, expected) => {
    let heard = '';
    talk = (socket) =>
      socket.on('data', (bytes: Buffer) => {
        heard += bytes.toString('latin1');
        if (heard.split('\r\n\r\n')[1]?.length === length) socket.end(OK.replace('\r\n', '\r\nConnection: close\r\n'));
      });
    expect(await ask('plain.example', 'x'.repeat(length))).toBe(expected);
    expect(origin.asked.map(({ body }) => body.length)).toEqual(expected === 200 ? [length] : []);
  });

  test('answers before it has heard all, and then no more, is believed once and its connection is not used again', async () => {
    talk = (socket) =>
      socket.once('data', () => socket.write('HTTP/1.1 403 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'));
    const before = plain.accepted;
    for (let turn = 0; turn < 3; turn++) expect(await ask('plain.example', 'x'.repeat(LIMIT))).toBe(403);
    expect(plain.accepted).toBe(before + 3);
  });
});

/** A message of gRPC. */
function message(response: object): Buffer {
  const bytes = Buffer.from(CHECK_RESPONSE.encode(CHECK_RESPONSE.fromObject(response)).finish());
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

const PASS = message({ status: { code: 0 }, okResponse: {} });
const HEAD = { ':status': 200, 'content-type': 'application/grpc' };

/** Head, message, trailers: as it should be, where nothing says otherwise. */
function says(
  stream: http2.ServerHttp2Stream,
  {
    head = HEAD,
    body = PASS,
    trailers = { 'grpc-status': '0' },
  }: { head?: http2.OutgoingHttpHeaders; body?: Buffer; trailers?: http2.OutgoingHttpHeaders | null } = {},
): void {
  stream.respond(head, { waitForTrailers: trailers !== null });
  if (trailers !== null) stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.end(body);
}

describe('over gRPC, one that', () => {
  test('answers as it should lets in', async () => {
    answer = (stream) => says(stream);
    expect(await ask('grpc.example')).toBe(200);
  });

  test.each<[string, (stream: http2.ServerHttp2Stream, session: http2.ServerHttp2Session) => void]>([
    ['says nothing', () => {}],
    ['says a head and no more', (stream) => stream.respond(HEAD)],
    [
      'says its message a byte at a time',
      (stream) => {
        stream.respond(HEAD);
        let at = 0;
        const timer = setInterval(() => stream.write(PASS.subarray(at, ++at)), 100);
        stream.on('close', () => clearInterval(timer));
      },
    ],
    [
      'has trailers only, and says that all is well',
      (stream) => stream.respond({ ...HEAD, 'grpc-status': '0' }, { endStream: true }),
    ],
    [
      'has trailers only, and says that it is not',
      (stream) => stream.respond({ ...HEAD, 'grpc-status': '7' }, { endStream: true }),
    ],
    ['has no trailers', (stream) => says(stream, { trailers: null })],
    ['says with its message that the call failed', (stream) => says(stream, { trailers: { 'grpc-status': '13' } })],
    [
      'says first that all is well, and then that it is not',
      (stream) => says(stream, { head: { ...HEAD, 'grpc-status': '0' }, trailers: { 'grpc-status': '7' } }),
    ],
    ['says twice how it went', (stream) => says(stream, { trailers: { 'grpc-status': ['0', '7'] as never } })],
    ['says nothing of how it went', (stream) => says(stream, { trailers: { 'x-a': '1' } })],
    ['is no service of gRPC', (stream) => says(stream, { head: { ':status': 200, 'content-type': 'text/html' } })],
    [
      'is something like gRPC',
      (stream) => says(stream, { head: { ':status': 200, 'content-type': 'application/grpc-web' } }),
    ],
    ['says no content type', (stream) => says(stream, { head: { ':status': 200 } })],
    ['has another status', (stream) => says(stream, { head: { ...HEAD, ':status': 500 } })],
    [
      'is of one mind, and then of another',
      (stream) => says(stream, { body: Buffer.concat([PASS, message({ status: { code: 7 } })]) }),
    ],
    [
      'says that it is compressed',
      (stream) => says(stream, { body: Buffer.concat([Buffer.from([1]), PASS.subarray(1)]) }),
    ],
    ['says half a message', (stream) => says(stream, { body: PASS.subarray(0, -1) })],
    [
      'has 5,000 lines',
      (stream) => {
        const lines = Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`x-${n}`, '1']));
        stream.respond({ ...HEAD, ...lines });
        stream.end(PASS);
      },
    ],
    [
      'resets what it has begun',
      (stream) => {
        stream.respond(HEAD);
        stream.write(PASS, () => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
      },
    ],
    [
      'ends without trailers, and says no error',
      (stream) => {
        stream.respond(HEAD);
        stream.write(PASS, () => stream.close(http2.constants.NGHTTP2_NO_ERROR));
      },
    ],
    [
      'leaves after its message',
      (stream, session) => {
        stream.respond(HEAD);
        stream.write(PASS, () => session.destroy());
      },
    ],
  ])('%s lets nobody in', async (_name, behave) => {
    answer = behave;
    await refused('grpc.example');
    answer = (stream) => says(stream);
    await expect.poll(() => ask('grpc.example'), { timeout: 5_000 }).toBe(200);
  });

  test('says a gigabyte is not listened to', async () => {
    let written = 0;
    let over = false;
    answer = (stream) => {
      stream.respond(HEAD);
      const piece = Buffer.alloc(65_536, 'a');
      stream.on('close', () => {
        over = true;
      });
      const more = (): void => {
        while (!stream.destroyed && !stream.closed && written < 1 << 30) {
          written += piece.length;
          if (!stream.write(piece)) break;
        }
      };
      stream.on('drain', more);
      more();
    };
    await refused('grpc.example');
    await expect.poll(() => over).toBe(true);
    expect(written).toBeLessThan(32 << 20);
  });

  test('goes away in the middle ends what it has begun', async () => {
    answer = (stream, session) => {
      session.goaway(http2.constants.NGHTTP2_NO_ERROR, stream.id!);
      setImmediate(() => says(stream));
    };
    for (let turn = 0; turn < 3; turn++) expect(await ask('grpc.example')).toBe(200);
  });

  test.each([
    [LIMIT - 1, 200],
    [LIMIT, 200],
    [LIMIT + 1, 413],
  ])('is told a body of %i bytes: %i', async (length, expected) => {
    answer = (stream) => {
      stream.resume().on('end', () => says(stream));
    };
    expect(await ask('grpc.example', 'x'.repeat(length))).toBe(expected);
    expect(origin.asked.map(({ body }) => body.length)).toEqual(expected === 200 ? [length] : []);
  });
});

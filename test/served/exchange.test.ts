/** How requests and answers travel: framing, persistence, upgrades, bodies of any size, ends of every kind. */
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { httpBackend, rawBackend, type TestBackend } from './raw-backend.ts';
import { type RawClient, rawClient } from './raw-client.ts';
import { type Rig, type RigOptions, serveManifests } from './rig.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const closing: Array<{ close(): unknown }> = [];
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close();
});

async function serve(backend: TestBackend, options: RigOptions = {}): Promise<{ rig: Rig; client: RawClient }> {
  closing.push(backend);
  const rig = await serveManifests(manifests([HTTP], httpRoute('r', [backendRefs('one')]), service('one')), {
    endpoints: [endpointsOf('one', backend.port)],
    ...options,
  });
  closing.push(rig);
  const client = await rawClient(rig.port());
  closing.push(client);
  return { rig, client };
}

/** Answers with what it read. */
function mirror(): Promise<TestBackend> {
  return httpBackend((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      response.setHeader('Content-Length', body.length);
      response.setHeader('X-Method', request.method!);
      response.setHeader('X-Path', request.url!);
      response.setHeader('X-Trailer', request.rawTrailers.join('='));
      response.end(body);
    });
  });
}

/** A backend that answers every request, whatever it is, with these bytes, and ends where it is told to. */
function saying(answer: string, end = false): Promise<TestBackend> {
  return rawBackend((socket) => {
    socket.on('data', () => (end ? socket.end(answer, 'latin1') : socket.write(answer, 'latin1')));
    socket.on('end', () => socket.end());
  });
}

describe('persistence', () => {
  test('one connection each way carries many requests', async () => {
    const backend = await mirror();
    const { client } = await serve(backend);
    for (let i = 0; i < 20; i++) expect((await client.ask(GET))[0]!.status).toBe(200);
    expect(backend.accepted).toBe(1);
  });

  test('sixteen pipelined requests with bodies are answered in order, small answers and large', async () => {
    const { client } = await serve(await mirror());
    const bodies = Array.from({ length: 16 }, (_, i) => String(i % 10).repeat(i % 4 === 3 ? 200_000 : 10 * (i + 1)));
    const requests = bodies.map((body, i) =>
      i % 2 === 0
        ? `POST /${i} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`
        : `POST /${i} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    );
    const responses = await client.ask(requests.join(''), 16);
    expect(responses.map(({ headers }) => headers.get('x-path'))).toEqual(bodies.map((_, i) => `/${i}`));
    responses.forEach(({ body }, i) => {
      expect(body === bodies[i]).toBe(true);
    });
  });

  test('Connection: close of the client is heard, that of the backend is not passed on', async () => {
    const { client } = await serve(
      await saying('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok', true),
    );
    const [first] = await client.ask(GET);
    expect(first!.headers.get('connection')).toBeUndefined();
    const [last] = await client.ask('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(last!.headers.get('connection')).toBe('close');
    await client.end();
  });

  test('HTTP/1.0 clients: closed after the answer, or kept where they ask for it', async () => {
    const { rig, client } = await serve(await mirror());
    const [kept] = await client.ask('GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n');
    expect(kept!.headers.get('connection')).toBe('keep-alive');
    expect((await client.ask('GET / HTTP/1.0\r\n\r\n'))[0]!.status).toBe(200);
    await client.end();
    expect(rig.accesses).toHaveLength(2);
  });
});

describe('framing', () => {
  test('chunks and trailers pass both ways', async () => {
    const backend = await httpBackend((request, response) => {
      request.resume().on('end', () => {
        response.writeHead(200, { Trailer: 'X-Sum' });
        response.write(`${request.headers['transfer-encoding']} ${request.trailers['x-in']}`);
        response.addTrailers({ 'X-Sum': 'abc' });
        response.end();
      });
    });
    const { client } = await serve(backend);
    const chunked =
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nX-In: 1\r\n\r\n';
    for (let i = 0; i < 2; i++) {
      const [response] = await client.ask(chunked);
      expect(response).toMatchObject({ status: 200, body: 'chunked 1', trailers: 'X-Sum: abc\r\n' });
    }
  });

  test('trailers of a backend that have no place behind a body are left out, and nothing else', async () => {
    const trailers = [
      'Date: now',
      'X-Sum: abc',
      'Set-Cookie: a=b',
      'Content-Length: 2',
      'Connection: x-sum',
      'ETag: "b"',
    ];
    const answer = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n${trailers.join('\r\n')}\r\n\r\n`;
    const { client } = await serve(await saying(answer));
    for (let i = 0; i < 2; i++) {
      const [response] = await client.ask(GET);
      expect(response).toMatchObject({ status: 200, body: 'ok', trailers: 'X-Sum: abc\r\nETag: "b"\r\n' });
    }
  });

  test.each<[string, string, string, number, string]>([
    ['HEAD', 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n', 200, '99'],
    ['204', GET, 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n', 204, ''],
    ['304', GET, 'HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n', 304, '99'],
    ['an empty body', GET, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', 200, '0'],
  ])('%s has no body, and the connection goes on', async (_name, request, answer, status, length) => {
    const { client } = await serve(await saying(answer));
    for (let i = 0; i < 3; i++) {
      const [response] = await client.ask(request);
      expect(response!.status).toBe(status);
      expect(response!.headers.get('content-length') ?? '').toBe(length);
    }
  });

  test('a body that ends with the backend connection becomes chunks', async () => {
    const { client } = await serve(await saying('HTTP/1.0 200 OK\r\n\r\nthe body', true));
    for (let i = 0; i < 2; i++) {
      const [response] = await client.ask(GET);
      expect(response!.body).toBe('the body');
      expect(response!.headers.get('transfer-encoding')).toBe('chunked');
    }
  });

  test('hop-by-hop lines stay behind, both ways', async () => {
    const heads: string[] = [];
    const backend = await rawBackend((socket) =>
      socket.on('data', (bytes: Buffer) => {
        heads.push(bytes.latin1Slice());
        socket.write(
          'HTTP/1.1 200 OK\r\nConnection: X-Back\r\nX-Back: 1\r\nKeep-Alive: timeout=3\r\nX-Own: 2\r\nContent-Length: 0\r\n\r\n',
        );
      }),
    );
    const { client } = await serve(backend);
    const lines =
      'Connection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nProxy-Connection: x\r\nUpgrade: h2c\r\n';
    const [response] = await client.ask(`${GET.slice(0, -2)}${lines}X-Own: 2\r\n\r\n`);
    expect(heads[0]).toContain('X-Own: 2\r\n');
    expect(heads[0]).not.toMatch(/x-hop|connection|keep-alive|\bte:|upgrade|via/i);
    expect([...response!.headers.keys()]).toEqual(['x-own', 'content-length']);
  });

  test('1xx answers pass before the last one', async () => {
    const { client } = await serve(
      await saying('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
    );
    const responses = await client.ask(GET, 2);
    expect(responses.map(({ status }) => status)).toEqual([103, 200]);
    expect(responses[0]!.headers.get('link')).toBe('</x>');
  });
});

describe('100-continue', () => {
  const request = 'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n';

  test('is said once a backend is chosen', async () => {
    const { client } = await serve(await mirror());
    const [interim] = await client.ask(request);
    expect(interim!.status).toBe(100);
    const [response] = await client.ask('abc');
    expect(response).toMatchObject({ status: 200, body: 'abc' });
  });

  test('is not said where the gateway answers', async () => {
    const rig = await serveManifests(manifests([HTTP]));
    closing.push(rig);
    const client = await rawClient(rig.port());
    closing.push(client);
    const [response] = await client.ask(request);
    expect(response!.status).toBe(404);
    expect(response!.headers.get('connection')).toBe('close');
    await client.end();
  });
});

describe('upgrades', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await serveManifests(manifests([HTTP], httpRoute('r', [backendRefs('one')]), service('one')), { echo: true });
  });
  afterAll(() => rig.close());

  test('WebSocket messages come back, small ones and large', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${rig.port()}/chat`);
    await once(socket, 'open');
    for (const message of ['hello', 'x'.repeat(5_000_000), '']) {
      socket.send(message);
      const [data] = (await once(socket, 'message')) as [Buffer];
      expect(data.toString() === message).toBe(true);
    }
    socket.close();
    await once(socket, 'close');
    await vi.waitFor(() => expect(rig.accesses).toMatchObject([{ status: 101, reason: '' }]));
  });

  test('a refused upgrade is an answer like any other', async () => {
    const { client } = await serve(await saying('HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno'));
    const upgrade = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n';
    for (let i = 0; i < 2; i++) expect((await client.ask(upgrade))[0]).toMatchObject({ status: 426, body: 'no' });
  });

  test('each direction ends alone', async () => {
    const switched = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: own\r\n\r\n';
    const backend = await rawBackend((socket) => {
      let got = '';
      socket.once('data', () => {
        socket.write(switched);
        socket.on('data', (bytes: Buffer) => {
          got += bytes.latin1Slice();
        });
      });
      socket.on('end', () => socket.end(`you said ${got}`));
    });
    const { rig: own } = await serve(backend);
    const client = await rawClient(own.port(), { allowHalfOpen: true });
    closing.push(client);
    await client.ask('GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: own\r\n\r\n');
    client.socket.end('hello');
    await client.end();
    expect(client.text).toBe('you said hello');
  });

  test('a slow backend holds the client back', async () => {
    const switched = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: own\r\n\r\n';
    const held = Promise.withResolvers<net.Socket>();
    const backend = await rawBackend((socket) => {
      socket.once('data', () => {
        socket.write(switched);
        socket.pause();
        held.resolve(socket);
      });
    });
    const { client } = await serve(backend);
    await client.ask('GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: own\r\n\r\n');
    const socket = await held.promise;
    const size = 64 * 1024 * 1024;
    const flowing = client.socket.write(Buffer.alloc(size, 'x'));
    expect(flowing).toBe(false);
    const before = process.memoryUsage.rss();
    await stalled(() => client.socket.bytesWritten - client.socket.writableLength);
    expect(client.socket.writableLength).toBeGreaterThan(0);
    expect(process.memoryUsage.rss() - before).toBeLessThan(48 * 1024 * 1024);
    let got = 0;
    socket.on('data', (bytes: Buffer) => {
      got += bytes.length;
    });
    socket.resume();
    await vi.waitFor(() => expect(got).toBe(size), { timeout: 20_000 });
  });
});

/** Resolves when the number has stopped to grow for ten looks in a row. */
async function stalled(number: () => number): Promise<void> {
  let last = -1;
  let same = 0;
  await vi.waitUntil(
    () => {
      const now = number();
      same = now === last ? same + 1 : 0;
      last = now;
      return same >= 10;
    },
    { timeout: 20_000, interval: 20 },
  );
}

describe('large bodies', () => {
  const SIZE = 64 * 1024 * 1024;

  test.each(['Content-Length', 'chunked'])('go up by %s, counted whole', async (framing) => {
    let got = 0;
    const backend = await httpBackend((request, response) => {
      got = 0;
      request.on('data', (chunk: Buffer) => {
        got += chunk.length;
      });
      request.on('end', () => response.end(String(got)));
    });
    const { rig } = await serve(backend);
    const headers: http.OutgoingHttpHeaders = framing === 'chunked' ? {} : { 'Content-Length': SIZE };
    const request = http.request({ host: '127.0.0.1', port: rig.port(), method: 'POST', headers, agent: false });
    const piece = Buffer.alloc(1024 * 1024, 'x');
    for (let sent = 0; sent < SIZE; sent += piece.length) if (!request.write(piece)) await once(request, 'drain');
    request.end();
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.resume();
    await once(response, 'end');
    expect(got).toBe(SIZE);
    expect(rig.accesses.at(-1)).toMatchObject({ bytesIn: SIZE });
  });

  test('come down no faster than the client reads', async () => {
    let written = 0;
    const backend = await httpBackend((_request, response) => {
      response.writeHead(200, { 'Content-Length': SIZE });
      const piece = Buffer.alloc(256 * 1024, 'x');
      const more = (): void => {
        while (written < SIZE) {
          written += piece.length;
          if (!response.write(piece)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    });
    const { rig } = await serve(backend);
    const socket = net.connect(rig.port(), '127.0.0.1');
    closing.push({ close: () => socket.destroy() });
    socket.pause();
    socket.write(GET);
    await vi.waitUntil(() => written > 0);
    const before = process.memoryUsage.rss();
    await stalled(() => written);
    expect(written).toBeLessThan(SIZE / 2);
    expect(process.memoryUsage.rss() - before).toBeLessThan(48 * 1024 * 1024);
    let got = 0;
    socket.on('data', (bytes: Buffer) => {
      got += bytes.length;
    });
    socket.resume();
    await vi.waitFor(() => expect(got).toBeGreaterThan(SIZE), { timeout: 20_000 });
  });

  test('an answer that comes before the body is whole reaches the client', async () => {
    const backend = await httpBackend((_request, response) => response.writeHead(403).end('no'));
    const { client } = await serve(backend);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\nbegin');
    const [response] = await client.responses(1);
    expect(response).toMatchObject({ status: 403, body: 'no' });
    const { client: other } = await serve(await httpBackend((_request, response) => response.writeHead(403).end('no')));
    other.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nbegin');
    expect((await other.responses(1))[0]!.status).toBe(403);
    // A short rest is read and dropped, so that the connection goes on.
    expect((await other.ask(`${'x'.repeat(995)}${GET}`))[0]!.status).toBe(403);
  });

  test('a client that reads slowly gets the whole of its last answer', async () => {
    const size = 8 * 1024 * 1024;
    const backend = await httpBackend((_request, response) => response.end(Buffer.alloc(size, 'x')));
    const { rig } = await serve(backend);
    const socket = net.connect(rig.port(), '127.0.0.1');
    closing.push({ close: () => socket.destroy() });
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    let got = 0;
    socket.on('data', (bytes: Buffer) => {
      got += bytes.length;
      socket.pause();
      setImmediate(() => socket.resume());
    });
    await once(socket, 'end');
    expect(got).toBeGreaterThan(size);
  });
});

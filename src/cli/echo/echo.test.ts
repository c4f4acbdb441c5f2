import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { request } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { backend, echoSuite } from './echo.suite.ts';
import { Echoes } from './index.ts';

async function post(port: number, body: string, headers: Record<string, string | string[]> = {}) {
  const call = request({ host: '127.0.0.1', port, method: 'POST', path: '/a?b=1', headers });
  call.end(body);
  const [response] = await once(call, 'response');
  return { response, json: JSON.parse(await text(response)) };
}

echoSuite({ protocol: 'http', roundTrip: async (port, payload) => (await post(port, payload)).json.body });

echoSuite({
  protocol: 'h2c',
  async roundTrip(port, payload) {
    const session = connect(`http://127.0.0.1:${port}`);
    // The stream fails with it, and that is what the caller sees.
    session.on('error', () => {});
    try {
      const stream = session.request({ ':method': 'POST', ':path': '/' });
      stream.end(payload);
      return JSON.parse(await text(stream)).body;
    } finally {
      session.close();
    }
  },
});

echoSuite({
  protocol: 'tcp',
  async roundTrip(port, payload) {
    const socket = connectTcp(port, '127.0.0.1');
    socket.end(payload);
    return await text(socket);
  },
});

echoSuite({
  protocol: 'udp',
  async roundTrip(port, payload) {
    // Connected, so that a closed port answers with an error.
    const socket = createSocket('udp4');
    try {
      socket.connect(port, '127.0.0.1');
      await once(socket, 'connect');
      socket.send(payload);
      const [answer] = await once(socket, 'message');
      return String(answer);
    } finally {
      socket.close();
    }
  },
});

const echoes = new Echoes();
afterEach(() => echoes.close());

test('http: the answer names the service, and what arrived', async () => {
  const port = await echoes.port(backend('http'));
  const { response, json } = await post(port, 'x', { host: 'shop.example', 'x-many': ['a', 'b'] });
  expect(response.statusCode).toBe(200);
  expect(response.headers['x-echo-service']).toBe('shop/cart');
  expect(json).toMatchObject({
    service: 'cart',
    namespace: 'shop',
    port: 80,
    protocol: 'HTTP/1.1',
    method: 'POST',
    path: '/a?b=1',
    host: 'shop.example',
    headers: { 'x-many': 'a, b' },
    bodyBytes: 1,
  });
});

test('http: of a large body only the size is told', async () => {
  const port = await echoes.port(backend('http'));
  const { json } = await post(port, 'x'.repeat(1_000_000));
  expect(json.bodyBytes).toBe(1_000_000);
  expect(json.body).toBeUndefined();
});

test('http: WebSocket messages come back as they were sent, text and binary', async () => {
  const port = await echoes.port(backend('http'));
  const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`);
  await once(socket, 'open');
  for (const message of ['hello', Buffer.from([0, 1, 255])]) {
    socket.send(message);
    const [data, isBinary] = await once(socket, 'message');
    expect(isBinary).toBe(typeof message !== 'string');
    expect(Buffer.from(data)).toEqual(Buffer.from(message));
  }
  socket.terminate();
});

async function grpc(session: ClientHttp2Session, message: Buffer) {
  const stream = session.request({ ':method': 'POST', ':path': '/pkg.Echo/Say', 'content-type': 'application/grpc' });
  stream.end(message);
  const [headers] = await once(stream, 'response');
  const trailers = once(stream, 'trailers');
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return { headers, trailers: (await trailers)[0], message: Buffer.concat(chunks) };
}

test('h2c: a gRPC message comes back with status 0 and the service in a header', async () => {
  const session = connect(`http://127.0.0.1:${await echoes.port(backend('h2c'))}`);
  const sent = Buffer.from([0, 0, 0, 0, 2, 8, 1]);
  const { headers, trailers, message } = await grpc(session, sent);
  session.close();
  expect(headers).toMatchObject({ ':status': 200, 'x-echo-service': 'shop/cart' });
  expect(trailers).toMatchObject({ 'grpc-status': '0' });
  expect(message).toEqual(sent);
});

test('an echo whose Backend changes its protocol is replaced', async () => {
  const echoes = new Echoes(0);
  const before = await echoes.port(backend('tcp'));
  const after = await echoes.port(backend('http'));
  expect((await post(after, 'x')).json.body).toBe('x');
  await vi.waitFor(() => expect(once(connectTcp(before, '127.0.0.1'), 'connect')).rejects.toThrow());
  await echoes.close();
});

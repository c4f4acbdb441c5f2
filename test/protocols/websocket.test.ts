/** WebSocket over HTTP/1.1 and HTTP/2 (RFC 8441), on both sides of the gateway. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { demoCertificate, tlsSecret } from '../../src/cli/demo-certificate.ts';
import { MAX_FIELDS } from '../../src/proxy/ground/head.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { gateway, route, service } from './manifest.ts';

const LONG = 'long '.repeat(100_000);

let rig: Rig;
let sockets: WebSocketServer;
let h2: http2.Http2Server;
const h2Sessions = new Set<http2.ServerHttp2Session>();

/** Frames come back as they are, which is an echo but for the masks: of zeros, they change nothing. */
function echoOverHttp2(): http2.Http2Server {
  const server = http2.createServer({ settings: { enableConnectProtocol: true } });
  server.on('session', (session) => h2Sessions.add(session));
  server.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
    stream.on('error', () => {});
    if (headers[':method'] !== 'CONNECT' || headers[':protocol'] !== 'websocket') {
      stream.respond({ ':status': 400 }, { endStream: true });
      return;
    }
    const fields = Number(/\/fields\/(\d+)$/.exec(String(headers[':path']))?.[1] ?? 2);
    // With x-path and the date that Node.js adds.
    const more = Object.fromEntries(Array.from({ length: fields - 2 }, (_, i) => [`x-${i}`, 'v']));
    stream.respond({ ':status': 200, 'x-path': String(headers[':path']), ...more });
    stream.write(frameOf('hello', false));
  });
  return server;
}

beforeAll(async () => {
  sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  sockets.on('connection', (socket) => {
    socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }));
  });
  h2 = echoOverHttp2();
  h2.listen(0, '127.0.0.1');
  await Promise.all([once(sockets, 'listening'), once(h2, 'listening')]);
  const pair = await demoCertificate(['ws.example.com']);
  const manifests = [
    gateway([
      { name: 'http', port: 80, protocol: 'HTTP' },
      { name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'pair' }] } },
    ]),
    `---\n${tlsSecret({ namespace: 'default', name: 'pair' }, pair)}\n`,
    route('HTTPRoute', 'all', {
      rules: [
        { matches: [{ path: { value: '/h2' } }], backendRefs: [{ name: 'h2', port: 80 }] },
        { backendRefs: [{ name: 'h1', port: 80 }] },
      ],
    }),
    service('h1', 80),
    service('h2', 80, { appProtocol: 'kubernetes.io/h2c' }),
  ];
  const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;
  rig = await serveManifests(manifests.join(''), {
    ports: [80, 443],
    endpoints: [`default/h1:80=127.0.0.1:${portOf(sockets)}`, `default/h2:80=127.0.0.1:${portOf(h2)}`],
  });
});

afterAll(async () => {
  sockets.close();
  for (const session of h2Sessions) session.destroy();
  h2.close();
  await rig.close();
});

/** A text frame; a client's has a mask, here of zeros. */
function frameOf(text: string, masked = true): Buffer {
  const payload = Buffer.from(text);
  const mask = masked ? 0x80 : 0;
  const long = payload.length > 125;
  const head = Buffer.alloc((long ? 10 : 2) + (masked ? 4 : 0));
  head[0] = 0x81;
  head[1] = mask | (long ? 127 : payload.length);
  if (long) head.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([head, payload]);
}

async function bytesOf(stream: http2.ClientHttp2Stream, count: number): Promise<Buffer> {
  const got: Buffer[] = [];
  let size = 0;
  while (size < count) {
    const chunk = stream.read() as Buffer | null;
    if (chunk === null) await once(stream, 'readable');
    else {
      got.push(chunk);
      size += chunk.length;
    }
  }
  return Buffer.concat(got);
}

describe.each([
  ['h2c', () => http2.connect(`http://127.0.0.1:${rig.port()}`)],
  ['TLS', () => http2.connect(`https://127.0.0.1:${rig.port(443)}`, { rejectUnauthorized: false })],
])('a client over HTTP/2 (%s)', (_, connect) => {
  async function open(path: string): Promise<{ session: http2.ClientHttp2Session; stream: http2.ClientHttp2Stream }> {
    const session = connect();
    await once(session, 'remoteSettings');
    expect(session.remoteSettings?.enableConnectProtocol).toBe(true);
    const stream = session.request({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':path': path,
      'sec-websocket-version': '13',
    });
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    expect(headers).toMatchObject({ ':status': 200 });
    return { session, stream };
  }

  test('talks to a backend over HTTP/1.1, until the client closes', async () => {
    const { session, stream } = await open('/chat');
    for (const text of ['a', 'b'.repeat(125), LONG]) {
      const back = frameOf(text, false);
      stream.write(frameOf(text));
      // The server may use shorter length fields than the test.
      const answer = await bytesOf(stream, text.length + 2);
      expect(answer.subarray(answer.length - 20)).toEqual(back.subarray(back.length - 20).subarray(-answer.length));
    }
    stream.end(Buffer.from([0x88, 0x80, 0, 0, 0, 0]));
    expect((await bytesOf(stream, 2))[0]).toBe(0x88);
    session.close();
  });

  test('and to one over HTTP/2', async () => {
    const { session, stream } = await open('/h2/chat');
    expect(await bytesOf(stream, 7)).toEqual(frameOf('hello', false));
    stream.close();
    session.close();
  });

  test('is told by a status where the backend takes no WebSocket', async () => {
    const session = connect();
    await once(session, 'remoteSettings');
    const stream = session.request({ ':method': 'CONNECT', ':protocol': 'other', ':path': '/h2' });
    stream.on('error', () => {});
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    expect(Number(headers[':status'])).toBeGreaterThanOrEqual(400);
    session.destroy();
  });
});

describe('a client over HTTP/1.1', () => {
  test.each(['/chat', 'TLS'])('talks to a backend over HTTP/1.1 (%s)', async (how) => {
    const url = how === 'TLS' ? `wss://127.0.0.1:${rig.port(443)}/` : `ws://127.0.0.1:${rig.port()}${how}`;
    const socket = new WebSocket(url, { rejectUnauthorized: false });
    await once(socket, 'open');
    for (const text of ['a', LONG]) {
      socket.send(text);
      const [message] = (await once(socket, 'message')) as [Buffer];
      expect(message.toString()).toBe(text);
    }
    socket.close(4001, 'enough');
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([4001, 'enough']);
  });

  test('gets the accept key of its own handshake from a backend over HTTP/2', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${rig.port()}/h2/chat?x=1`);
    const upgraded = once(socket, 'upgrade');
    const [message] = (await once(socket, 'message')) as [Buffer];
    expect(message.toString()).toBe('hello');
    const [{ headers }] = (await upgraded) as [{ headers: Record<string, string> }];
    expect(headers['x-path']).toBe('/h2/chat?x=1');
    expect(headers['sec-websocket-accept']).toHaveLength(createHash('sha1').digest('base64').length);
    socket.terminate();
  });

  /** Head lines of the answer to an Upgrade for `path`. */
  async function answerTo(path: string): Promise<string[]> {
    const client = net.connect(rig.port(), '127.0.0.1');
    client.write(
      `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    );
    let text = '';
    while (!text.includes('\r\n\r\n')) text += String(((await once(client, 'data')) as [Buffer])[0]);
    client.destroy();
    return text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n');
  }

  test('gets the 101 of a backend over HTTP/2 with as many fields as a head may have, and a 502 for one with more', async () => {
    const [status, ...lines] = await answerTo(`/h2/fields/${MAX_FIELDS - 3}`);
    expect(status).toBe('HTTP/1.1 101 Switching Protocols');
    expect(lines.filter((line) => /^x-\d+: v$/.test(line))).toHaveLength(MAX_FIELDS - 5);
    for (const fields of [MAX_FIELDS - 2, MAX_FIELDS - 1, MAX_FIELDS]) {
      const [refused, ...others] = await answerTo(`/h2/fields/${fields}`);
      expect(refused).toBe('HTTP/1.1 502 Bad Gateway');
      expect(others.some((line) => line.startsWith('x-1:'))).toBe(false);
    }
  });
});

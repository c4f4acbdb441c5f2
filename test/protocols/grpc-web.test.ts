/** gRPC-Web over HTTP/1.1 and HTTP/2 to a backend that speaks gRPC, as browsers send it. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { ServerUnaryCall, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { demoCertificate, tlsSecret } from '../../src/cli/demo-certificate.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { gateway, route, service } from './manifest.ts';
import { type RawServer, serveRaw } from './raw-service.ts';

let backend: RawServer;
let rig: Rig;

beforeAll(async () => {
  backend = await serveRaw({
    'raw.Echo': {
      Unary(call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) {
        if (call.request.toString() === 'fail') done({ code: 5, details: 'not found' });
        else if (call.request.toString() !== 'hang') done(null, call.request);
      },
      Download(call: ServerWritableStream<Buffer, Buffer>) {
        for (const word of ['one', 'two', 'three']) call.write(Buffer.from(word));
        if (call.request.toString() !== 'hang') call.end();
      },
    },
  });
  const manifests = [
    gateway([{ name: 'http', port: 80, protocol: 'HTTP' }]),
    route('GRPCRoute', 'echo', {
      rules: [
        { matches: [{ method: { service: 'raw.Echo' } }], backendRefs: [{ name: 'one', port: 50 }] },
        { matches: [{ method: { service: 'raw.Down' } }], backendRefs: [{ name: 'down', port: 50 }] },
      ],
    }),
    service('one', 50),
    service('down', 50),
  ];
  rig = await serveManifests(manifests.join(''), {
    endpoints: [`default/one:50=${backend.target}`, 'default/down:50=127.0.0.1:1'],
  });
});

afterAll(async () => {
  backend.close();
  await rig.close();
});

interface Asked {
  type: string;
  method?: string;
  headers?: Record<string, string>;
  /** Sent one after the other. */
  pieces: Array<string | Buffer>;
}

interface Answered {
  status: number;
  headers: Record<string, unknown>;
  body: Buffer;
}

async function overHttp1({ type, method = 'raw.Echo/Unary', headers, pieces }: Asked): Promise<Answered> {
  const request = http.request({
    port: rig.port(),
    host: '127.0.0.1',
    method: 'POST',
    path: `/${method}`,
    headers: { 'Content-Type': type, ...headers },
  });
  for (const piece of pieces) request.write(piece);
  request.end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  return { status: response.statusCode!, headers: response.headers, body: Buffer.concat(await response.toArray()) };
}

async function overHttp2({ type, method = 'raw.Echo/Unary', headers, pieces }: Asked): Promise<Answered> {
  const session = http2.connect(`http://127.0.0.1:${rig.port()}`);
  const request = session.request({ ':method': 'POST', ':path': `/${method}`, 'content-type': type, ...headers });
  for (const piece of pieces) request.write(piece);
  request.end();
  const [head] = (await once(request, 'response')) as [http2.IncomingHttpHeaders & { ':status': number }];
  const body = Buffer.concat(await request.toArray());
  session.close();
  return { status: head[':status'], headers: head, body };
}

function framed(message: string): Buffer {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.write(message, 5, 'latin1');
  return frame;
}

/** Messages of a body, and its trailers; throws where anything is left over. */
function parsed(body: Buffer): { messages: string[]; trailers: string } {
  const messages: string[] = [];
  for (let at = 0; at < body.length; ) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    const text = body.toString('latin1', at + 5, end);
    if (body[at] === 0x80) {
      expect(end).toBe(body.length);
      return { messages, trailers: text };
    }
    messages.push(text);
    at = end;
  }
  throw new Error('the body has no trailers');
}

/** Text whose groups of four are each padded for themselves where need be. */
function plain(body: Buffer): Buffer {
  const groups = body.toString('latin1').match(/.{4}/gs) ?? [];
  return Buffer.concat(groups.map((group) => Buffer.from(group, 'base64')));
}

describe.each([
  ['HTTP/1.1', overHttp1],
  ['HTTP/2', overHttp2],
])('over %s', (_, ask) => {
  test('a binary call is answered with its message and its trailers', async () => {
    const { status, headers, body } = await ask({ type: 'application/grpc-web+proto', pieces: [framed('hello')] });
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/grpc-web+proto');
    const { messages, trailers } = parsed(body);
    expect(messages).toEqual(['hello']);
    expect(trailers).toContain('grpc-status: 0\r\n');
  });

  test('text may come in any pieces, and is answered as text', async () => {
    const text = framed('hello').toString('base64');
    for (const size of [1, 3, 5, text.length]) {
      const pieces = text.match(new RegExp(`.{1,${size}}`, 'g'))!;
      // With a length, as browsers send it, and without.
      const length: Record<string, string> = size === text.length ? { 'content-length': String(size) } : {};
      const { headers, body } = await ask({ type: 'application/grpc-web-text', headers: length, pieces });
      expect(headers['content-type']).toBe('application/grpc-web-text');
      expect(parsed(plain(body)).messages).toEqual(['hello']);
    }
  });

  test('Accept decides how the answer is encoded', async () => {
    const asked = { type: 'application/grpc-web', headers: { accept: 'application/grpc-web-text' } };
    const { headers, body } = await ask({ ...asked, pieces: [framed('hi')] });
    expect(headers['content-type']).toBe('application/grpc-web-text');
    expect(parsed(plain(body)).messages).toEqual(['hi']);
  });

  test('a server streams', async () => {
    const { body } = await ask({ type: 'application/grpc-web', method: 'raw.Echo/Download', pieces: [framed('')] });
    expect(parsed(body).messages).toEqual(['one', 'two', 'three']);
  });

  test('a failed call has its status in the body, where browsers can read it', async () => {
    const { status, headers, body } = await ask({ type: 'application/grpc-web', pieces: [framed('fail')] });
    expect(status).toBe(200);
    expect(headers).not.toHaveProperty('grpc-status');
    expect(parsed(body)).toEqual({
      messages: [],
      trailers: expect.stringMatching(/grpc-status: 5\r\n(.*\r\n)*grpc-message: not%20found\r\n/),
    });
  });

  test.each([
    ['no route is UNIMPLEMENTED', 'raw.Nothing/Unary', 12],
    ['a backend that is down is UNAVAILABLE', 'raw.Down/Unary', 14],
  ])("the gateway's own answers are gRPC-Web: %s", async (_name, method, code) => {
    for (const type of ['application/grpc-web', 'application/grpc-web-text']) {
      const message = type.endsWith('text') ? framed('x').toString('base64') : framed('x');
      const { status, headers, body } = await ask({ type, method, pieces: [message] });
      expect([status, headers['content-type']]).toEqual([200, type]);
      const { messages, trailers } = parsed(type.endsWith('text') ? plain(body) : body);
      expect(messages).toEqual([]);
      expect(trailers).toContain(`grpc-status: ${code}\r\n`);
    }
  });

  test('a call with too many header lines is RESOURCE_EXHAUSTED, in the body', async () => {
    const headers = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`x-${i}`, '1']));
    for (const type of ['application/grpc-web', 'application/grpc-web-text']) {
      const answer = await ask({ type, headers, pieces: [] });
      expect([answer.status, answer.headers['content-type']]).toEqual([200, type]);
      const { messages, trailers } = parsed(type.endsWith('text') ? plain(answer.body) : answer.body);
      expect(messages).toEqual([]);
      expect(trailers).toContain('grpc-status: 8\r\n');
    }
  });

  test.each([
    ['holds other characters', ['AAAA', '!!!!']],
    ['ends in the middle', ['AAAAA']],
  ])('text that %s is refused', async (_name, pieces) => {
    const { body } = await ask({ type: 'application/grpc-web-text', pieces });
    expect(parsed(plain(body)).trailers).toContain('grpc-status: 13\r\n');
  });

  test('a deadline is kept', async () => {
    const headers = { 'grpc-timeout': '80m' };
    const { body } = await ask({ type: 'application/grpc-web', headers, pieces: [framed('hang')] });
    expect(parsed(body).trailers).toContain('grpc-status: 4\r\n');
  });

  test('and also within an answer', async () => {
    const headers = { 'grpc-timeout': '200m' };
    const asked = { type: 'application/grpc-web-text', method: 'raw.Echo/Download', headers };
    const { body } = await ask({ ...asked, pieces: [framed('hang').toString('base64')] });
    const { messages, trailers } = parsed(plain(body));
    expect(messages).toEqual(['one', 'two', 'three']);
    expect(trailers).toContain('grpc-status: 4\r\n');
  });
});

test('a misdirected call shows its 421, so that the browser connects anew', async () => {
  const names = ['a.example.com', 'b.example.com'];
  const listeners = names.map((hostname, i) => ({
    name: `https-${i}`,
    port: 443,
    protocol: 'HTTPS' as const,
    hostname,
    tls: { certificateRefs: [{ name: 'pair' }] },
  }));
  const secret = `---\n${tlsSecret({ namespace: 'default', name: 'pair' }, await demoCertificate(names))}\n`;
  const misdirecting = await serveManifests(gateway(listeners) + secret, { ports: [443] });
  const session = http2.connect(`https://127.0.0.1:${misdirecting.port(443)}`, {
    servername: names[0]!,
    rejectUnauthorized: false,
  });
  const request = session.request({
    ':method': 'POST',
    ':path': '/raw.Echo/Unary',
    ':authority': names[1]!,
    'content-type': 'application/grpc-web',
  });
  request.end(framed('x'));
  const [head] = (await once(request, 'response')) as [http2.IncomingHttpHeaders];
  expect(head).toMatchObject({ ':status': 421, 'content-type': 'application/json' });
  session.destroy();
  await misdirecting.close();
});

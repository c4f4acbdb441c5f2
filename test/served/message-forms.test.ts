/**
 * Forms of messages that are seldom met, on all pairs of protocols, with what looks into answers and without: one table. An
 * answer is the same whatever is put in between, but for what that is there for.
 */

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientTraffic, requestPolicy } from '../policies/policy.ts';
import { h2cService } from './framed-backend.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { rawClient } from './raw-client.ts';
import { type Rig, serveManifests } from './rig.ts';

const TEXT = 'the quick brown fox jumps over the lazy dog. '.repeat(100);
const TYPE = { 'content-type': 'text/plain' };
/** What stands between, by host. */
const BETWEEN = ['nothing', 'cache', 'compression', 'retry', 'pages', 'all'] as const;
const BACKENDS = ['h1', 'h2'] as const;

/** Both kinds of node's servers. */
type Answering = http.ServerResponse & http2.Http2ServerResponse;

function answerTo(
  request: { url?: string; headers: http.IncomingHttpHeaders; method?: string },
  answer: Answering,
  body: string,
): void {
  const path = request.url!.split('?')[0];
  const kept = { 'cache-control': 'max-age=100', etag: '"v"', ...TYPE };
  switch (path) {
    case '/text':
      return void answer.writeHead(200, { ...kept, 'content-length': TEXT.length }).end(TEXT);
    case '/pieces':
      answer.writeHead(200, kept);
      answer.write(TEXT.slice(0, 2_000));
      return void answer.end(TEXT.slice(2_000));
    case '/empty':
      return void answer.writeHead(200, { ...kept, 'content-length': 0 }).end();
    case '/204':
      return void answer.writeHead(204, { 'x-own': '1' }).end();
    case '/205':
      return void answer.writeHead(205, { 'x-own': '1', 'content-length': 0 }).end();
    case '/304':
      return void answer.writeHead(304, { etag: '"v"', 'x-own': '1' }).end();
    case '/404':
      return void answer.writeHead(404, { ...TYPE, 'content-length': TEXT.length }).end(TEXT);
    case '/early':
      answer.writeEarlyHints({ link: '</a.css>; rel=preload' });
      return void answer.writeHead(200, { ...kept, 'content-length': TEXT.length }).end(TEXT);
    case '/trailers':
      answer.writeHead(200, { ...TYPE, trailer: 'x-sum' });
      answer.write(TEXT);
      answer.addTrailers({ 'x-sum': '7' });
      return void answer.end();
    default:
      return void answer
        .writeHead(200, { 'content-type': 'application/octet-stream' })
        .end(`${request.method} ${body.length}`);
  }
}

function serve(request: http.IncomingMessage | http2.Http2ServerRequest, answer: unknown): void {
  let body = '';
  request.on('data', (bytes: Buffer) => {
    body += bytes;
  });
  request.on('end', () => answerTo(request as http.IncomingMessage, answer as Answering, body));
}

const servers = {
  h1: http.createServer(serve),
  h2: http2.createServer({ settings: { enableConnectProtocol: true } }, serve),
};
const sessions = new Set<http2.ServerHttp2Session>();
servers.h2.on('session', (session) => sessions.add(session));
servers.h1.keepAliveTimeout = 0;
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
servers.h1.on('upgrade', (request, socket) => {
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${GUID}`).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  socket.on('error', () => {}).pipe(socket);
});
servers.h2.on('connect', (request: http2.Http2ServerRequest, answer: http2.Http2ServerResponse) => {
  answer.writeHead(200);
  request.on('error', () => {}).pipe(answer);
});

let rig: Rig;
let client: http2.ClientHttp2Session;

const SETTINGS: Readonly<Record<string, object>> = {
  cache: { cache: {} },
  compression: { compression: {} },
  pages: { errorPages: [{ codes: [404, 503], body: 'SORRY' }] },
  all: { cache: {}, compression: {}, errorPages: [{ codes: [404, 503], body: 'SORRY' }] },
};

beforeAll(async () => {
  for (const server of Object.values(servers)) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const routes = BETWEEN.flatMap((between) =>
    BACKENDS.flatMap((backend) => {
      const name = `${between}-${backend}`;
      const retry =
        between === 'retry' || between === 'all' ? { retry: { codes: [503], attempts: 2, backoff: '1ms' } } : {};
      const spec = SETTINGS[between];
      const policy = spec && requestPolicy('ResponsePolicy', name, { kind: 'HTTPRoute', name }, spec);
      const route = httpRoute(name, [{ ...backendRefs(backend), ...retry }], { hostnames: [`${name}.example`] });
      return policy === undefined ? [route] : [route, policy];
    }),
  );
  const hints = clientTraffic('hints', { earlyHints: { to: 'Everybody' } });
  const site = manifests([HTTP], ...routes, service('h1'), h2cService('h2'), hints);
  const endpoints = BACKENDS.map((name) => endpointsOf(name, (servers[name].address() as AddressInfo).port));
  rig = await serveManifests(site, { endpoints });
  client = http2.connect(`http://127.0.0.1:${rig.port()}`);
  client.on('error', () => {});
});
afterAll(async () => {
  client.destroy();
  await rig.close();
  for (const session of sessions) session.destroy();
  for (const server of Object.values(servers)) server.close();
});

interface Got {
  status: number;
  /** Those of 100 and more. */
  before: number[];
  headers: Readonly<Record<string, string | undefined>>;
  body: string;
  trailers: string;
}

interface Asked {
  host: string;
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: string;
}

async function byHttp1({ host, method = 'GET', path, headers = {}, body = '' }: Asked, version = '1.1'): Promise<Got> {
  const raw = await rawClient(rig.port());
  const lines = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `${method} ${path} HTTP/${version}\r\n${lines.join('')}\r\n`;
  raw.send(headers.expect === undefined ? head + body : head);
  const before: number[] = [];
  for (;;) {
    const [one] = await raw.responses(1, method === 'HEAD');
    if (one!.status < 200) {
      before.push(one!.status);
      if (one!.status === 100) raw.send(body);
      continue;
    }
    // What comes next on the connection is the next answer, and nothing that was left of this one.
    if (version === '1.1') {
      const [next] = await raw.ask(`GET /204 HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      expect(next!.status).toBe(204);
      expect(raw.text).toBe('');
    } else await raw.end();
    raw.close();
    return {
      status: one!.status,
      before,
      headers: Object.fromEntries(one!.headers),
      body: one!.body,
      trailers: one!.trailers,
    };
  }
}

function byHttp2({ host, method = 'GET', path, headers = {}, body = '' }: Asked): Promise<Got> {
  return new Promise((resolve, reject) => {
    const stream = client.request(
      { ':method': method, ':path': path, ':authority': host, ...headers },
      { endStream: body === '' },
    );
    const got = { status: 0, before: [] as number[], headers: {} as Got['headers'], body: '', trailers: '' };
    stream.setEncoding('latin1');
    stream.on('continue', () => {
      got.before.push(100);
      stream.end(body);
    });
    stream.on('headers', (head) => {
      if (head[':status'] !== 100) got.before.push(Number(head[':status']));
    });
    stream.on('response', (head) => {
      got.status = Number(head[':status']);
      got.headers = head as unknown as Got['headers'];
    });
    stream.on('trailers', (lines) => {
      got.trailers = Object.entries(lines)
        .map(([name, value]) => `${name}: ${value}`)
        .join();
    });
    stream.on('data', (text: string) => {
      got.body += text;
    });
    stream.on('end', () => resolve(got));
    stream.on('error', reject);
    if (body !== '' && headers.expect === undefined) stream.end(body);
  });
}

const SOCKET = { 'sec-websocket-version': '13', 'accept-encoding': 'gzip' };

/** What comes back of what is sent when the socket is open, and the status that opened it. */
async function socketByHttp1(host: string): Promise<[number, string]> {
  const raw = await rawClient(rig.port());
  const lines = {
    host,
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    ...SOCKET,
  };
  const text = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`);
  raw.send(`GET /socket HTTP/1.1\r\n${text.join('')}\r\n`);
  const [opened] = await raw.responses(1);
  raw.send('ping');
  await raw.until(() => raw.text.length >= 4);
  raw.close();
  return [opened!.status, raw.text];
}

async function socketByHttp2(host: string): Promise<[number, string]> {
  if (client.remoteSettings?.enableConnectProtocol !== true) await once(client, 'remoteSettings');
  const asked = {
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'http',
    ':path': '/socket',
    ':authority': host,
  };
  const stream = client.request({ ...asked, ...SOCKET });
  stream.on('error', () => {});
  const [head] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
  stream.write('ping');
  const [bytes] = (await once(stream, 'data')) as [Buffer];
  stream.close();
  return [Number(head[':status']), String(bytes)];
}

const CLIENTS = { 'HTTP/1.1': byHttp1, 'HTTP/2': byHttp2 };
const CASES = BETWEEN.flatMap((between) =>
  BACKENDS.flatMap((backend) =>
    (Object.keys(CLIENTS) as Array<keyof typeof CLIENTS>).map((protocol) => [protocol, backend, between] as const),
  ),
);

function textOf({ headers, body }: Got): string {
  return headers['content-encoding'] === 'gzip' ? String(gunzipSync(Buffer.from(body, 'latin1'))) : body;
}

describe.each(CASES)('from %s to %s, with %s between', (protocol, backend, between) => {
  const host = `${between}-${backend}.example`;
  const ask = (asked: Omit<Asked, 'host'>): Promise<Got> => CLIENTS[protocol]({ host, ...asked });
  const gzip = { 'accept-encoding': 'gzip' };
  const isCoded = between === 'compression' || between === 'all';

  test.each(['/text', '/pieces', '/empty', '/early'])('%s, and its head alone, twice', async (path) => {
    // What is kept has a length that what came had not.
    await ask({ path });
    for (const headers of [{}, gzip, gzip]) {
      const got = await ask({ path, headers });
      expect([got.status, textOf(got)]).toEqual([200, path === '/empty' ? '' : TEXT]);
      const { body, status, headers: told, trailers } = await ask({ path, headers, method: 'HEAD' });
      expect([status, body, trailers]).toEqual([200, '', '']);
      for (const name of ['content-type', 'content-encoding', 'etag', 'vary']) {
        expect([name, told[name]]).toEqual([name, got.headers[name]]);
      }
      if (told['content-length'] !== undefined) expect(told['content-length']).toBe(got.headers['content-length']);
    }
  });

  test.each([204, 205, 304])('%i has no body, and nothing that speaks of one', async (status) => {
    for (const method of ['GET', 'HEAD']) {
      const got = await ask({ path: `/${status}`, method, headers: gzip });
      expect([got.status, got.body, got.headers['x-own']]).toEqual([status, '', '1']);
      for (const name of ['transfer-encoding', 'content-encoding']) expect(got.headers[name]).toBeUndefined();
      if (status !== 205) expect(got.headers['content-length']).toBeUndefined();
    }
  });

  test('404 is what it is, or the page for it', async () => {
    const got = await ask({ path: '/404', headers: gzip });
    const page = between === 'pages' || between === 'all';
    expect([got.status, textOf(got)]).toEqual([404, page ? 'SORRY' : TEXT]);
    const { status, body } = await ask({ path: '/404', method: 'HEAD' });
    expect([status, body]).toEqual([404, '']);
  });

  test('103 comes before the answer', async () => {
    const got = await ask({ path: `/early?${protocol}`, headers: gzip });
    expect([got.before, got.status, textOf(got)]).toEqual([[103], 200, TEXT]);
  });

  test('trailers come behind the body, coded or not', async () => {
    for (const headers of [{ te: 'trailers' }, { te: 'trailers', ...gzip }]) {
      const got = await ask({ path: '/trailers', headers });
      expect([got.status, textOf(got), got.trailers.trim().toLowerCase()]).toEqual([200, TEXT, 'x-sum: 7']);
    }
    expect(isCoded).toBe((await ask({ path: '/trailers', headers: gzip })).headers['content-encoding'] === 'gzip');
  });

  test('100 is said to who waits for it, and the body goes on', async () => {
    const headers = { expect: '100-continue', 'content-length': '5' };
    const got = await ask({ path: '/post', method: 'POST', headers, body: 'hello' });
    expect([got.before, got.status, got.body]).toEqual([[100], 200, 'POST 5']);
  });

  test('a WebSocket is opened, and its bytes are nobody’s to change', async () => {
    const [status, came] = protocol === 'HTTP/1.1' ? await socketByHttp1(host) : await socketByHttp2(host);
    expect([status, came]).toEqual([protocol === 'HTTP/1.1' ? 101 : 200, 'ping']);
  });
});

const OLD_CASES = CASES.filter(([protocol]) => protocol === 'HTTP/1.1');

test.each(OLD_CASES)(
  'HTTP/1.0, as from %s to %s with %s between, gets plain bytes up to the end',
  async (_, backend, between) => {
    const host = `${between}-${backend}.example`;
    const headers = { 'accept-encoding': 'gzip' };
    for (const path of ['/text', '/pieces', '/trailers', '/early']) {
      const got = await byHttp1({ host, path, headers }, '1.0');
      expect([path, got.before, got.status, textOf(got)]).toEqual([path, [], 200, TEXT]);
      expect([got.headers['transfer-encoding'], got.trailers]).toEqual([undefined, '']);
    }
    const head = await byHttp1({ host, path: '/pieces', method: 'HEAD' }, '1.0');
    expect([head.status, head.body]).toEqual([200, '']);
  },
);

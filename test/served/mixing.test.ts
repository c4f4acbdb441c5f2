/** What one tenant's configuration or traffic makes long never stands in what another one gets. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { MAX_ADDED_BYTES } from '../../src/config/head-addition.ts';
import { MAX_REQUEST_HEAD_BYTES } from '../../src/proxy/http/h1/parse.ts';
import { MAX_RESPONSE_HEAD_BYTES } from '../../src/proxy/http/h1/response.ts';
import { MAX_SECTION_BYTES } from '../../src/proxy/http/h2/settings.ts';
import { block, frameBytes } from '../../src/proxy/http/h2/wire.fixture.ts';
import { FramedBackend } from './framed-backend.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { httpBackend } from './raw-backend.ts';
import { type RawClient, rawClient } from './raw-client.ts';
import { type Rig, type RigOptions, serveManifests } from './rig.ts';

const closing: Array<{ close(): unknown }> = [];
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close();
});

async function serve(text: string, options: RigOptions): Promise<Rig> {
  const rig = await serveManifests(text, options);
  closing.push(rig);
  return rig;
}

async function clientOf(rig: Rig): Promise<RawClient> {
  const client = await rawClient(rig.port());
  closing.push(client);
  return client;
}

const HEADERS = 1;
const END_HEADERS = 4;
const END_STREAM = 1;

/** A modifier of so many lines of the greatest length. */
function longLines(which: 'Request' | 'Response', count = 16): object {
  const lines = Array.from({ length: count }, (_, i) => ({ name: `x-${i}`, value: 'v'.repeat(4096) }));
  return { type: `${which}HeaderModifier`, [`${which.toLowerCase()}HeaderModifier`]: { set: lines } };
}

/** As many header lines as one modifier may hold, each as long as one may be. */
function longest(name: string): object {
  const lines = (list: string): object[] =>
    Array.from({ length: 16 }, (_, i) => ({ name: `x-${list}-${name}-${i}`, value: list[0]!.repeat(4096) }));
  return { set: lines('set'), add: lines('add') };
}

describe('composed heads', () => {
  test('however long do not run into the answer that waits for another client', async () => {
    const backend = new FramedBackend(100);
    closing.push(backend);
    const port = await backend.listen();
    const long = (name: string): object => ({ type: 'ResponseHeaderModifier', responseHeaderModifier: longest(name) });
    const ref = { name: 'two', port: 80, filters: [long('backend')] };
    const rule = { matches: [{ path: { value: '/long' } }], filters: [long('rule')], backendRefs: [ref] };
    const two = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'two' },
      spec: { ports: [{ port: 80, appProtocol: 'kubernetes.io/h2c' }] },
    };
    const rig = await serve(manifests([HTTP], httpRoute('r', [rule, backendRefs('two')]), two), {
      endpoints: [endpointsOf('two', port)],
    });
    const one = await clientOf(rig);
    one.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n');
    await backend.until(() => backend.opened.length === 1);
    const session = http2.connect(`http://127.0.0.1:${rig.port()}`, { maxHeaderListPairs: 200 });
    session.on('error', () => {});
    closing.push(session);
    const other = session.request({ ':path': '/long' });
    const answered = once(other, 'response').catch(() => []);
    await Promise.race([answered, backend.until(() => backend.opened.length === 2)]);
    const ok = block([
      [':status', '200'],
      ['content-length', '4'],
    ]);
    // In one read of the backend's connection: the first answer waits for its end while the second head is composed.
    const frames = [frameBytes(HEADERS, END_HEADERS, 1, ok), frameBytes(0, 0, 1, 'one')];
    if (backend.opened.length === 2)
      frames.push(frameBytes(HEADERS, END_HEADERS | END_STREAM, 3, block([[':status', '204']])));
    backend.socket.write(Buffer.concat(frames));
    const begun = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\none';
    await one.until(() => one.text.length >= begun.length);
    expect(one.text).toBe(begun);
    backend.socket.write(frameBytes(0, END_STREAM, 1, '!'));
    await one.until(() => one.text.length > begun.length);
    expect(one.text).toBe(`${begun}!`);
  });

  test.each([
    ['of a rule', { filters: [longLines('Request')] }, 'spec.rules[0].filters'],
    ['of a rule, in answers', { filters: [longLines('Response')] }, 'spec.rules[0].filters'],
    [
      'of a rule and its backend together',
      {
        filters: [longLines('Request', 9)],
        backendRefs: [{ name: 'one', port: 80, filters: [longLines('Request', 9)] }],
      },
      'spec.rules[0].backendRefs[0].filters',
    ],
  ])('are refused with their field where what is added is longer than what may be: %s', async (_, rule, field) => {
    const backend = await httpBackend((request, response) => response.end(request.url));
    closing.push(backend);
    const long = { matches: [{ path: { value: '/long' } }], ...backendRefs('one'), ...rule };
    const rig = await serve(manifests([HTTP], httpRoute('r', [long, backendRefs('one')]), service('one')), {
      endpoints: [endpointsOf('one', backend.port)],
    });
    const client = await clientOf(rig);
    const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
    const answers = await client.ask(`${get('/long')}${get('/other')}`, 2);
    expect(answers.map(({ status }) => status)).toEqual([500, 200]);
    const [told] = rig.report().diagnostics;
    expect(told).toMatchObject({ severity: 'error', object: 'HTTPRoute/default/r', field });
    expect(told!.message).toMatch(/add \d+ bytes to the head of a (request|response), and 65536 is the most/);
    const conditions = JSON.stringify(rig.report().items.find(({ kind }) => kind === 'HTTPRoute')!.status);
    expect(conditions).toContain(field);
  });
});

type Lines = Array<[name: string, value: string]>;

/** Lines that take exactly `bytes` as a head counts them, with `around` bytes for each besides name and value. */
function linesOf(mark: string, bytes: number, around: number): Lines {
  const lines: Lines = [];
  for (let left = bytes; left > 0; ) {
    const name = `x-${mark}-${String(lines.length).padStart(2, '0')}`;
    const whole = Math.min(left, 4_000);
    const size = left - whole < 100 ? left : whole;
    lines.push([name, mark[0]!.repeat(size - name.length - around)]);
    left -= size;
  }
  return lines;
}

const H1_LINE = ': \r\n'.length;
const H2_LINE = 32;
/** The bytes that Host, :path and the like take, and those that the test's own lines do not use. */
const REST = 1_000;

const own = (lines: ReadonlyArray<readonly [string, unknown]>): Lines =>
  lines.flatMap(([name, value]) =>
    name.startsWith('x-ask') || name.startsWith('x-add') || name.startsWith('x-say')
      ? [[name, String(value)]]
      : ([] as Lines),
  );

interface Back {
  readonly port: number;
  /** The test's own lines of each request for /long. */
  readonly asked: Lines[];
  /** Answers what waits: /wait with a head and a part of the body, /long with a head that holds these lines. */
  answer(lines: Lines): void;
  finish(): void;
  readonly waiting: number;
  close(): unknown;
}

/** One of HTTP/1.1 or HTTP/2 that answers when it is told. */
async function backOf(version: 'http' | 'h2c'): Promise<Back> {
  const asked: Lines[] = [];
  const short: Array<http.ServerResponse | http2.Http2ServerResponse> = [];
  const long: Array<http.ServerResponse | http2.Http2ServerResponse> = [];
  const open = new Set<Socket>();
  const handler = (
    request: http.IncomingMessage | http2.Http2ServerRequest,
    response: http.ServerResponse | http2.Http2ServerResponse,
  ): void => {
    if (request.url === '/wait') return void short.push(response);
    const raw = request.rawHeaders;
    asked.push(own(Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i]!, raw[2 * i + 1]!] as const)));
    long.push(response);
  };
  const server =
    version === 'http'
      ? http.createServer({ maxHeaderSize: 1 << 20 }, handler)
      : http2.createServer(
          { settings: { maxHeaderListSize: 1 << 20 }, maxHeaderListPairs: 1_000, maxSendHeaderBlockLength: 1 << 20 },
          handler,
        );
  server.on('connection', (socket: Socket) => open.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    get waiting() {
      return short.length + long.length;
    },
    answer(lines) {
      for (const response of short as http.ServerResponse[]) {
        response.writeHead(200, { 'content-length': '8' });
        response.write('part');
      }
      for (const response of long as http.ServerResponse[]) {
        for (const [name, value] of lines) response.setHeader(name, value);
        response.writeHead(200, { 'content-length': '4' });
        response.end('long');
      }
    },
    finish() {
      for (const response of short as http.ServerResponse[]) response.end('done');
    },
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

interface Got {
  lines: Lines;
  body: string;
}

async function askH1(rig: Rig, lines: Lines): Promise<() => Promise<Got>> {
  const client = await clientOf(rig);
  const head = ['GET /long HTTP/1.1', 'Host: a', ...lines.map(([name, value]) => `${name}: ${value}`)];
  client.send(`${head.join('\r\n')}\r\n\r\n`);
  return async () => {
    const [answer] = await client.responses(1);
    return { lines: own([...answer!.headers]), body: answer!.body };
  };
}

async function askH2(rig: Rig, lines: Lines): Promise<() => Promise<Got>> {
  const session = http2.connect(`http://127.0.0.1:${rig.port()}`, {
    settings: { maxHeaderListSize: 1 << 20 },
    maxHeaderListPairs: 1_000,
  } as http2.ClientSessionOptions);
  closing.push(session);
  await once(session, 'remoteSettings');
  const stream = session.request({ ':path': '/long', ':authority': 'a', ...Object.fromEntries(lines) });
  return async () => {
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    let body = '';
    for await (const chunk of stream) body += String(chunk);
    return { lines: own(Object.entries(headers)), body };
  };
}

describe.each([
  ['HTTP/1.1', 'http', askH1],
  ['HTTP/1.1', 'h2c', askH1],
  ['HTTP/2', 'http', askH2],
  ['HTTP/2', 'h2c', askH2],
] as const)('from %s to %s', (_, protocol, ask) => {
  test('the largest heads that are legal arrive whole, and alone, while another answer waits', async () => {
    const back = await backOf(protocol);
    closing.push(back);
    const half = (mark: string, which: 'request' | 'response', bytes: number): object => {
      const lines = linesOf(mark, bytes, H1_LINE).map(([name, value]) => ({ name, value }));
      const type = which === 'request' ? 'Request' : 'Response';
      return {
        type: `${type}HeaderModifier`,
        [`${which}HeaderModifier`]: { set: lines.slice(0, 8), add: lines.slice(8) },
      };
    };
    const rule = [
      half('addrule', 'request', MAX_ADDED_BYTES / 2),
      half('addruleanswer', 'response', MAX_ADDED_BYTES / 2),
    ];
    const backend = [
      half('addback', 'request', MAX_ADDED_BYTES / 2),
      half('addbackanswer', 'response', MAX_ADDED_BYTES / 2),
    ];
    const two = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'two' },
      spec: { ports: [{ port: 80, appProtocol: protocol === 'h2c' ? 'kubernetes.io/h2c' : 'http' }] },
    };
    const long = {
      matches: [{ path: { value: '/long' } }],
      filters: rule,
      backendRefs: [{ name: 'two', port: 80, filters: backend }],
    };
    const rig = await serve(manifests([HTTP], httpRoute('r', [long, backendRefs('two')]), two), {
      endpoints: [endpointsOf('two', back.port)],
    });

    const other = await clientOf(rig);
    other.send('GET /wait HTTP/1.1\r\nHost: a\r\n\r\n');
    await vi.waitUntil(() => back.waiting === 1);
    const h1 = ask === askH1;
    const asking = linesOf(
      'ask',
      h1 ? MAX_REQUEST_HEAD_BYTES - 'GET /long HTTP/1.1\r\nHost: a\r\n\r\n'.length : MAX_SECTION_BYTES - REST,
      h1 ? H1_LINE : H2_LINE,
    );
    const answer = await ask(rig, asking);
    await vi.waitUntil(() => back.waiting === 2);
    const added = (...marks: string[]): Lines => marks.flatMap((mark) => linesOf(mark, MAX_ADDED_BYTES / 2, H1_LINE));
    expect(back.asked).toEqual([[...asking, ...added('addrule', 'addback')]]);

    const saying = linesOf(
      'say',
      protocol === 'http' ? MAX_RESPONSE_HEAD_BYTES - REST : MAX_SECTION_BYTES - REST,
      protocol === 'http' ? H1_LINE : H2_LINE,
    );
    back.answer(saying);
    expect(await answer()).toEqual({ lines: [...saying, ...added('addruleanswer', 'addbackanswer')], body: 'long' });
    await other.until(() => other.text.endsWith('part'));
    back.finish();
    const [waited] = await other.responses(1);
    expect(waited!.body).toBe('partdone');
    expect([...waited!.headers.keys()].sort()).toEqual(['content-length', 'date']);
  });
});

describe('trailers', () => {
  test('of a request answered early do not stand where the next request is read', async () => {
    const backend = await httpBackend((request, response) => response.end(request.url));
    closing.push(backend);
    const redirect = { type: 'RequestRedirect', requestRedirect: { hostname: 'b', statusCode: 302 } };
    const rules = [{ matches: [{ path: { value: '/early' } }], filters: [redirect] }, backendRefs('one')];
    const rig = await serve(manifests([HTTP], httpRoute('r', rules), service('one')), {
      endpoints: [endpointsOf('one', backend.port)],
    });
    const client = await clientOf(rig);
    const trailers = Array.from({ length: 100 }, (_, i) => `x-trailer-${i}: ${'t'.repeat(15)}\r\n`).join('');
    const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
    const post = 'POST /early HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n';
    const answers = await client.ask(`${get('/1')}${post}${trailers}\r\n${get('/2')}`, 3);
    expect(answers.map(({ status }) => status)).toEqual([200, 302, 200]);
    expect(answers[2]!.body).toBe('/2');
  });
});

/** What a ClientTrafficPolicy says of heads, connections, HTTP/2 and early hints: on its listener, and on no other of the port. */
import http2 from 'node:http2';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service, tlsSecret } from '../served/manifest.ts';
import { httpBackend, type TestBackend } from '../served/raw-backend.ts';
import { type RawClient, rawClient, rawTlsClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority, type Pair } from '../tls/authority.ts';
import { clientTraffic } from './policy.ts';

const OWN = 'own.example';
const USUAL = 'usual.example';
const LINK = '</style.css>; rel=preload; as=style';

let rig: Rig;
let pair: Pair;
let backend: TestBackend;
let writes = 0;

beforeAll(async () => {
  pair = await (await Authority.make('limits')).sign({ dns: [OWN, USUAL] });
  backend = await httpBackend((request, response) => {
    if (request.url === '/hints') response.writeEarlyHints({ link: '</from-backend>; rel=preload' });
    let bytes = 0;
    request.on('data', (piece: Buffer) => {
      bytes += piece.length;
    });
    request.on('end', () => response.end(String(bytes)));
  });
  rig = await serveManifests(site(), { ports: [80, 443], endpoints: [endpointsOf('one', backend.port)] });
});
afterAll(async () => {
  await rig.close();
  await backend.close();
});

function site(spec?: object): string {
  const https = (name: string, hostname: string) => ({
    ...{ name, port: 443, protocol: 'HTTPS', hostname },
    tls: { certificateRefs: [{ name: 'pair' }] },
  });
  const policies = spec === undefined ? [] : ['http', 'own'].map((name) => clientTraffic(name, spec, name));
  return manifests(
    [HTTP, https('own', OWN), https('usual', USUAL)],
    tlsSecret('pair', pair),
    // So that each writing changes something.
    httpRoute(`all-${writes++}`, [backendRefs('one')]),
    service('one'),
    ...policies,
  );
}

type Place = 'plain' | typeof OWN | typeof USUAL;

const open = (place: Place): Promise<RawClient> =>
  place === 'plain' ? rawClient(rig.port()) : rawTlsClient(rig.port(443), { servername: place });

const head = (place: Place, path = '/', lines = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: ${place === 'plain' ? OWN : place}\r\n${lines}\r\n`;

function connect(place: Place, options: object = {}): http2.ClientHttp2Session {
  const session =
    place === 'plain'
      ? http2.connect(`http://127.0.0.1:${rig.port()}`, options)
      : http2.connect(`https://127.0.0.1:${rig.port(443)}`, {
          ...{ servername: place, rejectUnauthorized: false },
          ...options,
        });
  return session.on('error', () => {});
}

interface Told {
  status: number;
  body: string;
  hints: string[];
}

function ask(session: http2.ClientHttp2Session, place: Place, headers: object = {}, body?: Buffer): Promise<Told> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':path': '/', ':authority': place === 'plain' ? OWN : place, ...headers });
    const told: Told = { status: 0, body: '', hints: [] };
    stream.on('headers', (lines: http2.IncomingHttpHeaders & { ':status'?: number }) => {
      if (lines[':status'] === 103) told.hints.push(...[lines.link ?? []].flat());
    });
    stream.on('response', (lines) => {
      told.status = Number(lines[':status']);
    });
    stream.setEncoding('utf8').on('data', (piece: string) => {
      told.body += piece;
    });
    stream.on('error', reject).on('end', () => resolve(told));
    stream.end(body);
  });
}

const settled = (session: http2.ClientHttp2Session): Promise<http2.Settings> =>
  new Promise((resolve) => session.once('remoteSettings', resolve));
const ended = (client: RawClient): Promise<unknown> => new Promise((resolve) => client.socket.once('close', resolve));

describe.each(['plain', OWN] as const)('on %s', (place) => {
  test('a head is refused that is longer than maxBytes', async () => {
    await rig.write(site({ headers: { maxBytes: 1_000 } }));
    for (const [length, status] of [
      [700, 200],
      [1_000, 431],
    ] as const) {
      const client = await open(place);
      expect((await client.ask(head(place, '/', `X: ${'x'.repeat(length)}\r\n`)))[0]!.status).toBe(status);
      client.close();
      const session = connect(place);
      expect((await ask(session, place, { x: 'x'.repeat(length) })).status).toBe(status);
      session.destroy();
    }
    const usual = await open(USUAL);
    expect((await usual.ask(head(USUAL, '/', `X: ${'x'.repeat(1_000)}\r\n`)))[0]!.status).toBe(200);
    usual.close();
  });

  test('a head that does not come whole is refused after timeout', async () => {
    await rig.write(site({ headers: { timeout: '300ms' } }));
    const client = await open(place);
    const began = performance.now();
    expect((await client.ask('GET / HT'))[0]!.status).toBe(408);
    expect(performance.now() - began).toBeLessThan(10_000);
    client.close();
  });

  test('after maxRequests the connection ends in good order', async () => {
    await rig.write(site({ keepAlive: { maxRequests: 3 } }));
    const client = await open(place);
    const closed = ended(client);
    const answers = [];
    for (let i = 0; i < 3; i++) answers.push((await client.ask(head(place)))[0]!);
    expect(answers.map(({ status, headers }) => [status, headers.get('connection')])).toEqual([
      [200, undefined],
      [200, undefined],
      [200, 'close'],
    ]);
    await closed;
    const session = connect(place);
    const over = new Promise((resolve) => session.once('goaway', resolve));
    const many = await Promise.all([1, 2, 3].map(() => ask(session, place)));
    expect(many.map(({ status }) => status)).toEqual([200, 200, 200]);
    await over;
    session.destroy();
    const usual = await open(USUAL);
    for (let i = 0; i < 5; i++) expect((await usual.ask(head(USUAL)))[0]!.status).toBe(200);
    usual.close();
  });

  test('a connection without a request ends after idleTimeout', async () => {
    await rig.write(site({ keepAlive: { idleTimeout: '300ms' } }));
    const [client, usual] = [await open(place), await open(USUAL)];
    const closed = ended(client);
    expect((await client.ask(head(place)))[0]!.status).toBe(200);
    expect((await usual.ask(head(USUAL)))[0]!.status).toBe(200);
    const session = connect(place);
    const over = new Promise((resolve) => session.once('goaway', resolve));
    await Promise.all([closed, over]);
    expect((await usual.ask(head(USUAL)))[0]!.status).toBe(200);
    usual.close();
    session.destroy();
  });

  test.each([
    [2, 65_535, 65_535],
    [500, 1_048_576, 4_194_304],
  ])('HTTP/2 has %i streams, a window of %i for each, and one of %i for all', async (...asked) => {
    const [maxConcurrentStreams, streamWindow, connectionWindow] = asked;
    await rig.write(site({ http2: { maxConcurrentStreams, streamWindow, connectionWindow } }));
    const session = connect(place);
    expect(await settled(session)).toMatchObject({ maxConcurrentStreams, initialWindowSize: streamWindow });
    await expect.poll(() => session.state.remoteWindowSize).toBe(connectionWindow);
    // More than any of the windows, on several streams at once.
    const body = Buffer.alloc(3_000_000);
    const answers = await Promise.all([1, 2].map(() => ask(session, place, { ':method': 'POST' }, body)));
    expect(answers.map((one) => one.body)).toEqual(['3000000', '3000000']);
    session.destroy();
    const usual = connect(USUAL);
    expect((await settled(usual)).maxConcurrentStreams).toBe(128);
    usual.destroy();
  });
});

test('frames may be as large as the policy says, and no larger', async () => {
  await rig.write(site({ http2: { maxFrameSize: 65_536 } }));
  const session = connect('plain');
  expect(await settled(session)).toMatchObject({ maxFrameSize: 65_536 });
  const answer = await ask(session, 'plain', { ':method': 'POST' }, Buffer.alloc(600_000));
  expect(answer.body).toBe('600000');
  session.destroy();
  await rig.write(site({ http2: { maxFrameSize: 16_384 } }));
  const usual = connect('plain');
  expect(await settled(usual)).toMatchObject({ maxFrameSize: 16_384 });
  usual.destroy();
});

test('a client of HTTP/2 that says nothing is asked, and one that does not answer ends', async () => {
  await rig.write(site({ http2: { ping: { interval: '200ms', timeout: '300ms' } } }));
  const session = connect('plain');
  await new Promise((resolve) => session.once('ping', resolve));
  await new Promise((resolve) => session.once('ping', resolve));
  expect((await ask(session, 'plain')).status).toBe(200);
  session.destroy();
  const silent = net.connect(rig.port(), '127.0.0.1');
  const closed = new Promise((resolve) => silent.once('close', resolve));
  silent.resume().on('error', () => {});
  // The preface, SETTINGS and their acknowledgement, and then not a word.
  const frames = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0]);
  silent.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frames]));
  await closed;
});

describe('early hints', () => {
  const NAVIGATES = { 'sec-fetch-mode': 'navigate' };
  const byH1 = async (lines = '', path = '/hints'): Promise<string[]> => {
    const client = await open('plain');
    client.send(head('plain', path, `${lines}Connection: close\r\n`));
    await ended(client);
    return [...client.text.matchAll(/HTTP\/1\.1 103[\s\S]*?\r\n\r\n/g)].map(
      ([text]) => /Link: (.*)\r/i.exec(text)![1]!,
    );
  };
  const byH2 = async (headers: object = {}): Promise<string[]> => {
    const session = connect('plain');
    const told = await ask(session, 'plain', { ':path': '/hints', ...headers });
    expect(told.status).toBe(200);
    session.destroy();
    return told.hints;
  };
  const OF_BACKEND = '</from-backend>; rel=preload';

  test.each<[object | undefined, string[], string[]]>([
    [undefined, [OF_BACKEND], [OF_BACKEND]],
    [{}, [], [OF_BACKEND]],
    [{ to: 'Everybody' }, [OF_BACKEND], [OF_BACKEND]],
    [{ to: 'Nobody' }, [], []],
  ])('of a backend, by %j: over HTTP/1.1 %j, over HTTP/2 %j', async (earlyHints, h1, h2) => {
    await rig.write(site(earlyHints && { earlyHints }));
    expect(await byH1()).toEqual(h1);
    expect(await byH2()).toEqual(h2);
  });

  test('of the policy go to browsers that open a page, before those of the backend', async () => {
    await rig.write(site({ earlyHints: { links: [LINK] } }));
    expect(await byH2(NAVIGATES)).toEqual([LINK, OF_BACKEND]);
    expect(await byH2({ ...NAVIGATES, ':path': '/' })).toEqual([LINK]);
    expect(await byH2({ ':path': '/' })).toEqual([]);
    expect(await byH2({ 'sec-fetch-mode': 'no-cors', ':path': '/' })).toEqual([]);
    expect(await byH1('Sec-Fetch-Mode: navigate\r\n', '/')).toEqual([]);
    await rig.write(site({ earlyHints: { to: 'Everybody', links: [LINK] } }));
    expect(await byH1('Sec-Fetch-Mode: navigate\r\n', '/')).toEqual([LINK]);
  });

  test('a link that would be more than one line is refused', async () => {
    await rig.write(site({ earlyHints: { links: ['</a>\r\nSet-Cookie: a=b'] } }));
    const told = rig.report().diagnostics.filter(({ object }) => object.startsWith('ClientTrafficPolicy/'));
    expect(told.map(({ field }) => field)).toEqual(['spec.earlyHints.links[0]', 'spec.earlyHints.links[0]']);
  });
});

/** A change is compiled whole and swapped in one step; what makes it fail is found, and hurts nobody else. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ConfigObject } from '../../config/index.ts';
import { selfSigned } from '../stream/certificate.suite.ts';
import { backend, certificate, listener, PlaneRig, proxyHeaderPolicy, rule } from './plane.suite.ts';

let pair: { key: Buffer; cert: Buffer };
let other: { key: Buffer; cert: Buffer };
beforeAll(async () => {
  [pair, other] = await Promise.all([selfSigned('a.example'), selfSigned('a.example')]);
});

let rig: PlaneRig;
const closers: Array<() => unknown> = [];
beforeEach(() => {
  rig = new PlaneRig({ portMap: new Map([80, 81, 82].map((port) => [port, 0])) });
  closers.push(() => rig.close());
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function saying(word: string): Promise<number> {
  const server = http.createServer((_request, response) => response.end(word)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function ask(path = '/', name = 'l'): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${rig.port(name)}${path}`);
  return response.ok ? response.text() : String(response.status);
}

const BROKEN_PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

/** Not what the types say, as a fault of ours or of another version would send it. */
const wrong = (object: ConfigObject, more: object): ConfigObject => ({ ...object, ...more }) as ConfigObject;

async function served(): Promise<ConfigObject[]> {
  const objects = [listener('HTTP'), ...backend(await saying('one')), rule('HTTPRoute')];
  await rig.apply(objects);
  return objects;
}

test('before the first config serves, somebody may do what would make requests wait', async () => {
  const told: Array<{ objects: number; bound: number }> = [];
  const beforeServing = (objects: number): void => {
    told.push({ objects, bound: rig.ack?.listeners.length ?? 0 });
  };
  await rig.close();
  rig = new PlaneRig({ portMap: new Map([[80, 0]]), beforeServing });
  await served();
  await rig.apply([rule('HTTPRoute', { index: 1 })]);
  expect(told).toEqual([{ objects: 4, bound: 0 }]);
});

describe('an object that cannot be compiled', () => {
  /** Of each step of compiling: the object that fails, and what is asked of it. */
  const steps: ReadonlyArray<readonly [string, () => ConfigObject]> = [
    [
      'a route',
      () => wrong(rule('HTTPRoute', { route: { kind: 'HTTPRoute', namespace: 'd', name: 'bad' } }), { matches: [{}] }),
    ],
    ['a backend', () => wrong(backend(1, 'bad')[0]!, { tls: { trust: 5 } })],
    ['endpoints', () => wrong(backend(1)[1]!, { endpoints: [{ state: 'ready' }] })],
    ['a certificate', () => ({ ...certificate(pair, 'd/bad'), privateKey: other.key.toString() })],
    ['a port', () => wrong(listener('HTTP', { name: 'bad', port: 82 }), { addresses: undefined })],
    ['the TLS of a port', () => wrong(listener('HTTPS', { name: 'bad', port: 82 }), { tls: { mode: 'Terminate' } })],
    ['a policy', () => proxyHeaderPolicy(['no network'])],
    ['a policy without a spec', () => wrong(proxyHeaderPolicy([]), { spec: undefined })],
    ['a stream route', () => wrong(rule('TCPRoute'), { attachments: undefined })],
    ['a bundle', () => ({ kind: 'TrustBundle', key: 'ConfigMap/d/bad', pem: BROKEN_PEM })],
  ];

  test.each(steps)('%s, is named, and everything else is served', async (_, make) => {
    await served();
    const bad = make();
    const two = rule('HTTPRoute', {
      route: { kind: 'HTTPRoute', namespace: 'd', name: 'two' },
      matches: [{ path: { type: 'PathPrefix', value: '/two' }, headers: [], query: [] }],
      backends: [{ backend: 'd/two:80', weight: 1, filters: [] }],
    });
    const ack = await rig.apply([
      listener('HTTP', { name: 'second', port: 81 }),
      two,
      bad,
      ...backend(await saying('two'), 'two'),
    ]);
    expect(ack.version).toBe(2);
    expect(ack.rejected.map(({ kind, key }) => [kind, key])).toEqual([[bad.kind, bad.key]]);
    expect(ack.rejected[0]!.message).not.toBe('');
    expect(rig.state('second')).toMatchObject({ state: 'serving' });
    expect([await ask(), await ask('/two')]).toEqual(['one', 'two']);
    // The next change does not stumble over it.
    expect((await rig.apply([], [{ kind: 'RouteRule', key: two.key }])).rejected).toEqual([]);
    expect(await ask('/two')).toBe('one');
  });

  test.each([1, 2, 7])('%d of them among many are all found', async (count) => {
    await served();
    const many = Array.from({ length: 40 }, (_, i) => listener('HTTP', { name: `n${i}`, port: 82, hostname: `n${i}` }));
    const bad = Array.from({ length: count }, (_, i) => wrong(backend(1, `bad${i}`)[0]!, { tls: { trust: 5 } }));
    const ack = await rig.apply(many.flatMap((one, i) => [one, ...bad.slice(i, i + 1)]));
    expect(new Set(ack.rejected.map(({ key }) => key))).toEqual(new Set(bad.map(({ key }) => key)));
    expect(ack.listeners).toHaveLength(41);
  });

  test('keeps the form it had', async () => {
    await served();
    const [own] = backend(1);
    await rig.apply([wrong(own!, { tls: { trust: 5 } })]);
    expect(rig.ack!.rejected).toMatchObject([{ kind: 'Backend', key: 'd/b:80', code: 'DMN_CONFIG_INVALID' }]);
    expect(await ask()).toBe('one');
  });

  test('changes nothing before everything is compiled', async () => {
    await served();
    const before = rig.port();
    // The backend comes first in the delta, and the listener, which fails, last.
    const ack = await rig.apply([...backend(await saying('new')), wrong(listener('HTTP'), { addresses: undefined })]);
    expect(ack.rejected).toMatchObject([{ kind: 'Listener', key: 'd/g/l' }]);
    expect(rig.port()).toBe(before);
    expect(await ask()).toBe('new');
  });
});

describe('a certificate', () => {
  const key = 'd/c';
  const start = async (): Promise<void> => {
    const objects = [listener('HTTPS', { hostname: 'a.example' }), ...backend(await saying('one')), rule('HTTPRoute')];
    await rig.apply([...objects, certificate(pair)]);
  };
  const connect = async (): Promise<tls.TLSSocket> => {
    const options = { port: rig.port(), host: '127.0.0.1', servername: 'a.example', ca: [pair.cert, other.cert] };
    const socket = tls.connect(options);
    closers.push(() => socket.on('error', () => {}).destroy());
    await once(socket, 'secureConnect');
    return socket;
  };
  const answer = async (socket: tls.TLSSocket): Promise<string> => {
    socket.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    return bytes.toString().split('\r\n')[0]!;
  };
  const presented = (socket: tls.TLSSocket): string => socket.getPeerX509Certificate()!.fingerprint256;

  test.each([
    ['whose key does not fit', () => [{ ...certificate(pair), privateKey: other.key.toString() }], []],
    ['that is no certificate', () => [{ ...certificate(pair), certificate: 'no PEM' }], []],
    ['that is gone', () => [], [{ kind: 'Certificate' as const, key }]],
  ])('%s leaves the last good one in service, and live connections alone', async (_, upserts, removals) => {
    await start();
    const live = await connect();
    const before = presented(live);
    const ack = await rig.apply(upserts(), removals);
    expect(ack.listeners).toMatchObject([{ state: 'serving' }]);
    expect(await answer(live)).toBe('HTTP/1.1 200 OK');
    expect(presented(await connect())).toBe(before);
    // Whatever else changes, and until a good one comes.
    await rig.apply([listener('HTTPS', { hostname: 'a.example', gateway: 'd/g' }), ...backend(1, 'z')]);
    expect(presented(await connect())).toBe(before);
    await rig.apply([certificate(other)]);
    expect(presented(await connect())).not.toBe(before);
    expect(await answer(live)).toBe('HTTP/1.1 200 OK');
  });

  test('that is gone goes with the last listener that names it, and does not come back', async () => {
    await start();
    await rig.apply([], [{ kind: 'Certificate', key }]);
    await rig.apply([], [{ kind: 'Listener', key: 'd/g/l' }]);
    const ack = await rig.apply([listener('HTTPS', { hostname: 'a.example' })]);
    expect(ack.listeners).toMatchObject([{ state: 'failed', bound: [], code: 'DMN_CERTIFICATE_INVALID' }]);
  });

  test('that never was a good one leaves its listener closed, and says so', async () => {
    const bad = { ...certificate(pair), privateKey: other.key.toString() };
    const ack = await rig.apply([listener('HTTPS'), bad, listener('HTTP', { name: 'plain', port: 81 })]);
    expect(ack.rejected).toMatchObject([{ kind: 'Certificate', key, code: 'DMN_CERTIFICATE_INVALID' }]);
    expect(rig.state()).toMatchObject({ state: 'failed', bound: [], code: 'DMN_CERTIFICATE_INVALID' });
    expect(rig.state('plain')).toMatchObject({ state: 'serving' });
    await rig.apply([certificate(pair)]);
    expect(rig.state()).toMatchObject({ state: 'serving' });
  });
});

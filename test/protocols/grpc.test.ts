/** gRPC through a GRPCRoute, with the clients and servers of grpc-js on both ends. */
import { once } from 'node:events';
import { ChannelCredentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { demoCertificate, tlsSecret } from '../../src/cli/demo-certificate.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { backendTls, gateway, route, service } from './manifest.ts';
import { rawImplementation } from './raw-implementation.ts';
import { callUnary, type RawClient, type RawServer, rawClient, serveRaw } from './raw-service.ts';

const BIG = 4 * 1024 * 1024;
const seen: Array<{ name: string; metadata: Record<string, unknown> }> = [];

const ROUTES = [
  route('GRPCRoute', 'echo', {
    hostnames: ['grpc.example.com'],
    rules: [
      {
        matches: [{ headers: [{ name: 'version', value: 'two' }], method: { service: 'raw.Echo' } }],
        backendRefs: [{ name: 'two', port: 50 }],
      },
      {
        matches: [
          {
            headers: [{ type: 'RegularExpression', name: 'shard', value: 'b[0-9]+' }],
            method: { service: 'raw.Echo' },
          },
        ],
        backendRefs: [{ name: 'two', port: 50 }],
      },
      { matches: [{ method: { service: 'raw.Echo' } }], backendRefs: [{ name: 'one', port: 50 }] },
      { matches: [{ method: { service: 'raw.Secure' } }], backendRefs: [{ name: 'secure', port: 50 }] },
      {
        matches: [{ method: { type: 'RegularExpression', service: 'raw\\.V[0-9]+', method: 'Una.*' } }],
        backendRefs: [{ name: 'two', port: 50 }],
      },
      {
        matches: [{ method: { service: 'raw.Split' } }],
        backendRefs: [
          { name: 'one', port: 50, weight: 3 },
          { name: 'two', port: 50, weight: 1 },
        ],
      },
      {
        matches: [{ method: { service: 'raw.Filtered' } }],
        filters: [
          {
            type: 'RequestHeaderModifier',
            requestHeaderModifier: { set: [{ name: 'x-added', value: 'yes' }], remove: ['x-removed'] },
          },
          { type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'x-answer', value: 'changed' }] } },
          { type: 'RequestMirror', requestMirror: { backendRef: { name: 'two', port: 50 } } },
        ],
        backendRefs: [{ name: 'one', port: 50 }],
      },
      { matches: [{ method: { service: 'raw.Missing' } }], backendRefs: [{ name: 'nobody', port: 50 }] },
      { matches: [{ method: { service: 'raw.Empty' } }], backendRefs: [{ name: 'empty', port: 50 }] },
      { matches: [{ method: { service: 'raw.Down' } }], backendRefs: [{ name: 'down', port: 50 }] },
      { matches: [{ method: { service: 'grpc.health.v1.Health' } }], backendRefs: [{ name: 'one', port: 50 }] },
    ],
  }),
  route('GRPCRoute', 'ranked', {
    hostnames: ['ranked.example.com'],
    rules: [
      { matches: [{ headers: [{ name: 'version', value: 'two' }] }], backendRefs: [{ name: 'nobody', port: 50 }] },
      { matches: [{ method: { method: 'Unary' } }], backendRefs: [{ name: 'two', port: 50 }] },
      { matches: [{ method: { service: 'raw.Echo' } }], backendRefs: [{ name: 'one', port: 50 }] },
      {
        matches: [{ method: { type: 'RegularExpression', service: '^raw\\.V2$|(?i)raw\\.FILTERED', method: '' } }],
        backendRefs: [{ name: 'one', port: 50 }],
      },
    ],
  }),
  ...['one', 'two', 'empty', 'down', 'secure'].map((name) => service(name, 50)),
];

const NAMES = ['raw.Echo', 'raw.V2', 'raw.Split', 'raw.Filtered', 'grpc.health.v1.Health'];
const AUTHORITY = { 'grpc.default_authority': 'grpc.example.com' };

let one: RawServer;
let two: RawServer;
/** Over TLS, as its BackendTLSPolicy says. */
let secure: RawServer;
let rig: Rig;
let certificate: string;
const clients: RawClient[] = [];

beforeAll(async () => {
  const servicesOf = (name: string) =>
    Object.fromEntries(
      NAMES.map((known) => [known, rawImplementation(name, (metadata) => seen.push({ name, metadata }))]),
    );
  [one, two] = await Promise.all([serveRaw(servicesOf('one')), serveRaw(servicesOf('two'))]);
  const own = await demoCertificate(['secure.example.internal']);
  secure = await serveRaw({ 'raw.Secure': rawImplementation('secure') }, own);
  const pair = await demoCertificate(['grpc.example.com']);
  certificate = pair.certificate;
  const listeners = gateway([
    { name: 'http', port: 80, protocol: 'HTTP' },
    { name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'pair' }] } },
  ]);
  const secret = `---\n${tlsSecret({ namespace: 'default', name: 'pair' }, pair)}\n`;
  const policy = backendTls('secure', { hostname: 'secure.example.internal', ca: own.certificate });
  rig = await serveManifests([listeners, secret, policy, ...ROUTES].join(''), {
    ports: [80, 443],
    endpoints: [
      ...Object.entries({ one, two, secure }).map(([name, { target }]) => `default/${name}:50=${target}`),
      'default/down:50=127.0.0.1:1',
    ],
  });
});

afterAll(async () => {
  for (const client of clients) client.close();
  one.close();
  two.close();
  secure.close();
  await rig.close();
});

function client(name = 'raw.Echo', port = rig.port()): RawClient {
  const made = rawClient(`127.0.0.1:${port}`, { service: name, channel: AUTHORITY });
  clients.push(made);
  return made;
}

async function failure(call: Promise<unknown>): Promise<ServiceError> {
  return call.then(
    () => Promise.reject(new Error('the call succeeded')),
    (error: ServiceError) => error,
  );
}

/** The server that a unary call reached, by its header. */
function serverOf(caller: RawClient, metadata: Record<string, string> = {}): Promise<Metadata> {
  const sent = new Metadata();
  for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
  return new Promise((resolve, reject) => {
    const call = caller.Unary(Buffer.from('who'), sent, {}, (error) => error !== null && reject(error));
    call.on('metadata', resolve);
  });
}

test.each([
  ['raw.Echo', 'one', 'that names its service, before one for the method alone'],
  ['raw.Split', 'two', 'that names its method, before one for headers alone'],
  ['raw.V2', 'one', 'with an expression that is one of several'],
  ['raw.Filtered', 'one', 'with an expression that takes any case'],
])('a call of %s goes to %s by the rule %s', async (name, server) => {
  const channel = { 'grpc.default_authority': 'ranked.example.com' };
  const made = rawClient(`127.0.0.1:${rig.port()}`, { service: name, channel });
  clients.push(made);
  expect((await serverOf(made, { version: 'two' })).get('x-server')).toEqual([server]);
});

describe.each(['h2c by prior knowledge', 'TLS with ALPN'])('over %s', (how) => {
  const connect = (): RawClient => {
    if (how.startsWith('h2c')) return client();
    const made = rawClient(`127.0.0.1:${rig.port(443)}`, {
      credentials: ChannelCredentials.createSsl(Buffer.from(certificate)),
      channel: { ...AUTHORITY, 'grpc.ssl_target_name_override': 'grpc.example.com' },
    });
    clients.push(made);
    return made;
  };

  test('a unary call brings message, headers and trailers both ways', async () => {
    const [message, metadata, last] = await new Promise<[Buffer, Metadata, Metadata]>((resolve, reject) => {
      let headers = new Metadata();
      let answer: Buffer = Buffer.alloc(0);
      const call = connect().Unary(Buffer.from('ping'), new Metadata(), {}, (error, got) => {
        if (error === null) answer = got!;
        else reject(error);
      });
      call.on('metadata', (got: Metadata) => (headers = got));
      call.on('status', ({ metadata: trailers }) => resolve([answer, headers, trailers]));
    });
    expect(message.toString()).toBe('ping');
    expect(metadata.get('x-server')).toEqual(['one']);
    expect(last.get('x-trailer')).toEqual(['after']);
  });

  test("a backend's status and message arrive", async () => {
    const error = await failure(callUnary(connect(), 'fail'));
    expect(error).toMatchObject({ code: status.FAILED_PRECONDITION, details: 'not now: é' });
    expect(error.metadata.get('x-trailer')).toEqual(['after']);
  });

  test('a client streams megabytes', async () => {
    const answer = new Promise<Buffer>((resolve, reject) => {
      const call = connect().Upload(new Metadata(), (error, got) => (error === null ? resolve(got!) : reject(error)));
      for (let i = 0; i < 64; i++) call.write(Buffer.alloc(65_536, i));
      call.end();
    });
    expect((await answer).toString()).toBe(String(BIG));
  });

  test('a server streams megabytes to a client that reads slowly', async () => {
    const call = connect().Download(Buffer.from(String(BIG)), new Metadata());
    let bytes = 0;
    for await (const message of call) {
      bytes += (message as Buffer).length;
      call.pause();
      await new Promise<void>((resolve) => setImmediate(resolve));
      call.resume();
    }
    expect(bytes).toBe(BIG);
  });

  test('both stream in turns', async () => {
    const call = connect().Talk(new Metadata());
    for (const word of ['a', 'bb', 'c'.repeat(100_000), '']) {
      call.write(Buffer.from(word));
      const [message] = (await once(call, 'data')) as [Buffer];
      expect(message.toString()).toBe(word);
    }
    call.end();
    const [ended] = await once(call, 'status');
    expect(ended).toMatchObject({ code: status.OK });
  });
});

test('matches by header, by service and method, and by regular expression', async () => {
  expect((await serverOf(client(), { version: 'two' })).get('x-server')).toEqual(['two']);
  expect((await serverOf(client(), { version: 'three' })).get('x-server')).toEqual(['one']);
  expect((await serverOf(client(), { shard: 'b12' })).get('x-server')).toEqual(['two']);
  expect((await serverOf(client(), { shard: 'a12' })).get('x-server')).toEqual(['one']);
  expect((await serverOf(client('raw.V2'))).get('x-server')).toEqual(['two']);
});

test('weights decide', async () => {
  const caller = client('raw.Split');
  const servers = await Promise.all(Array.from({ length: 40 }, () => serverOf(caller)));
  expect(servers.filter((metadata) => metadata.get('x-server')[0] === 'two')).toHaveLength(10);
});

test('filters change headers, and a mirror gets a copy', async () => {
  seen.length = 0;
  const metadata = await serverOf(client('raw.Filtered'), { 'x-removed': 'soon' });
  expect(metadata.get('x-answer')).toEqual(['changed']);
  await expect.poll(() => seen.map(({ name }) => name).sort()).toEqual(['one', 'two']);
  for (const call of seen) {
    expect(call.metadata).toMatchObject({ 'x-added': 'yes' });
    expect(call.metadata).not.toHaveProperty('x-removed');
  }
});

test('no route is UNIMPLEMENTED; a backend that is missing, empty or down is UNAVAILABLE', async () => {
  expect(await failure(callUnary(client('raw.Nothing'), 'x'))).toMatchObject({ code: status.UNIMPLEMENTED });
  for (const name of ['raw.Missing', 'raw.Empty', 'raw.Down']) {
    expect(await failure(callUnary(client(name), 'x'))).toMatchObject({ code: status.UNAVAILABLE });
  }
});

test('a backend may be reached over TLS', async () => {
  expect((await serverOf(client('raw.Secure'))).get('x-server')).toEqual(['secure']);
});

test('the health service of a backend is reached like any other', async () => {
  expect(await callUnary(client('grpc.health.v1.Health'), 'healthy?')).toEqual(Buffer.from('healthy?'));
});

test('a call whose client gives up is given up at the backend', async () => {
  const call = client().Download(Buffer.from('hang'), new Metadata());
  await once(call, 'data');
  call.cancel();
  const [error] = (await once(call, 'error')) as [ServiceError];
  expect(error.code).toBe(status.CANCELLED);
  await expect.poll(() => rig.accesses.at(-1)?.reason).toBe('client_reset');
});

/** Guards where no request is read: on connections of TCP and TLS, and on UDP sessions. Who comes is told by his address. */
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { endpointsOf, manifests, service, tlsSecret } from '../served/manifest.ts';
import { rawBackend, type TestBackend } from '../served/raw-backend.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority } from '../tls/authority.ts';
import { clientTraffic, type PolicyAim, requestPolicy } from './policy.ts';

const [WELCOME, STRANGER] = ['127.0.0.2', '127.0.0.66'];
const HELLO = 'hello';
const PATIENCE = { timeout: 10_000 };
const GATEWAY: PolicyAim = { kind: 'Gateway', name: 'gw' };
const TCP: PolicyAim = { kind: 'TCPRoute', name: 't' };
const at = (sectionName: string): PolicyAim => ({ ...GATEWAY, sectionName });

let rig: Rig;
let echo: TestBackend;
let echoUdp: dgram.Socket;
let pair: { certificate: string; privateKey: string };
const closing: Array<() => unknown> = [];
let writes = 0;

function route(kind: string, name: string, section: string, more: object = {}): object {
  // So that each writing changes something.
  const called = name === 'o' ? `tick-${++writes}` : 'only';
  const rule = { name: called, backendRefs: [{ name: kind === 'UDPRoute' ? 'u' : 's', port: 80 }] };
  return {
    ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind, metadata: { name } },
    spec: { parentRefs: [{ name: 'gw', sectionName: section }], ...more, rules: [rule] },
  };
}

function site(...policies: object[]): string {
  return manifests(
    [
      { name: 'tcp', port: 5432, protocol: 'TCP' },
      { name: 'other', port: 5433, protocol: 'TCP' },
      { name: 'through', port: 8443, protocol: 'TLS', hostname: 'a.example', tls: { mode: 'Passthrough' } },
      {
        ...{ name: 'ended', port: 8443, protocol: 'TLS', hostname: 'b.example' },
        tls: { certificateRefs: [{ name: 'cert' }] },
      },
      { name: 'udp', port: 53, protocol: 'UDP' },
    ],
    route('TCPRoute', 't', 'tcp'),
    route('TCPRoute', 'o', 'other'),
    route('TLSRoute', 'p', 'through', { hostnames: ['a.example'] }),
    route('TLSRoute', 'e', 'ended', { hostnames: ['b.example'] }),
    route('UDPRoute', 'u', 'udp'),
    service('s'),
    { ...service('u'), spec: { ports: [{ port: 80, protocol: 'UDP' }] } },
    tlsSecret('cert', pair),
    ...policies,
  );
}

const access = (spec: object, aim: PolicyAim | PolicyAim[] = GATEWAY, name = 'who'): object =>
  requestPolicy('AccessPolicy', name, aim, spec);
const limit = (spec: object, aim: PolicyAim = GATEWAY): object =>
  requestPolicy('RateLimitPolicy', 'much', aim, { limits: [spec] });

beforeAll(async () => {
  pair = await (await Authority.make('test')).sign({ dns: ['a.example', 'b.example'] });
  echo = await rawBackend((socket) => socket.pipe(socket));
  echoUdp = dgram.createSocket('udp4');
  echoUdp.on('message', (bytes, from) => echoUdp.send(bytes, from.port, from.address));
  echoUdp.bind(0, '127.0.0.1');
  await once(echoUdp, 'listening');
  rig = await serveManifests(site(), {
    ports: [5432, 5433, 8443, 53],
    endpoints: [endpointsOf('s', echo.port), endpointsOf('u', echoUdp.address().port)],
  });
});
afterEach(() => {
  for (const close of closing.splice(0)) close();
});
afterAll(async () => {
  await rig.close();
  await echo.close();
  echoUdp.close();
});

/** What comes back of what is said; '': the connection ended. */
function said(socket: net.Socket, before = ''): Promise<string> {
  closing.push(() => socket.destroy());
  socket.on('error', () => {});
  socket.write(before + HELLO);
  return new Promise((resolve) => {
    socket.once('data', (bytes) => resolve(String(bytes)));
    socket.once('close', () => resolve(''));
  });
}

const byTcp = (client: string, written = 5432, before = ''): Promise<string> =>
  said(net.connect({ port: rig.port(written), host: '127.0.0.1', localAddress: client }), before);

/** Where TLS passes, the backend echoes the ClientHello, which is no answer of TLS: then the code of that. */
function byTls(client: string, servername: string): Promise<string> {
  const socket = net.connect({ port: rig.port(8443), host: '127.0.0.1', localAddress: client });
  closing.push(() => socket.destroy());
  socket.on('error', () => {});
  const secure = tls.connect({ socket, servername, rejectUnauthorized: false });
  return new Promise((resolve) => {
    secure.on('error', ({ code = '' }: NodeJS.ErrnoException) => resolve(code));
    secure.once('close', () => resolve(''));
    secure.once('secureConnect', () => resolve(said(secure)));
  });
}

async function udpFrom(client: string): Promise<dgram.Socket> {
  const socket = dgram.createSocket('udp4');
  socket.bind(0, client);
  closing.push(() => socket.close());
  await once(socket, 'listening');
  socket.send(HELLO, rig.port(53), '127.0.0.1');
  return socket;
}

const byUdp = async (client: string): Promise<string> => String((await once(await udpFrom(client), 'message'))[0]);

/** A datagram that is thrown away, for this reason. */
async function lostUdp(client: string, reason: string): Promise<void> {
  const dropped = (): number => metric('daemun_stream_ended_total', { protocol: 'udp', reason });
  const before = dropped();
  await udpFrom(client);
  await expect.poll(dropped, PATIENCE).toBe(before + 1);
}

function metric(name: string, labels: Record<string, string>): number {
  const { series = [] } = rig.proxy.metrics().find((family) => family.name === name) ?? {};
  const found = series.find((one) => Object.entries(labels).every(([key, value]) => one.labels[key] === value));
  return typeof found?.value === 'number' ? found.value : 0;
}

function accepted(name: string, kind = 'AccessPolicy'): string[] {
  const item = rig.report().items.find((one) => one.kind === kind && one.metadata.name === name);
  const { ancestors = [] } = (item?.status ?? {}) as {
    ancestors?: Array<{ conditions: Array<{ type: string; status: string; reason: string; message: string }> }>;
  };
  return ancestors.flatMap(({ conditions }) =>
    conditions.filter(({ type }) => type === 'Accepted').map((one) => `${one.status} ${one.reason}: ${one.message}`),
  );
}

const DENY = { deny: [{ name: 'them', addresses: [`${STRANGER}/32`] }] };
const ALLOW = { allow: [{ addresses: ['127.0.0.0/29'] }] };

describe('an AccessPolicy', () => {
  test.each([
    ['denies', DENY],
    ['allows only', ALLOW],
  ])('of a Gateway %s addresses on all its listeners', async (_, spec) => {
    await rig.write(site(access(spec)));
    expect(await byTcp(WELCOME)).toBe(HELLO);
    expect(await byTcp(STRANGER)).toBe('');
    expect(await byTls(WELCOME, 'b.example')).toBe(HELLO);
    expect(await byTls(STRANGER, 'b.example')).not.toBe(HELLO);
    expect(await byTls(WELCOME, 'a.example')).not.toContain('ACCESS_DENIED');
    expect(await byTls(STRANGER, 'a.example')).toContain('ACCESS_DENIED');
    expect(await byUdp(WELCOME)).toBe(HELLO);
    await lostUdp(STRANGER, 'access_denied');
    expect(accepted('who')).toEqual(['True Accepted: accepted; enforced on 5 routes']);
  });

  test.each([
    ['a listener', at('tcp')],
    ['a TCPRoute', TCP],
    ['a rule of a TCPRoute', { ...TCP, sectionName: 'only' }],
  ])('of %s acts there, and nowhere else', async (_, aim) => {
    await rig.write(site(access(DENY, aim)));
    expect(await byTcp(STRANGER)).toBe('');
    expect(await byTcp(STRANGER, 5433)).toBe(HELLO);
    expect(accepted('who')).toEqual(['True Accepted: accepted; enforced on 1 route']);
  });

  test('of a TLSRoute and a UDPRoute acts there', async () => {
    await rig.write(
      site(
        access(DENY, [
          { kind: 'TLSRoute', name: 'p' },
          { kind: 'UDPRoute', name: 'u' },
        ]),
      ),
    );
    expect(await byTls(STRANGER, 'a.example')).toContain('ACCESS_DENIED');
    expect(await byTls(STRANGER, 'b.example')).toBe(HELLO);
    await lostUdp(STRANGER, 'access_denied');
  });

  test('that is nearer takes the place of a default, and acts besides an override', async () => {
    const open = access({ allow: [{ addresses: ['127.0.0.0/8'] }] }, TCP, 'near');
    await rig.write(site(access(DENY), open));
    expect(await byTcp(STRANGER)).toBe(HELLO);
    expect(await byTcp(STRANGER, 5433)).toBe('');
    await rig.write(site(access({ overrides: DENY }), open));
    expect(await byTcp(STRANGER)).toBe('');
  });

  test('judges the client that a PROXY header names', async () => {
    await rig.write(
      site(
        access({ deny: [{ addresses: ['192.0.2.0/24'] }] }),
        clientTraffic('proxy', { proxyProtocol: { trustedSources: ['127.0.0.0/8'] } }, 'tcp'),
      ),
    );
    const header = (source: string): string => `PROXY TCP4 ${source} 198.51.100.2 5000 5432\r\n`;
    expect(await byTcp(WELCOME, 5432, header('192.0.2.1'))).toBe('');
    expect(await byTcp(WELCOME, 5432, header('192.0.3.1'))).toBe(HELLO);
  });

  test('in its shadow lets pass, and tells', async () => {
    await rig.write(site(access({ ...DENY, shadow: true })));
    const labels = { policy: 'AccessPolicy/default/who', rule: 'them', decision: 'would-deny' };
    const before = metric('daemun_policy_decisions_total', labels);
    rig.accesses.length = 0;
    expect(await byTcp(STRANGER)).toBe(HELLO);
    expect(metric('daemun_policy_decisions_total', labels)).toBe(before + 1);
    for (const close of closing.splice(0)) close();
    await expect
      .poll(() => rig.accesses.at(-1))
      .toMatchObject({
        policy: 'AccessPolicy/default/who#them',
        decision: 'would-deny',
        route: 'TCPRoute/default/t/0',
      });
  });

  test('tells in metrics and the access log whom it refused', async () => {
    await rig.write(site(access(DENY)));
    const ended = { protocol: 'tcp', listener: 'default/gw/tcp', reason: 'access_denied' };
    const before = metric('daemun_stream_ended_total', ended);
    rig.accesses.length = 0;
    expect(await byTcp(STRANGER)).toBe('');
    expect(metric('daemun_stream_ended_total', ended)).toBe(before + 1);
    expect(rig.accesses).toMatchObject([
      {
        ...{ protocol: 'tcp', client: STRANGER, reason: 'access_denied', listener: 'default/gw/tcp' },
        ...{ route: 'TCPRoute/default/t/0', policy: 'AccessPolicy/default/who#them', decision: 'denied', backend: '' },
      },
    ]);
  });

  test('lets go on what it let in before', async () => {
    await rig.write(site());
    const socket = net.connect({ port: rig.port(5432), host: '127.0.0.1', localAddress: STRANGER });
    expect(await said(socket)).toBe(HELLO);
    await rig.write(site(access(DENY)));
    expect(await said(socket)).toBe(HELLO);
    expect(await byTcp(STRANGER)).toBe('');
  });

  test.each([
    ['methods', { methods: ['GET'] }],
    ['paths', { paths: [{ value: '/admin' }] }],
    ['headers', { headers: [{ name: 'x-team', value: 'ops' }] }],
    ['claims', { claims: [{ name: 'sub', values: ['a'] }] }],
    ['cel', { cel: 'request.method == "GET"' }],
  ])('that asks for %s lets no connection in, and says so', async (field, rule) => {
    const spec = { allow: [{ addresses: ['127.0.0.0/8'] }, { addresses: ['127.0.0.0/8'], ...rule }] };
    await rig.write(site(access(spec)));
    expect(await byTcp(WELCOME)).toBe('');
    await lostUdp(WELCOME, 'policy_invalid');
    const [told = ''] = accepted('who');
    expect(told).toMatch(/^True Accepted: /);
    expect(told).toContain(
      `spec.allow[1].${field} asks what no connection has, so that each on listeners ended (TLS), other (TCP), tcp (TCP), through (TLS) (and 1 more) is refused; attach`,
    );
    expect(rig.report().diagnostics.map(({ message }) => message)).toContainEqual(
      expect.stringContaining(`spec.allow[1].${field} asks what no connection has`),
    );
    await rig.write(site(access(spec, TCP)));
    expect(await byTcp(WELCOME)).toBe('');
    expect(await byTcp(WELCOME, 5433)).toBe(HELLO);
    expect(accepted('who')).toEqual([
      expect.stringMatching(/^False Invalid: spec\.allow\[1\]\.\w+: asks what no connection has/),
    ]);
    await rig.write(site(access({ ...spec, shadow: true }, TCP)));
    expect(await byTcp(WELCOME)).toBe(HELLO);
  });

  test('for requests alone leaves connections of its Gateway be, and lets none in that it is for', async () => {
    await rig.write(site(access({ maxBodyBytes: 10 })));
    expect(await byTcp(WELCOME)).toBe(HELLO);
    expect(accepted('who')[0]).toContain(
      'other (TCP), tcp (TCP), through (TLS) (and 1 more): spec.maxBodyBytes, which is about requests',
    );
    await rig.write(site(access({ maxBodyBytes: 10 }, TCP)));
    expect(await byTcp(WELCOME)).toBe('');
    expect(accepted('who')[0]).toMatch(/^False Invalid: spec\.maxBodyBytes: asks what no connection has/);
  });

  test('that asks for countries lets nobody in where no database is', async () => {
    await rig.write(site(access({ deny: [{ countries: ['FR'] }] }, TCP)));
    expect(await byTcp(WELCOME)).toBe('');
    expect(await byTcp(WELCOME, 5433)).toBe(HELLO);
  });

  test('with a section that is not there lets no connection of its target in', async () => {
    await rig.write(site(access(DENY, { ...TCP, sectionName: 'gone' })));
    expect(await byTcp(WELCOME)).toBe('');
    expect(await byTcp(WELCOME, 5433)).toBe(HELLO);
  });
});

describe('a RateLimitPolicy', () => {
  test('limits connections under way, each client by himself, and gives their places back', async () => {
    await rig.write(site(limit({ maxConnections: 1, key: [{ type: 'ClientAddress' }] })));
    const first = net.connect({ port: rig.port(5432), host: '127.0.0.1', localAddress: WELCOME });
    expect(await said(first)).toBe(HELLO);
    rig.accesses.length = 0;
    expect(await byTcp(WELCOME)).toBe('');
    expect(rig.accesses).toMatchObject([
      { reason: 'rate_limited', policy: 'RateLimitPolicy/default/much#0', decision: 'limited' },
    ]);
    expect(await byTcp(STRANGER)).toBe(HELLO);
    first.destroy();
    await expect.poll(() => byTcp(WELCOME), PATIENCE).toBe(HELLO);
  });

  test('limits all connections of a listener together', async () => {
    await rig.write(site(limit({ maxConnections: 2 }, at('tcp'))));
    expect(await byTcp(WELCOME)).toBe(HELLO);
    expect(await byTcp(STRANGER)).toBe(HELLO);
    expect(await byTcp(WELCOME)).toBe('');
    expect(await byTcp(WELCOME, 5433)).toBe(HELLO);
  });

  test('limits connections and sessions that begin, by time', async () => {
    await rig.write(
      site(
        limit({
          requests: 2,
          per: 'Day',
          exempt: ['127.0.0.9/32'],
          key: [{ type: 'ClientAddress' }, { type: 'Route' }],
        }),
      ),
    );
    expect([await byTcp(WELCOME), await byTcp(WELCOME), await byTcp(WELCOME)]).toEqual([HELLO, HELLO, '']);
    expect(await byTcp(STRANGER)).toBe(HELLO);
    expect(await byTcp(WELCOME, 5433)).toBe(HELLO);
    for (let i = 0; i < 3; i++) expect(await byTcp('127.0.0.9')).toBe(HELLO);
    expect([await byUdp(STRANGER), await byUdp(STRANGER)]).toEqual([HELLO, HELLO]);
    await lostUdp(STRANGER, 'rate_limited');
  });

  test('in its dry run lets all pass', async () => {
    await rig.write(site(limit({ maxConnections: 1, dryRun: true })));
    expect([await byTcp(WELCOME), await byTcp(WELCOME)]).toEqual([HELLO, HELLO]);
  });

  test.each([
    ['bytesPerSecond', { bytesPerSecond: 100 }],
    ['when', { requests: 1, per: 'Day', when: [{ path: { value: '/' } }] }],
    ['key', { requests: 1, per: 'Day', key: [{ type: 'Header', name: 'x' }] }],
  ])('whose %s is about requests is not one of connections, and lets none in that it is for', async (field, spec) => {
    await rig.write(site(limit(spec)));
    expect([await byTcp(WELCOME), await byTcp(WELCOME)]).toEqual([HELLO, HELLO]);
    expect(accepted('much', 'RateLimitPolicy')[0]).toContain(
      `tcp (TCP), through (TLS) (and 1 more): spec.limits[0].${field}, which is about requests`,
    );
    await rig.write(site(limit(spec, TCP)));
    expect(await byTcp(WELCOME)).toBe('');
    expect(accepted('much', 'RateLimitPolicy')[0]).toMatch(
      new RegExp(`^False Invalid: spec\\.limits\\[0\\]\\.${field}: asks what no connection has`),
    );
  });
});

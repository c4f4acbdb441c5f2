/** Filters of connections on every kind of port, over real sockets (filter/connection.ts). */
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ConfigObject, Policy } from '../../config/index.ts';
import type { Arrival, ConnectionFilter, ConnectionRefusal } from '../filter/index.ts';
import type { ProxyOptions } from '../proxy.ts';
import { selfSigned } from '../stream/certificate.suite.ts';
import { listening } from '../stream/rig.suite.ts';
import { backend, certificate, listener, PlaneRig, proxyHeaderPolicy, rule } from './plane.suite.ts';

const BARRED: ConnectionRefusal = { reason: 'barred', status: 403, message: 'Not from there.' };

/** What a policy for access by address, or a limit for each client, will be. */
class Watch implements ConnectionFilter {
  readonly type = 'Watch';
  readonly step = 'client-connections';
  readonly came: Arrival[] = [];
  readonly gone: Arrival[] = [];
  refusal: ConnectionRefusal | null = null;

  onConnection(arrival: Arrival): ConnectionRefusal | null {
    this.came.push(arrival);
    return this.refusal;
  }

  onEnd(arrival: Arrival): void {
    this.gone.push(arrival);
  }
}

let pair: { key: Buffer; cert: Buffer };
beforeAll(async () => {
  pair = await selfSigned('a.example');
});
const closers: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function rigOf(watch: Watch | undefined, options: Partial<ProxyOptions> = {}): PlaneRig {
  const policies = watch === undefined ? undefined : { ClientTraffic: () => [watch] };
  const rig = new PlaneRig(options, undefined, policies);
  closers.push(() => rig.close());
  return rig;
}

async function opened(server: net.Server): Promise<number> {
  closers.push(() => server.close());
  return listening(server);
}

const policy = (spec: Extract<Policy, { type: 'ClientTraffic' }>['spec'] = {}): Policy => ({
  kind: 'Policy',
  key: 'ClientTraffic/d/g/l',
  type: 'ClientTraffic',
  target: { kind: 'Listener', key: 'd/g/l' },
  spec,
});

async function objectsOf(kind: string): Promise<ConfigObject[]> {
  const answers = http.createServer((_request, response) => response.end('hello'));
  const bytes = net.createServer((socket) => socket.on('error', () => {}).pipe(socket));
  const ended = tls.createServer({ ...pair }, (socket) => socket.on('error', () => {}).end('hello'));
  switch (kind) {
    case 'HTTP':
      return [listener('HTTP'), rule('HTTPRoute'), ...backend(await opened(answers))];
    case 'HTTPS':
      return [listener('HTTPS'), certificate(pair), rule('HTTPRoute'), ...backend(await opened(answers))];
    case 'TLS':
      return [
        listener('TLS', { tls: { mode: 'Passthrough', certificates: [] } }),
        rule('TLSRoute'),
        ...backend(await opened(ended)),
      ];
    default:
      return [listener('TCP'), rule('TCPRoute'), ...backend(await opened(bytes))];
  }
}

async function connected(port: number): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1').on('error', () => {});
  closers.push(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** A first answer over the protocol of the port; rejects where the connection ends instead. */
async function served(kind: string, port: number): Promise<net.Socket> {
  const plain = await connected(port);
  const isTls = kind === 'HTTPS' || kind === 'TLS';
  const socket = isTls ? tls.connect({ socket: plain, servername: 'a.example', rejectUnauthorized: false }) : plain;
  socket.on('error', () => {});
  if (isTls) await once(socket, 'secureConnect');
  if (kind !== 'TLS') socket.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
  await once(socket, 'data');
  return plain;
}

/** What a connection is told that may not come in: text, or how it was cut. */
function refusalOf(port: number): Promise<string> {
  const socket = net.connect(port, '127.0.0.1').setEncoding('latin1');
  closers.push(() => socket.destroy());
  let text = '';
  socket.on('data', (more: string) => {
    text += more;
  });
  return new Promise((resolve) => {
    socket.once('error', (error) => resolve(error.message)).once('end', () => resolve(text));
  });
}

const refusedIn = (rig: PlaneRig, reason: string): number =>
  rig.plane
    .metrics()
    .find(({ name }) => name === 'daemun_connections_refused_total')!
    .series.find(({ labels }) => labels.reason === reason)?.value ?? 0;

describe.each(['HTTP', 'HTTPS', 'TLS', 'TCP'])('a filter of connections on a port of %s', (kind) => {
  test('is asked once, and hears of the end', async () => {
    const watch = new Watch();
    const rig = rigOf(watch);
    await rig.apply([...(await objectsOf(kind)), policy()]);
    const socket = await served(kind, rig.port());
    expect(watch.came).toEqual([
      { remoteAddress: '127.0.0.1', remotePort: socket.localPort, localAddress: '127.0.0.1', localPort: rig.port() },
    ]);
    expect(watch.gone).toEqual([]);
    socket.destroy();
    await vi.waitFor(() => expect(watch.gone).toEqual(watch.came));
  });

  test('refuses, in words where it is HTTP', async () => {
    const watch = new Watch();
    watch.refusal = BARRED;
    const rig = rigOf(watch);
    await rig.apply([...(await objectsOf(kind)), policy()]);
    const end = await refusalOf(rig.port());
    if (kind === 'HTTP') expect(end).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n[\s\S]*Not from there/);
    else expect(end).toContain('ECONNRESET');
    expect(refusedIn(rig, 'barred')).toBe(1);
    expect(watch.gone).toEqual([]);
  });

  test('is asked about the client that a PROXY header names', async () => {
    const watch = new Watch();
    const rig = rigOf(watch);
    await rig.apply([...(await objectsOf(kind)), proxyHeaderPolicy(['127.0.0.0/8'])]);
    const socket = await connected(rig.port());
    expect(watch.came).toEqual([]);
    socket.write('PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n');
    await vi.waitFor(() => expect(watch.came).toHaveLength(1));
    expect(watch.came[0]).toMatchObject({ remoteAddress: '192.0.2.1', localPort: 443 });
    socket.destroy();
    await vi.waitFor(() => expect(watch.gone).toEqual(watch.came));
  });

  test('lives on while others change, and what came before it is no concern of the next', async () => {
    const watch = new Watch();
    const rig = rigOf(watch);
    await rig.apply([...(await objectsOf(kind)), policy()]);
    const socket = await served(kind, rig.port());
    await rig.apply([], [{ kind: 'Policy', key: policy().key }]);
    await served(kind, rig.port());
    expect(watch.came).toHaveLength(1);
    socket.destroy();
    await vi.waitFor(() => expect(watch.gone).toEqual(watch.came));
  });
});

describe.each(['HTTP', 'HTTPS', 'TLS', 'TCP'])('a limit of connections by policy on a port of %s', (kind) => {
  test('refuses one too many, until another leaves or the policy does', async () => {
    const rig = rigOf(undefined);
    await rig.apply([...(await objectsOf(kind)), policy({ connection: { maxConnections: 2 } })]);
    const held = [await connected(rig.port()), await connected(rig.port())];
    await vi.waitFor(async () => {
      const end = await refusalOf(rig.port());
      if (kind === 'HTTP') expect(end).toMatch(/^HTTP\/1\.1 503 [\s\S]*Retry-After: 1\r\n[\s\S]*too many connections/);
      else expect(end).toContain('ECONNRESET');
    });
    expect(refusedIn(rig, 'limit')).toBeGreaterThanOrEqual(1);
    held[0]!.destroy();
    await vi.waitFor(() => served(kind, rig.port()));
    await rig.apply([], [{ kind: 'Policy', key: policy().key }]);
    for (let i = 0; i < 3; i++) await served(kind, rig.port());
  });

  test('is no way around the limit of the run', async () => {
    const rig = rigOf(undefined, { limits: { maxListenerConnections: 1 } });
    await rig.apply([...(await objectsOf(kind)), policy({ connection: { maxConnections: 5 } })]);
    await connected(rig.port());
    await vi.waitFor(async () => {
      const end = await refusalOf(rig.port());
      expect(end).toMatch(kind === 'HTTP' ? /^HTTP\/1\.1 503 / : /ECONNRESET/);
    });
  });
});

/** Of HTTP, where what is sent first comes before the request. */
async function answerOf(port: number, first = ''): Promise<string> {
  const socket = await connected(port);
  socket.write(`${first}GET / HTTP/1.1\r\nHost: a.example\r\n\r\n`);
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  return bytes.toString();
}

test('no number of connections, in all or of a port, is no limit', async () => {
  const rig = rigOf(undefined, { limits: { maxConnections: 0, maxListenerConnections: 0 } });
  await rig.apply(await objectsOf('HTTP'));
  for (let i = 0; i < 3; i++) expect(await answerOf(rig.port())).toMatch(/^HTTP\/1\.1 200 /);
});

describe('a client that is no source of PROXY headers', () => {
  const heard = (mode: 'Required' | 'Optional'): Policy =>
    policy({ proxyProtocol: { mode, trustedSources: ['192.0.2.0/24'] } });
  const droppedIn = (rig: PlaneRig): number | undefined =>
    rig.plane
      .metrics()
      .find(({ name }) => name === 'daemun_stream_ended_total')
      ?.series.find(({ labels }) => labels.reason === 'untrusted_source')?.value;

  test('is cut where a header is required, which is counted', async () => {
    const rig = rigOf(undefined);
    await rig.apply([...(await objectsOf('HTTP')), heard('Required')]);
    expect(await refusalOf(rig.port())).toContain('ECONNRESET');
    expect(droppedIn(rig)).toBe(1);
  });

  test('is served as itself where it is optional, and a header of it is no header', async () => {
    const rig = rigOf(undefined);
    await rig.apply([...(await objectsOf('HTTP')), heard('Optional')]);
    expect(await answerOf(rig.port())).toMatch(/^HTTP\/1\.1 200 /);
    const lie = 'PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n';
    expect(await answerOf(rig.port(), lie)).toMatch(/^HTTP\/1\.1 400 /);
    expect(droppedIn(rig)).toBeUndefined();
  });
});

describe('a source of PROXY headers', () => {
  const header = 'PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n';
  const start = async (mode: 'Required' | 'Optional'): Promise<number> => {
    const rig = rigOf(undefined);
    const heard = policy({ proxyProtocol: { mode, trustedSources: ['127.0.0.0/8'] } });
    await rig.apply([...(await objectsOf('HTTP')), heard]);
    return rig.port();
  };

  test.each(['Required', 'Optional'] as const)(
    'may send its request with the header, where that is %s',
    async (mode) => {
      expect(await answerOf(await start(mode), header)).toMatch(/^HTTP\/1\.1 200 /);
    },
  );

  test('is served without one where it is optional, and cut where it is required', async () => {
    expect(await answerOf(await start('Optional'))).toMatch(/^HTTP\/1\.1 200 /);
    const socket = await connected(await start('Required'));
    let came = '';
    socket.on('data', (bytes) => (came += bytes));
    socket.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
    await new Promise((resolve) => socket.once('close', resolve));
    expect(came).toBe('');
  });
});

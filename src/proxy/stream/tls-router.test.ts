import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Listener } from '../../config/index.ts';
import type { NetLink } from '../listen/net-link.ts';
import { selfSigned } from './certificate.suite.ts';
import { turnAway } from './farewell.ts';
import { handmadeHello, records, serverNameExtension } from './hello.suite.ts';
import { closedPort, gone, listening, listenLinks, planTo, received, relayRig } from './rig.suite.ts';
import type { SniTable } from './sni-table.ts';
import type { StreamLimits } from './stream-limits.ts';
import { createTlsRouter, type PeekedTls } from './tls-router.ts';

const servers: Array<{ close(): void }> = [];
let certificate: { key: Buffer; cert: Buffer };

beforeAll(async () => {
  certificate = await selfSigned('app.example.com');
});

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const LISTENER: Listener = {
  kind: 'Listener',
  key: 'ns/gw/tls',
  gateway: 'ns/gw',
  name: 'tls',
  addresses: [],
  port: 443,
  protocol: 'TLS',
};

async function start(
  table: (backend: number) => SniTable,
  limits: Partial<StreamLimits> = {},
  take?: (peeked: PeekedTls) => void,
) {
  const backend = tls.createServer({ ...certificate, ALPNProtocols: ['h2'] }, (socket) => {
    socket.on('error', () => {});
    socket.write(`${socket.servername} ${socket.alpnProtocol}: `);
    socket.pipe(socket);
  });
  servers.push(backend);
  const rig = relayRig(limits);
  const handedOver = Promise.withResolvers<PeekedTls>();
  const router = createTlsRouter(
    {
      ...rig,
      name: '*:443',
      terminate: (peeked) => {
        handedOver.resolve(peeked);
        if (take === undefined) turnAway(peeked.link);
        else take(peeked);
      },
    },
    table(await listening(backend)),
  );
  const { port, server } = await listenLinks((link) => router.accept(link));
  servers.push(server);
  return { rig, router, port, handedOver: handedOver.promise };
}

function only(name: string, mode: 'Passthrough' | 'Terminate' = 'Passthrough') {
  return (backend: number): SniTable => {
    const plan = planTo([backend]);
    return { choose: (asked) => (asked === name ? { listener: LISTENER, mode, plan } : null) };
  };
}

const hello = (name: string) => records(handmadeHello([serverNameExtension(name)]));

describe('a TLS connection that is passed through', () => {
  it('reaches the backend with its handshake untouched', async () => {
    const { rig, port } = await start(only('app.example.com'));
    const options = { port, host: '127.0.0.1', servername: 'app.example.com', ALPNProtocols: ['h2'] };
    const socket = tls.connect({ ...options, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    expect(socket.getPeerX509Certificate()!.subject).toContain('app.example.com');
    socket.end('hello');
    expect(await received(socket)).toBe('app.example.com h2: hello');
    const [entry] = await rig.ended(1);
    expect(entry).toMatchObject({ protocol: 'tls', host: 'app.example.com', listener: 'ns/gw/tls' });
    expect(entry!.bytesIn).toBeGreaterThan(200);
  });

  it('may send its ClientHello byte by byte', async () => {
    const { port } = await start((backend) => only('app.example.com')(backend));
    const socket = net.connect(port, '127.0.0.1').setNoDelay(true);
    await once(socket, 'connect');
    for (const byte of hello('app.example.com'))
      await new Promise<void>((sent) => socket.write(Buffer.of(byte), () => sent()));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    // The handmade hello offers nothing the backend can use: its own alert comes back.
    expect([...answer.subarray(0, 1)]).toEqual([21]);
    socket.destroy();
  });

  it('is closed with close_notify where no endpoint can be reached', async () => {
    const closed = await closedPort();
    const { port, rig } = await start(() => only('app.example.com')(closed), { connectAttempts: 1 });
    const socket = net.connect({ port, host: '127.0.0.1' });
    socket.write(hello('app.example.com'));
    expect(Buffer.from(await received(socket), 'latin1')).toEqual(Buffer.of(21, 3, 3, 0, 2, 1, 0));
    expect((await rig.ended(1))[0]!.reason).toBe('connect_refused');
  });
});

describe('a TLS connection that ends here', () => {
  it('is handed over with all bytes that came', async () => {
    const { port, handedOver } = await start(only('app.example.com', 'Terminate'));
    const socket = net.connect(port, '127.0.0.1').on('error', () => {});
    const bytes = Buffer.concat([hello('app.example.com'), Buffer.from('more')]);
    socket.write(bytes);
    const peeked = await handedOver;
    expect(peeked.hello).toEqual({ kind: 'hello', serverName: 'app.example.com', alpn: [] });
    expect(peeked.firstBytes.equals(bytes)).toBe(true);
    expect(peeked.choice.mode).toBe('Terminate');
    await gone(socket);
  });

  it('can be given to a TLS server together with those bytes', async () => {
    const termination = tls.createServer(certificate, (socket) => socket.end(`ended here: ${socket.servername}`));
    const { port } = await start(only('app.example.com', 'Terminate'), {}, ({ link, firstBytes }) => {
      termination.emit('connection', (link as NetLink).handOver(firstBytes));
    });
    for (const servername of ['app.example.com', 'app.example.com']) {
      const socket = tls.connect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false });
      expect(await received(socket)).toBe('ended here: app.example.com');
    }
  });
});

describe('a connection that nothing takes', () => {
  it('is closed, which no TLS client takes for a fatal alert', async () => {
    const { port, rig } = await start(only('app.example.com'));
    const socket = tls.connect({ port, host: '127.0.0.1', servername: 'other.example.com' });
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
    expect((await rig.ended(1))[0]).toMatchObject({ reason: 'no_route', host: 'other.example.com' });
  });

  it('gets the warning unrecognized_name before its FIN is waited for, and is reset if it never leaves', async () => {
    const { port, rig } = await start(only('app.example.com'));
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.write(hello('other.example.com'));
    expect(Buffer.from(await received(socket), 'latin1')).toEqual(Buffer.of(21, 3, 3, 0, 2, 1, 112));
    rig.time.pass(1_100);
    const left = gone(socket);
    socket.write('still here');
    expect(await left).toMatch(/^(EPIPE|ECONNRESET)$/);
  });

  it('is told that the port speaks TLS where it speaks plain HTTP', async () => {
    const { port, rig } = await start(only('app.example.com'));
    const socket = net.connect(port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nhost: app.example.com\r\n\r\n');
    const answer = await received(socket);
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(head).toContain(`content-length: ${body.length}`);
    expect(body).toContain('TLS');
    expect((await rig.ended(1))[0]!.reason).toBe('plain_http');
  });

  it.each<[string, Buffer, number[]]>([
    ['a broken hello', Buffer.of(22, 3, 1, 0, 4, 2, 0, 0, 0), [21, 3, 3, 0, 2, 2, 50]],
    ['an oversized hello', Buffer.of(22, 3, 1, 0, 4, 1, 255, 0, 0), [21, 3, 3, 0, 2, 2, 40]],
  ])('gets an alert for %s', async (_what, bytes, alert) => {
    const { port } = await start(only('app.example.com'));
    const socket = net.connect(port, '127.0.0.1');
    socket.write(bytes);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect([...answer]).toEqual(alert);
    socket.destroy();
  });

  it('is reset where it is no TLS at all', async () => {
    const { port, rig } = await start(only('app.example.com'));
    const socket = net.connect(port, '127.0.0.1');
    socket.write(Buffer.of(0, 1, 2));
    expect(await gone(socket)).toBe('ECONNRESET');
    expect((await rig.ended(1))[0]!.reason).toBe('bad_hello');
  });

  it('is reset where it says nothing for too long', async () => {
    const { port, rig, router } = await start(only('app.example.com'), { helloTimeout: 1_000 });
    const socket = net.connect(port, '127.0.0.1');
    socket.write(hello('app.example.com').subarray(0, 20));
    await expect.poll(() => router.peeking).toBe(1);
    rig.time.pass(1_100);
    expect(await gone(socket)).toBe('ECONNRESET');
    expect(router.peeking).toBe(0);
    expect((await rig.ended(1))[0]!.reason).toBe('hello_timeout');
  });

  it('of a busy client has as long for its hello as a handshake may take', async () => {
    const { port, rig, router } = await start(only('app.example.com'));
    const socket = net.connect(port, '127.0.0.1');
    socket.write(hello('app.example.com').subarray(0, 20));
    await expect.poll(() => router.peeking).toBe(1);
    rig.time.pass(29_000);
    expect(router.peeking).toBe(1);
    rig.time.pass(1_500);
    expect(await gone(socket)).toBe('ECONNRESET');
  });

  it('is reset where the hellos on their way hold too much', async () => {
    const { port, router, rig } = await start(only('app.example.com'), { maxPeekedBytes: 40_000 });
    const half = records(Buffer.concat([Buffer.of(1, 0, 60, 0), Buffer.alloc(7_000)]));
    const first = net.connect(port, '127.0.0.1').on('error', () => {});
    first.write(half);
    await expect.poll(() => router.peeking).toBe(1);
    const others = [net.connect(port, '127.0.0.1'), net.connect(port, '127.0.0.1')];
    const left = Promise.race(others.map(gone));
    for (const other of others) other.write(half);
    expect(await left).toBe('ECONNRESET');
    expect((await rig.ended(1))[0]!.reason).toBe('limit');
    expect(router.peeking).toBe(2);
    void rig.live.drain(60_000);
    await gone(first);
  });

  it('is reset where too many others have not said what they want', async () => {
    const { port, router, rig } = await start(only('app.example.com'), { maxPeeking: 1 });
    const first = net.connect(port, '127.0.0.1').on('error', () => {});
    await expect.poll(() => router.peeking).toBe(1);
    expect(await gone(net.connect(port, '127.0.0.1'))).toBe('ECONNRESET');
    void rig.live.drain(60_000);
    expect(await gone(first)).toBe('ECONNRESET');
  });
});

import dgram from 'node:dgram';
import { once } from 'node:events';
import http, { type ServerResponse } from 'node:http';
import http2 from 'node:http2';
import net, { type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import tls from 'node:tls';
import { beforeAll } from 'vitest';
import type { ConfigObject, Listener } from '../../config/index.ts';
import { selfSigned } from '../stream/certificate.suite.ts';
import { listening } from '../stream/rig.suite.ts';
import { type DrainCase, drainSuite, type Work } from './drain.suite.ts';
import { backend, certificate, listener, PlaneRig, proxyHeaderPolicy, rule } from './plane.suite.ts';

let pair: { key: Buffer; cert: Buffer };
beforeAll(async () => {
  pair = await selfSigned('a.example');
});

const GET = 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n';
const QUICK = 'GET /quick HTTP/1.1\r\nHost: a.example\r\n\r\n';
const DONE = 'done '.repeat(50_000);

/** Clients never close their side by themselves. */
function connect(port: number, secure: boolean, ALPNProtocols: string[] = []): Socket {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  if (!secure) return socket.on('error', () => {});
  const options = { socket, servername: 'a.example', rejectUnauthorized: false, allowHalfOpen: true, ALPNProtocols };
  return tls.connect(options as tls.ConnectionOptions).on('error', () => {});
}

/** Everything until the end, or until it is cut. The writing side stays as it is. */
function received(stream: Readable): Promise<string> {
  const parts: Buffer[] = [];
  stream.on('data', (part: Buffer) => parts.push(part));
  return new Promise((resolve) => {
    stream.on('end', () => resolve(Buffer.concat(parts).toString()));
    stream.on('close', () => resolve(`${Buffer.concat(parts)} cut`));
  });
}

/** Over for the client, in whichever way. */
function overOf(stream: Readable): Promise<void> {
  return new Promise((resolve) => {
    stream.on('end', resolve).on('close', resolve).resume();
  });
}

/** HTTP backends answer `/` when they are told to, and everything else at once. */
abstract class HttpCase implements DrainCase {
  readonly silent = true;
  readonly #protocol: Listener['protocol'];
  readonly #extra: ConfigObject[];
  #waiting = Promise.withResolvers<ServerResponse>();
  #server: http.Server | undefined;
  protected readonly clients: Array<{ destroy(): unknown }> = [];

  constructor(protocol: Listener['protocol'], extra: ConfigObject[] = []) {
    this.#protocol = protocol;
    this.#extra = extra;
  }

  get secure(): boolean {
    return this.#protocol === 'HTTPS';
  }

  async serve(): Promise<PlaneRig> {
    this.#server = http.createServer((request, response) => {
      if (request.url === '/') this.#waiting.resolve(response);
      else response.end('quick');
    });
    this.#server.on('upgrade', (_request, socket) => {
      socket.on('error', () => {});
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
      socket.pipe(socket);
    });
    const rig = new PlaneRig();
    const certificates = this.secure ? [certificate(pair)] : [];
    const objects = [listener(this.#protocol), ...backend(await listening(this.#server)), ...this.#extra];
    await rig.apply([...certificates, ...objects, rule('HTTPRoute')]);
    return rig;
  }

  /** The request has reached its backend. */
  protected async held(): Promise<ServerResponse> {
    const response = await this.#waiting.promise;
    this.#waiting = Promise.withResolvers();
    return response;
  }

  abstract begin(port: number): Promise<Work>;
  abstract idle(port: number): Promise<unknown>;

  close(): void {
    for (const client of this.clients.splice(0)) client.destroy();
    this.#server?.closeAllConnections();
    this.#server?.close();
  }
}

class Http1Case extends HttpCase {
  protected readonly preamble: string = '';

  protected open(port: number): Socket {
    const socket = connect(port, this.secure);
    this.clients.push(socket);
    if (this.preamble !== '') socket.write(this.preamble);
    return socket;
  }

  async begin(port: number): Promise<Work> {
    const socket = this.open(port);
    socket.write(GET);
    const response = await this.held();
    const answer = received(socket);
    return {
      over: overOf(socket),
      async finish() {
        response.end(DONE);
        const all = await answer;
        if (!all.endsWith(DONE) || !all.includes('Connection: close\r\n')) throw new Error(`got ${all.slice(-200)}`);
        socket.end();
      },
    };
  }

  async idle(port: number): Promise<Socket> {
    const socket = this.open(port);
    socket.write(QUICK);
    await once(socket, 'data');
    return socket;
  }

  /** Idle for as long as it takes to be idle for sure: the port has closed it when it wants to ask again. */
  async more(port: number): Promise<{ ask(): Promise<unknown> }> {
    const socket = await this.idle(port);
    return {
      async ask() {
        // The first request yet is answered, as the last one.
        socket.write(QUICK);
        const [answer] = (await once(socket, 'data')) as [Buffer];
        if (!answer.toString().includes('Connection: close')) return;
        await once(socket, 'end');
        throw new Error('it was the last');
      },
    };
  }
}

class Proxied1Case extends Http1Case {
  protected override readonly preamble = 'PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n';
}

class WebSocketCase extends Http1Case {
  override async begin(port: number): Promise<Work> {
    const socket = this.open(port);
    const upgrade = 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n';
    socket.write(
      `GET /ws HTTP/1.1\r\nHost: a.example\r\n${upgrade}Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
    );
    await once(socket, 'data');
    return echoed(socket);
  }
}

function echoed(socket: Socket): Work {
  return {
    over: overOf(socket),
    async finish() {
      const all = received(socket);
      socket.end('still here');
      const got = await all;
      if (got !== 'still here') throw new Error(`got ${got}`);
    },
  };
}

class Http2Case extends HttpCase {
  #connect(port: number): http2.ClientHttp2Session {
    const scheme = this.secure ? 'https' : 'http';
    const options = { rejectUnauthorized: false, servername: 'a.example' };
    const session = http2.connect(`${scheme}://127.0.0.1:${port}`, options).on('error', () => {});
    this.clients.push(session);
    return session;
  }

  async begin(port: number): Promise<Work> {
    const session = this.#connect(port);
    const stream = session.request({ ':path': '/' }).on('error', () => {});
    const response = await this.held();
    return {
      over: overOf(stream),
      async finish() {
        response.end(DONE);
        const all = await received(stream);
        if (all !== DONE) throw new Error(`got ${all.length} bytes`);
      },
    };
  }

  /** Neither answers PING nor closes its side. */
  async idle(port: number): Promise<Socket> {
    const socket = connect(port, this.secure, ['h2']);
    this.clients.push(socket);
    socket.write(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0`, 'latin1');
    await once(socket, 'data');
    return socket;
  }

  async more(port: number): Promise<{ ask(): Promise<unknown> }> {
    const session = this.#connect(port);
    await received(session.request({ ':path': '/quick' }));
    const goaway = once(session, 'goaway');
    return {
      async ask() {
        await goaway;
        // Node refuses by itself after GOAWAY.
        await once(session.request({ ':path': '/quick' }), 'end');
      },
    };
  }
}

class TcpCase implements DrainCase {
  readonly silent = false;
  readonly #tls: boolean;
  #server: net.Server | undefined;
  readonly #clients: Socket[] = [];

  constructor(passthrough: boolean) {
    this.#tls = passthrough;
  }

  async serve(): Promise<PlaneRig> {
    const echo = (socket: Socket): void => void socket.on('error', () => {}).pipe(socket);
    this.#server = this.#tls ? tls.createServer({ ...pair }, echo) : net.createServer({ allowHalfOpen: true }, echo);
    const rig = new PlaneRig();
    const own = this.#tls
      ? [listener('TLS', { hostname: 'a.example', tls: { mode: 'Passthrough', certificates: [] } }), rule('TLSRoute')]
      : [listener('TCP'), rule('TCPRoute')];
    const hostnames = ['a.example'];
    const attached = own.map((one) =>
      one.kind === 'RouteRule' ? { ...one, attachments: [{ listener: 'd/g/l', hostnames }] } : one,
    );
    await rig.apply([...attached, ...backend(await listening(this.#server))]);
    return rig;
  }

  async begin(port: number): Promise<Work> {
    const socket = connect(port, this.#tls);
    this.#clients.push(socket);
    socket.write('hello');
    await once(socket, 'data');
    return echoed(socket);
  }

  close(): void {
    for (const client of this.#clients.splice(0)) client.destroy();
    this.#server?.close();
  }
}

class UdpCase implements DrainCase {
  readonly silent = false;
  readonly #sockets: dgram.Socket[] = [];
  #asked = Promise.withResolvers<() => void>();

  async #bound(): Promise<dgram.Socket> {
    const socket = dgram.createSocket('udp4');
    this.#sockets.push(socket);
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return socket;
  }

  async serve(): Promise<PlaneRig> {
    const server = await this.#bound();
    server.on('message', (message, { port }) => this.#asked.resolve(() => server.send(message, port, '127.0.0.1')));
    const rig = new PlaneRig();
    await rig.apply([listener('UDP'), rule('UDPRoute'), ...backend(server.address().port)]);
    return rig;
  }

  async begin(port: number): Promise<Work> {
    const client = await this.#bound();
    client.send('hello', port, '127.0.0.1');
    const answer = await this.#asked.promise;
    this.#asked = Promise.withResolvers();
    return {
      // Nobody tells the client of a datagram.
      over: Promise.resolve(),
      async finish() {
        const answered = once(client, 'message', { signal: AbortSignal.timeout(5_000) });
        answer();
        await answered;
      },
    };
  }

  async idle(port: number): Promise<unknown> {
    const work = await this.begin(port);
    await work.finish();
    return work;
  }

  close(): void {
    for (const socket of this.#sockets.splice(0)) socket.close();
  }
}

drainSuite('HTTP/1.1', () => new Http1Case('HTTP'));
drainSuite('HTTP/1.1 behind a PROXY header', () => new Proxied1Case('HTTP', [proxyHeaderPolicy(['127.0.0.1/32'])]));
drainSuite('HTTP/1.1 over TLS', () => new Http1Case('HTTPS'));
drainSuite('HTTP/2', () => new Http2Case('HTTP'));
drainSuite('HTTP/2 over TLS', () => new Http2Case('HTTPS'));
drainSuite('WebSocket', () => new WebSocketCase('HTTP'));
drainSuite('WebSocket over TLS', () => new WebSocketCase('HTTPS'));
drainSuite('TCP', () => new TcpCase(false));
drainSuite('TLS passed through', () => new TcpCase(true));
drainSuite('UDP', () => new UdpCase());

/** Backends of the test's own, where the built-in echo cannot do what the suite asks of a Pod. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer as createHttp, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import {
  createServer as createHttp2,
  createSecureServer as createSecureHttp2,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from 'node:net';
import { setTimeout as pass } from 'node:timers/promises';
import { createServer as createTls, TLSSocket } from 'node:tls';
import type { KeyPair } from './material.ts';

/** none: a Pod whose port is closed. */
export type StandInKind = 'http' | 'grpc' | 'tcp' | 'udp' | 'dns' | 'none';

export interface StandInOptions {
  kind: StandInKind;
  /** What it says it is. */
  name: string;
  namespace: string;
  /** Speaks TLS with this certificate. */
  tls?: KeyPair;
}

export interface StandIn {
  readonly port: number;
  /** Paths of HTTP requests, as received. */
  readonly received: string[];
  close(): Promise<void>;
}

const ADDRESS = '127.0.0.1';

export async function startStandIn(options: StandInOptions): Promise<StandIn> {
  switch (options.kind) {
    case 'http':
      return await startHttp(options);
    case 'grpc':
      return await startGrpc(options);
    case 'tcp':
      return await listening(
        options.tls ? createTls(credentials(options.tls), greet(options)) : createTcp(greet(options)),
      );
    case 'udp':
      return await startUdp(() => Buffer.from(JSON.stringify({ service: options.name, namespace: options.namespace })));
    case 'none': {
      const { port, close } = await listening(createTcp());
      await close();
      return { port, received: [], close: async () => {} };
    }
    case 'dns':
      // The question back with the response bit: a DNS client accepts it.
      return await startUdp((query) => Buffer.concat([query.subarray(0, 2), Buffer.of(0x80), query.subarray(3)]));
  }
}

/** A client's certificate is asked for, and looked at by the test: no root is trusted. */
function credentials({ certificate, key }: KeyPair) {
  return { cert: certificate, key, requestCert: true, rejectUnauthorized: false };
}

/** Speaks first, so that nothing depends on what a client sends. */
function greet({ name, namespace }: StandInOptions): (socket: Socket) => void {
  return (socket) => {
    socket.on('error', () => socket.destroy());
    const serverName = socket instanceof TLSSocket ? socket.servername : undefined;
    socket.write(`${JSON.stringify({ service: name, namespace, tls: socket instanceof TLSSocket, serverName })}\n`);
  };
}

async function startUdp(reply: (datagram: Buffer) => Buffer): Promise<StandIn> {
  const socket = createSocket('udp4');
  socket.on('error', () => {});
  socket.on('message', (datagram, { address, port }) => socket.send(reply(datagram), port, address));
  socket.bind(0, ADDRESS);
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    received: [],
    async close() {
      socket.close();
      await once(socket, 'close');
    },
  };
}

async function startHttp(options: StandInOptions): Promise<StandIn> {
  const received: string[] = [];
  const failures = new Map<string, number>();
  const listener: RequestListener = (request, response) => {
    received.push(request.url ?? '');
    request.resume();
    const url = new URL(request.url ?? '/', 'http://standin');
    if (url.pathname.startsWith('/retry/') && fails(failures, url.searchParams)) {
      const status = Number(url.searchParams.get('responseCode'));
      void pass(milliseconds(url, 'delayRetry')).then(() => response.writeHead(status).end());
      return;
    }
    void pass(milliseconds(url, 'delay')).then(() => answer(options, request, response));
  };
  const server = options.tls ? createHttps(credentials(options.tls), listener) : createHttp(listener);
  server.keepAliveTimeout = 0;
  return await listening(server, received);
}

/** Answers every call with an empty message, and with the request's headers as JSON in one of its own. */
async function startGrpc({ name, namespace, tls }: StandInOptions): Promise<StandIn> {
  const server = tls ? createSecureHttp2({ ...credentials(tls), ALPNProtocols: ['h2'] }) : createHttp2();
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const seen = Object.fromEntries(Object.entries(headers).filter(([header]) => !header.startsWith(':')));
    stream.on('error', () => {});
    stream.respond(
      {
        ':status': 200,
        'content-type': 'application/grpc',
        'x-echo-service': `${namespace}/${name}`,
        'x-received': JSON.stringify(seen),
      },
      { waitForTrailers: true },
    );
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.resume().end(Buffer.alloc(5));
  });
  server.on('sessionError', () => {});
  return await listening(server);
}

/** `1s` or `300ms`. */
function milliseconds(url: URL, name: string): number {
  const text = url.searchParams.get(name) ?? '0s';
  return Number.parseFloat(text) * (text.endsWith('ms') ? 1 : 1000);
}

/** Fails as many times as `succeedAfter` says for each `uuid`. */
function fails(failures: Map<string, number>, query: URLSearchParams): boolean {
  const uuid = query.get('uuid') ?? '';
  const before = failures.get(uuid) ?? 0;
  failures.set(uuid, before + 1);
  return before < Number(query.get('succeedAfter'));
}

function answer({ name, namespace }: StandInOptions, request: IncomingMessage, response: ServerResponse): void {
  const { method, url, headers, socket } = request;
  const tls =
    socket instanceof TLSSocket
      ? { serverName: socket.servername, client: socket.getPeerX509Certificate()?.toString() }
      : undefined;
  const body = JSON.stringify({ service: name, namespace, method, path: url, host: headers.host, headers, tls });
  for (const pair of String(headers['x-echo-set-header'] ?? '').split(',')) {
    const [header, value] = pair.split(':');
    if (header && value !== undefined) response.appendHeader(header.trim(), value);
  }
  response.setHeader('content-type', 'application/json').end(body);
}

async function listening(server: Server, received: string[] = []): Promise<StandIn> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => {});
  server.listen(0, ADDRESS);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    received,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

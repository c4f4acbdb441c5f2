/** Clients of every protocol, one connection for each use. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { type ClientHttp2Stream, connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import type { KeyPair } from './material.ts';

export interface Place {
  address: string;
  port: number;
}

export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export interface Exchange extends Place {
  method?: string;
  path: string;
  /** The address where it is not given. */
  host?: string;
  headers?: Record<string, string>;
  tls?: { name: string; client?: KeyPair };
  http2?: boolean;
}

export async function exchange(asked: Exchange): Promise<Answer> {
  return asked.http2 ? await exchangeHttp2(asked) : await exchangeHttp1(asked);
}

async function exchangeHttp1({ address, port, tls, ...asked }: Exchange): Promise<Answer> {
  const { method = 'GET', path, host = address } = asked;
  const headers = { ...asked.headers, host };
  const base = { host: address, port, method, path, headers, agent: false as const };
  const call = tls
    ? httpsRequest({ ...base, servername: tls.name, rejectUnauthorized: false, ...clientPair(tls.client) })
    : httpRequest(base);
  call.end();
  const [response] = await once(call, 'response');
  return { status: response.statusCode, headers: joined(response.headers), body: await text(response) };
}

function clientPair(pair: KeyPair | undefined) {
  return pair === undefined ? {} : { cert: pair.certificate, key: pair.key };
}

function joined(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat().join(',')]));
}

async function exchangeHttp2({ address, port, tls, ...asked }: Exchange): Promise<Answer> {
  const { method = 'GET', path, host = address, headers } = asked;
  const session = connectHttp2(`${tls ? 'https' : 'http'}://${address}:${port}`, {
    ...(tls ? { servername: tls.name, rejectUnauthorized: false, ...clientPair(tls.client) } : {}),
  });
  try {
    const stream = session.request({ ...headers, ':method': method, ':path': path, ':authority': host });
    stream.end();
    const [answered] = (await once(stream, 'response')) as [IncomingHttpHeaders & { ':status'?: number }];
    return { status: answered[':status'] ?? 0, headers: joined(answered), body: await text(stream) };
  } finally {
    session.destroy();
  }
}

export interface Call extends Place {
  /** Of the suite's echo service. */
  method: string;
  authority?: string;
  metadata?: Record<string, string>;
}

export interface Called {
  code: number;
  /** `namespace/name` of who answered. */
  by: string;
  /** Headers as a stand-in saw them. */
  received: Record<string, string>;
}

/** A unary gRPC call with an empty message over HTTP/2 with prior knowledge. */
export async function call({ address, port, method, authority, metadata }: Call): Promise<Called> {
  const session = connectHttp2(`http://${address}:${port}`);
  try {
    const stream = session.request({
      ...metadata,
      ':method': 'POST',
      ':path': `/gateway_api_conformance.echo_basic.grpcecho.GrpcEcho/${method}`,
      ':authority': authority ?? address,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.end(Buffer.alloc(5));
    return await finished(stream);
  } finally {
    session.destroy();
  }
}

async function finished(stream: ClientHttp2Stream): Promise<Called> {
  let trailers: IncomingHttpHeaders = {};
  stream.on('trailers', (found) => {
    trailers = found;
  });
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  await text(stream);
  const code = headers['grpc-status'] ?? trailers['grpc-status'];
  const received = JSON.parse(String(headers['x-received'] ?? '{}')) as Record<string, string>;
  return { code: Number(code ?? Number.NaN), by: String(headers['x-echo-service'] ?? ''), received };
}

export interface Greeting {
  service: string;
  namespace: string;
  tls?: boolean;
  serverName?: string;
}

/** What a stand-in says of itself on a new connection. */
export async function greeting(place: Place): Promise<Greeting> {
  return await said(connectTcp(place.port, place.address));
}

/** The same within TLS, whose certificate must be good for `name` by `ca`. */
export async function tlsGreeting(
  { address, port }: Place,
  { name, ca }: { name: string; ca: string },
): Promise<Greeting> {
  return await said(connectTls({ host: address, port, servername: name, ca }));
}

async function said(socket: Socket): Promise<Greeting> {
  try {
    let line = '';
    for await (const chunk of socket) {
      line += chunk;
      if (line.endsWith('\n')) return JSON.parse(line) as Greeting;
    }
    throw new Error(`the connection ended after "${line}"`);
  } finally {
    socket.destroy();
  }
}

/**
 * The error that a handshake ends with, by its code. ECONNRESET: the end or a reset, all that Go's client calls a
 * refusal; ERR_SSL_…: a fatal alert, which it does not.
 */
export async function handshakeError({ address, port }: Place, name: string): Promise<string> {
  const socket = connectTls({ host: address, port, servername: name, rejectUnauthorized: false });
  const ended = once(socket, 'secureConnect').then(
    () => 'none',
    (error: NodeJS.ErrnoException) => error.code ?? error.message,
  );
  try {
    return await ended;
  } finally {
    socket.destroy();
  }
}

/** One datagram there and one back, from a socket of its own. */
export async function datagram({ address, port }: Place, sent: Uint8Array): Promise<Buffer> {
  const socket = createSocket('udp4');
  try {
    socket.send(sent, port, address);
    const [back] = await once(socket, 'message', { signal: AbortSignal.timeout(2_000) });
    return back as Buffer;
  } finally {
    socket.close();
  }
}

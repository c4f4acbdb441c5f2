/** Sends one request as it is written, over a connection of its own, and tells what came of it. */
import { once } from 'node:events';
import http2 from 'node:http2';
import tls from 'node:tls';
import { RawClient, rawClient } from '../served/raw-client.ts';
import type { Request } from './resource.ts';
import { CASE, SEEN, type Sight } from './witness.ts';

export interface Got {
  /** 0: no handshake, or nobody listens. */
  status: number;
  /** Lower-case names. */
  headers: Map<string, string>;
  /** What a backend saw, where one answered. */
  sight?: Sight;
  /** In the place of an answer. */
  error?: string;
}

const NOTHING: Got = { status: 0, headers: new Map() };

function got(status: number, headers: Map<string, string>): Got {
  const seen = headers.get(SEEN);
  const sight = seen === undefined ? undefined : (JSON.parse(Buffer.from(seen, 'base64').toString()) as Sight);
  return { status, headers, sight };
}

/** Undefined where the handshake is refused. */
async function secured(port: number, serverName: string | undefined, alpn: string): Promise<tls.TLSSocket | undefined> {
  const socket = tls.connect({
    host: '127.0.0.1',
    port,
    servername: serverName ?? '',
    rejectUnauthorized: false,
    ALPNProtocols: [alpn],
  });
  try {
    await once(socket, 'secureConnect');
    return socket;
  } catch {
    socket.destroy();
    return undefined;
  }
}

async function overHttp1(port: number, request: Request, name: string): Promise<Got> {
  const socket = request.port === 443 ? await secured(port, request.serverName, 'http/1.1') : undefined;
  if (request.port === 443 && socket === undefined) return NOTHING;
  const client = socket === undefined ? await rawClient(port) : new RawClient(socket);
  const hosts = [request.authority, request.secondHost].filter((host) => host !== undefined);
  const scheme = request.port === 443 ? 'https' : 'http';
  const target = request.absolute ? `${scheme}://${request.authority}${request.target}` : request.target;
  const lines = [
    `${request.method} ${target} HTTP/${request.version}`,
    ...hosts.map((host) => `Host: ${host}`),
    `${CASE}: ${name}`,
    ...request.headers.map((pair) => pair.join(': ')),
    ...(request.method === 'POST' ? ['Content-Length: 2'] : []),
  ];
  try {
    const text = `${lines.join('\r\n')}\r\n\r\n${request.method === 'POST' ? 'hi' : ''}`;
    const [answer] = await client.ask(text);
    return got(answer!.status, answer!.headers);
  } finally {
    client.close();
  }
}

function http2Headers(request: Request, name: string): http2.OutgoingHttpHeaders {
  const headers: http2.OutgoingHttpHeaders = {
    ':method': request.method,
    ':path': request.target,
    ':scheme': request.port === 443 ? 'https' : 'http',
    ...(request.authority === undefined ? {} : { ':authority': request.authority }),
    ...(request.secondHost === undefined ? {} : { host: request.secondHost }),
    [CASE]: name,
  };
  for (const [field, value] of request.headers) {
    const before = headers[field.toLowerCase()];
    headers[field.toLowerCase()] = before === undefined ? value : [before as string | string[], value].flat();
  }
  return headers;
}

/** A stream that is closed before its answer is no answer, however politely. */
function answered(stream: http2.ClientHttp2Stream): Promise<http2.IncomingHttpHeaders> {
  return new Promise((resolve, reject) => {
    stream.once('response', resolve);
    stream.once('error', reject);
    stream.once('close', () => reject(new Error(`the stream was closed with ${stream.rstCode}`)));
  });
}

async function overHttp2(port: number, request: Request, name: string): Promise<Got> {
  const socket = request.port === 443 ? await secured(port, request.serverName, 'h2') : undefined;
  if (request.port === 443 && socket === undefined) return NOTHING;
  const session = http2.connect(
    `http://127.0.0.1:${port}`,
    socket === undefined ? {} : { createConnection: () => socket },
  );
  session.on('error', () => {});
  try {
    const stream = session.request(http2Headers(request, name));
    stream.end(request.method === 'POST' ? '' : undefined);
    stream.resume();
    const headers = await answered(stream);
    if (!stream.readableEnded && !stream.destroyed) await once(stream, 'close');
    const lines = Object.entries(headers).map(([field, value]): [string, string] => [field, String(value)]);
    return got(Number(headers[':status']), new Map(lines));
  } finally {
    session.destroy();
  }
}

export function ask(port: number, request: Request, name: string): Promise<Got> {
  return request.version === '2' ? overHttp2(port, request, name) : overHttp1(port, request, name);
}

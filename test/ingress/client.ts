/** Sends a recorded request just as it was sent then: its path byte for byte, each over a new connection. */
import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { setTimeout as after } from 'node:timers/promises';
import type { Pair } from '../tls/authority.ts';
import type { ParityRequest } from './case.ts';

export interface Reply {
  status: number;
  /** undefined: the gateway's own answer. */
  answered: string | undefined;
  headers: http.IncomingHttpHeaders;
}

/** By what the client shows. */
export type Certificates = Record<NonNullable<ParityRequest['cert']>, Pair>;

export interface Entrance {
  host: string;
  /** By scheme. */
  ports: Record<'http' | 'https', number>;
  jars: Map<string, Map<string, string>>;
  certificates: Certificates;
}

/** The second client is another address of this machine. */
const SOURCES = { 1: '127.0.0.1', 2: '127.0.0.2' } as const;

export async function send(request: ParityRequest, entrance: Entrance): Promise<Reply[]> {
  const { times = 1, parallel = false, wait = 0 } = request;
  if (wait > 0) await after(wait * 1000);
  const replies: Reply[] = [];
  if (parallel) return Promise.all(Array.from({ length: times }, () => one(request, entrance)));
  for (let time = 0; time < times; time++) replies.push(await one(request, entrance));
  return replies;
}

function handshake({ cert, tls, ciphers }: ParityRequest, certificates: Certificates): https.RequestOptions {
  const { certificate, privateKey } = cert === undefined ? {} : certificates[cert];
  return {
    rejectUnauthorized: false,
    ...(certificate === undefined ? {} : { cert: certificate, key: privateKey! }),
    ...(tls === undefined ? {} : { maxVersion: `TLSv${tls}` as const }),
    ...(ciphers === undefined ? {} : { ciphers }),
  };
}

function isOfTls({ code = '' }: NodeJS.ErrnoException): boolean {
  // The request that was sent meanwhile is unread when the other side closes: the alert may get lost.
  return code.startsWith('ERR_SSL') || code === 'EPROTO' || code === 'ECONNRESET';
}

async function one(request: ParityRequest, { host, ports, jars, certificates }: Entrance): Promise<Reply> {
  const { scheme = 'http', method = 'GET', path, source = 1, body = 0 } = request;
  const name = request.host ?? host;
  const jar = request.jar === undefined ? undefined : (jars.get(request.jar) ?? new Map<string, string>());
  if (jar !== undefined) jars.set(request.jar!, jar);
  const own = Object.keys(request.headers ?? {}).map((field) => field.toLowerCase());
  const lines = Object.entries({ Host: name, 'User-Agent': 'golden/1', Accept: '*/*', Connection: 'close' })
    .filter(([field]) => !own.includes(field.toLowerCase()))
    .flat();
  for (const [field, value] of Object.entries(request.headers ?? {}))
    for (const each of [value].flat()) lines.push(field, each);
  if (request.basic !== undefined)
    lines.push('Authorization', `Basic ${Buffer.from(request.basic).toString('base64')}`);
  if (jar !== undefined && jar.size > 0)
    lines.push('Cookie', Array.from(jar, ([key, value]) => `${key}=${value}`).join('; '));
  if (body > 0) lines.push('Content-Length', String(body));
  const options = {
    host: '127.0.0.1',
    port: ports[scheme],
    path,
    method,
    headers: lines,
    localAddress: SOURCES[source],
  };
  const answer = await new Promise<http.IncomingMessage | null>((resolve, reject) => {
    const secure = { ...handshake(request, certificates), servername: name.replace(/:\d+$/, '') };
    const sent =
      scheme === 'https' ? https.request({ ...options, ...secure }, resolve) : http.request(options, resolve);
    // Who is asked for a certificate in TLS 1.3 hears of its refusal where the answer should be.
    const fails = (error: Error): void => (scheme === 'https' && isOfTls(error) ? resolve(null) : reject(error));
    sent.on('error', fails).end('x'.repeat(body));
  });
  if (answer === null) return { status: 0, answered: undefined, headers: {} };
  const content = await text(answer);
  for (const line of answer.headers['set-cookie'] ?? []) {
    const [, key, value] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (key !== undefined) jar?.set(key, value!);
  }
  return {
    status: answer.statusCode!,
    answered: /^echo of (\w+)/.exec(content)?.[1],
    headers: answer.headers,
  };
}

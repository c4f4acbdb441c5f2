/** Requests to an API server, on node:https. It retries nothing: whoever asks knows what a failure means to it. */
import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as overHttps } from 'node:https';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ApiError } from './api-error.ts';
import type { ClusterAccess } from './cluster-access.ts';

// Imported by name it would load a whole client of WebSockets, 4 MiB, for the sake of the names that it exports.
const { Agent: HttpAgent, request: overHttp } = process.getBuiltinModule('node:http');

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Call {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** From the root, such as `/api/v1/namespaces`. */
  path: string;
  query?: Query;
  /** Sent as JSON. */
  body?: unknown;
  /** Of the body; default `application/json`. */
  contentType?: string;
  accept?: string;
  signal?: AbortSignal;
}

/** Milliseconds until a connection is made, TLS included: one that was begun while nobody answered is not waited for. */
export const CONNECT_TIMEOUT = 5_000;
/**
 * Milliseconds without an answer to anything after which a failure means that the API server is away. Where other things are
 * answered meanwhile, who fails waits longer each time.
 */
export const AWAY_AFTER = 5_000;
/** Milliseconds until the head of an answer, and without a byte of its body. */
export const ANSWER_TIMEOUT = 30_000;
/** Bytes of one answer: above what an API server gives for a page. */
export const MAX_ANSWER = 256 << 20;
/** Bytes of one line of a watch: an object has at most about 1.5 MB in etcd, and grows in JSON. */
export const MAX_LINE = 16 << 20;
/** Connections kept open beside the watches. */
const MAX_FREE_CONNECTIONS = 16;

export class ApiClient {
  readonly access: ClusterAccess;
  readonly #agent: Agent;
  readonly #secure: boolean;
  readonly #awayAfter: number;
  #answeredAt = performance.now();
  #isAway = false;
  #back = Promise.withResolvers<void>();

  constructor(access: ClusterAccess, { awayAfter = AWAY_AFTER } = {}) {
    this.access = access;
    this.#awayAfter = awayAfter;
    this.#secure = access.server.protocol === 'https:';
    const keep = { keepAlive: true, maxFreeSockets: MAX_FREE_CONNECTIONS };
    this.#agent = this.#secure
      ? new HttpsAgent({
          ...keep,
          ca: access.ca,
          cert: access.certificate,
          key: access.key,
          servername: access.serverName,
          // Said here, since the environment could switch it off.
          rejectUnauthorized: access.insecure !== true,
        })
      : new HttpAgent(keep);
  }

  /**
   * Fulfilled by the first answer of a server that was away: it was away for all who ask, and who has waited longest by then
   * waits no longer than the others.
   */
  get back(): Promise<void> {
    return this.#back.promise;
  }

  /** The parsed JSON of a success. Throws ApiError, or the error of the connection. */
  async call<T = unknown>(call: Call): Promise<T> {
    const response = await this.#send(call, { 'accept-encoding': 'gzip' });
    const text = await whole(decoded(response));
    const success = response.statusCode! >= 200 && response.statusCode! < 300;
    const body = parsed(text, success);
    if (!success) throw ApiError.of(response.statusCode!, body, response.headers['retry-after']);
    return body as T;
  }

  /**
   * Lines of an answer that goes on, in the batches in which they arrive, until it ends (fulfilled) or fails; without
   * a byte for `idle` milliseconds it has failed.
   */
  async lines(call: Call, idle: number, take: (lines: string[]) => Promise<void> | void): Promise<void> {
    const response = await this.#send(call, {});
    if (response.statusCode !== 200) {
      const text = await whole(response);
      throw ApiError.of(response.statusCode!, parsed(text, false), response.headers['retry-after']);
    }
    response.setTimeout(idle, () => response.destroy(new Error(`no word from the API server for ${idle / 1000} s`)));
    let rest: Buffer[] = [];
    let length = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      const end = chunk.lastIndexOf(0x0a);
      length += chunk.length;
      if (end < 0) {
        if (length > MAX_LINE) throw new Error(`a line of the watch is longer than ${MAX_LINE} bytes`);
        rest.push(chunk);
        continue;
      }
      const text = Buffer.concat([...rest, chunk.subarray(0, end)]).toString('utf8');
      rest = end + 1 < chunk.length ? [Buffer.from(chunk.subarray(end + 1))] : [];
      length = rest.length === 0 ? 0 : rest[0]!.length;
      await take(text.split('\n').filter((line) => line !== ''));
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async #send(call: Call, extra: Record<string, string>): Promise<IncomingMessage> {
    const { server, authorization } = this.access;
    const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body));
    const token = await authorization?.();
    const headers: Record<string, string | number> = {
      accept: call.accept ?? 'application/json',
      'user-agent': 'daemun',
      ...extra,
      ...(token === undefined ? {} : { authorization: token }),
      ...(body === undefined
        ? {}
        : { 'content-type': call.contentType ?? 'application/json', 'content-length': body.length }),
    };
    const options: RequestOptions = {
      method: call.method ?? 'GET',
      // A URL writes an IPv6 address in brackets; a connection does not.
      host: server.hostname.replace(/^\[|\]$/g, ''),
      port: server.port === '' ? (this.#secure ? 443 : 80) : server.port,
      path: `${server.pathname.replace(/\/$/, '')}${call.path}${queryText(call.query)}`,
      headers: { ...headers, host: server.host },
      agent: this.#agent,
      signal: call.signal,
      timeout: ANSWER_TIMEOUT,
    };
    return new Promise((resolve, reject) => {
      const request = (this.#secure ? overHttps : overHttp)(options, (response) => {
        this.#answered();
        resolve(response);
      });
      request.on('timeout', () => request.destroy(new Error(`no answer for ${ANSWER_TIMEOUT / 1000} s`)));
      request.on('error', (error) => {
        const silence = performance.now() - this.#answeredAt;
        if (call.signal?.aborted !== true && silence >= this.#awayAfter) this.#isAway = true;
        reject(error);
      });
      request.on('socket', (socket) => !request.reusedSocket && this.#connects(request, socket));
      request.end(body);
    });
  }

  #connects(request: ClientRequest, socket: Socket): void {
    const late = (): void => void request.destroy(new Error(`no connection for ${CONNECT_TIMEOUT / 1000} s`));
    const timer = setTimeout(late, CONNECT_TIMEOUT);
    const over = (): void => clearTimeout(timer);
    socket.once(this.#secure ? 'secureConnect' : 'connect', over);
    request.once('close', over);
  }

  #answered(): void {
    this.#answeredAt = performance.now();
    if (!this.#isAway) return;
    this.#isAway = false;
    const before = this.#back;
    this.#back = Promise.withResolvers<void>();
    before.resolve();
  }
}

function queryText(query: Query | undefined): string {
  const pairs = Object.entries(query ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(value)}`],
  );
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

function decoded(response: IncomingMessage): Readable {
  if (response.headers['content-encoding'] !== 'gzip') return response;
  const text = createGunzip();
  response.on('error', (error) => text.destroy(error));
  return response.pipe(text);
}

async function whole(from: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of from as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER) throw new Error(`an answer of the API server is longer than ${MAX_ANSWER} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size).toString('utf8');
}

function parsed(text: string, must: boolean): unknown {
  try {
    return text === '' ? {} : JSON.parse(text);
  } catch {
    // Proxies before an API server answer in other languages.
    if (must) throw new Error('the API server answered with something that is no JSON');
    return { message: text.slice(0, 200) };
  }
}

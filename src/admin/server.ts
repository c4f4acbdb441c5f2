/** The admin API over HTTP: for the machine itself unless asked otherwise, and read-only but for what change.ts has. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import { DaemunError, EXPOSITION_TYPE, exposition } from '../observe/index.ts';
import { socketName } from '../value/socket-name.ts';
import { CHANGES, readChange, whyUnsafe } from './change.ts';
import { overviewPage, PAGE_POLICY } from './page.ts';
import type { AdminParts } from './parts.ts';
import { redactedConfig } from './redact.ts';

// Imported by name it would load a whole client of WebSockets, 4 MiB, for the sake of the names that it exports.
const { createServer } = process.getBuiltinModule('node:http');

export interface AdminAddress {
  host: string;
  port: number;
  /** Asked for as `Authorization: Bearer` by all but the health checks; absent: everybody may read. */
  token?: string | undefined;
  /** What others than this machine may read without a token; absent: all. */
  beyondLoopback?: 'all' | 'probes';
}

export interface Admin {
  /** `host:port` as bound. */
  readonly address: string;
  close(): Promise<void>;
}

interface Answer {
  status: number;
  type: string;
  body: string;
}

type Endpoint = (parts: AdminParts, query: URLSearchParams) => Answer | Promise<Answer>;

const TEXT = 'text/plain; charset=utf-8';
const HTML = 'text/html; charset=utf-8';
/** `/readyz?verbose`. */
const VERBOSE = 'verbose';
/** Kubelets and load balancers ask these, and carry no token. */
const OPEN: ReadonlySet<string> = new Set(['/healthz', '/livez', '/readyz']);

/** What is for others than this machine where they may read the probes only. */
const PROBES: ReadonlySet<string> = new Set([...OPEN, '/metrics']);

const ENDPOINTS: ReadonlyMap<string, Endpoint> = new Map<string, Endpoint>([
  ['/', () => text(200, [...ENDPOINTS.keys(), ...CHANGES.keys()].slice(1).join('\n'))],
  ['/livez', () => text(200, 'ok')],
  ['/healthz', () => text(200, 'ok')],
  [
    '/readyz',
    (parts, query) => {
      const { ready, reason, checks } = parts.readiness();
      const lines = checks.map(({ name, ok, message }) => `[${ok ? '+' : '-'}] ${name}: ${message}`);
      return text(ready ? 200 : 503, [...(query.has(VERBOSE) ? lines : []), reason].join('\n'));
    },
  ],
  ['/metrics', async (parts) => ({ status: 200, type: EXPOSITION_TYPE, body: exposition(await parts.metrics()) })],
  ['/status', (parts) => jsonOf(parts.status)],
  ['/config', (parts) => json(redactedConfig(parts.config()))],
  ['/listeners', (parts) => json(parts.listeners())],
  ['/graph', (parts) => jsonOf(parts.graph)],
]);

const NO_FAMILY: ReadonlySet<string> = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL']);

/** Throws a DaemunError where the address cannot be bound. */
export async function startAdmin(
  { host, port, token, beyondLoopback }: AdminAddress,
  parts: AdminParts,
): Promise<Admin> {
  const limited = beyondLoopback === 'probes' && token === undefined;
  const permitted = token === undefined ? () => true : bearer(token);
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (request, response) => {
    const local = isLocal(request);
    void respond(request, response, {
      ...parts,
      permitted,
      narrow: limited && !local,
      mayChange: local || token !== undefined,
    });
  });
  await listen(server, { host, port });
  const bound = server.address() as AddressInfo;
  return {
    address: socketName(bound.address, bound.port),
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** `::` is every address of both families, or of IPv4 where the machine has no IPv6: a pod knows not which it will have. */
async function opened(server: Server, { host, port }: Pick<AdminAddress, 'host' | 'port'>): Promise<void> {
  try {
    await once(server.listen({ port, host }), 'listening');
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (host !== '::' || !NO_FAMILY.has(code)) throw error;
    await once(server.listen({ port, host: '0.0.0.0' }), 'listening');
  }
}

async function listen(server: Server, { host, port }: AdminAddress): Promise<void> {
  try {
    await opened(server, { host, port });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const at = socketName(host, port);
    if (code === 'EADDRINUSE')
      throw new DaemunError('DMN_PORT_IN_USE', `${at}: another process listens here`, { cause });
    if (code === 'EACCES') throw new DaemunError('DMN_PORT_DENIED', `${at}: not permitted`, { cause });
    if (code === 'EADDRNOTAVAIL') {
      throw new DaemunError('DMN_ADDRESS_UNAVAILABLE', `${at}: no such address on this machine`, { cause });
    }
    throw new DaemunError('DMN_LISTEN_FAILED', `${at}: ${message}`, { cause });
  }
}

interface Guarded extends AdminParts {
  permitted(request: IncomingMessage): boolean;
  /** It comes from another machine, and only the probes are for others. */
  narrow: boolean;
  /** It comes from this machine, or from who has the token. */
  mayChange: boolean;
}

/** Compared as digests, in a time that says nothing about the token. */
function bearer(token: string): (request: IncomingMessage) => boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const wanted = digest(`Bearer ${token}`);
  return ({ headers }) => timingSafeEqual(digest(headers.authorization ?? ''), wanted);
}

async function respond(request: IncomingMessage, response: ServerResponse, parts: Guarded): Promise<void> {
  const { status, type, body } = await answer(request, parts);
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(type === HTML ? { 'content-security-policy': PAGE_POLICY } : {}),
    ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    ...(status === 405 ? { allow: allowedOf(request) } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function allowedOf({ url = '' }: IncomingMessage): string {
  return CHANGES.has(url.split('?', 1)[0]!) ? 'POST' : 'GET, HEAD';
}

async function answer(request: IncomingMessage, parts: Guarded): Promise<Answer> {
  if (!trustworthyHost(request)) return text(421, 'ask by IP address or as localhost');
  const [path = '', search] = (request.url ?? '').split('?', 2);
  const query = new URLSearchParams(search);
  // In detail it names what tenants wrote.
  if ((!OPEN.has(path) || query.has(VERBOSE)) && !parts.permitted(request))
    return text(401, 'needs Authorization: Bearer and the token');
  if (parts.narrow && (!PROBES.has(path) || query.has(VERBOSE))) {
    return text(403, `only ${[...PROBES].join(', ')} answer other machines; ask from this one, by 127.0.0.1`);
  }
  if (CHANGES.has(path)) return changeOf(path, request, parts);
  const endpoint = ENDPOINTS.get(path);
  if (!endpoint) return text(404, `no such page; there are:\n${[...ENDPOINTS.keys(), ...CHANGES.keys()].join('\n')}`);
  if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'read-only: GET and HEAD');
  try {
    // Browsers say so, and curl does not.
    if (path === '/' && request.headers.accept?.includes('text/html')) {
      return { status: 200, type: HTML, body: overviewPage(parts, new Date()) };
    }
    return await endpoint(parts, query);
  } catch (error) {
    return text(500, error instanceof Error ? error.message : String(error));
  }
}

async function changeOf(path: string, request: IncomingMessage, parts: Guarded): Promise<Answer> {
  if (request.method !== 'POST') return text(405, 'it changes something: POST');
  if (!parts.mayChange) {
    return text(403, 'without a token only this machine may change something: ask from it, or give --admin-token-file');
  }
  const why = whyUnsafe(request);
  if (why !== undefined) return text(why.status, why.message);
  try {
    const done = await CHANGES.get(path)!(parts, await readChange(request));
    return done === undefined ? text(404, 'a controller has nothing to change; its data planes have') : json(done);
  } catch (error) {
    return text(400, error instanceof Error ? error.message : String(error));
  }
}

/** By the client's own address: packets for ours may have been sent by anybody in the network. */
function isLocal({ socket: { remoteAddress = '' } }: IncomingMessage): boolean {
  return isLoopback(remoteAddress);
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address);
}

// A web page could have its own name resolve to this machine and read along; by a name we know it cannot.
function trustworthyHost(request: IncomingMessage): boolean {
  if (!isLoopback(request.socket.localAddress ?? '')) return true;
  const host = (request.headers.host ?? 'localhost').replace(/:\d*$/, '').replace(/^\[|\]$/g, '');
  return host === 'localhost' || isIP(host) !== 0;
}

function text(status: number, body: string): Answer {
  return { status, type: TEXT, body: `${body}\n` };
}

function json(value: unknown): Answer {
  return { status: 200, type: 'application/json', body: `${JSON.stringify(value)}\n` };
}

function jsonOf(answer: (() => unknown) | undefined): Answer {
  return answer === undefined ? text(404, 'a data plane has none; its controller has') : json(answer());
}

/** Backends as the recorded requests met them: they answer with their name, and do what headers of the request ask. */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { endpointsOf } from '../served/manifest.ts';
import type { Pair } from '../tls/authority.ts';

export interface Sighting {
  backend: string;
  pod: number;
  method: string;
  uri: string;
  headers: http.IncomingHttpHeaders;
  /** Of who speaks TLS. */
  tls?: { version: string; sni?: string; client?: string };
}

/** Services and how many pods each has. */
const SERVICES: Readonly<Record<string, number>> = {
  alpha: 3,
  beta: 2,
  gamma: 1,
  mirror: 1,
  errors: 1,
  auth: 1,
  none: 0,
};
/** The Service whose pods refuse connections. */
const REFUSED = 'refused';
/** The Service whose pod speaks TLS, and asks who the client is. */
const SECURE = 'proto';
/** What the authentication server says, by the beginning of the path. */
const VERDICTS: ReadonlyArray<[string, number]> = [
  ['/ok', 200],
  ['/deny', 401],
  ['/forbid', 403],
  ['/redirect', 302],
  ['/error', 500],
  ['/teapot', 418],
];

export class RecordedBackends {
  readonly #servers: http.Server[] = [];
  readonly sightings: Sighting[] = [];
  /** For the rig. */
  readonly endpoints: string[] = [];
  readonly #ports = new Map<string, number[]>();

  static async open(shown: Pair): Promise<RecordedBackends> {
    const backends = new RecordedBackends();
    for (const [name, pods] of Object.entries(SERVICES)) {
      const ports: number[] = [];
      for (let pod = 1; pod <= pods; pod++) ports.push(await backends.#listen(name, pod));
      backends.#ports.set(name, ports);
      if (pods > 0) backends.endpoints.push(endpointsOf(name, ...ports));
    }
    backends.#ports.set(SECURE, [await backends.#listen(SECURE, 1, shown)]);
    // Nobody listens on port 1 of this machine.
    backends.endpoints.push(endpointsOf(REFUSED, 1));
    return backends;
  }

  /** The same endpoints by another Service's name, for the rig. */
  endpointsAs(name: string, of: string): string {
    return endpointsOf(name, ...(this.#ports.get(of) ?? []));
  }

  get services(): string[] {
    return [...Object.keys(SERVICES), REFUSED];
  }

  async #listen(backend: string, pod: number, shown?: Pair): Promise<number> {
    const serve: http.RequestListener = (request, response) => {
      const { method = '', url = '', headers } = request;
      const tls = shown && spokenOf(request.socket as TLSSocket);
      this.sightings.push({ backend, pod, method, uri: url, headers, ...(tls && { tls }) });
      request.resume();
      request.on('end', () => {
        if (backend === 'auth') authenticate(url, headers, response);
        else if (backend === 'errors') answer(response, Number(headers['x-code'] ?? 404), backend);
        else obey(headers, response, `${backend}-${pod}`);
      });
    };
    const asks = { requestCert: true, rejectUnauthorized: false };
    const server = shown
      ? https.createServer({ cert: shown.certificate, key: shown.privateKey, ...asks }, serve)
      : http.createServer(serve);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#servers.push(server);
    return (server.address() as AddressInfo).port;
  }

  close(): void {
    for (const server of this.#servers) {
      server.close();
      server.closeAllConnections();
    }
  }
}

function spokenOf(socket: TLSSocket): NonNullable<Sighting['tls']> {
  // Names are recorded from the leaf's up.
  const client = socket.getPeerX509Certificate()?.subject.split('\n').reverse().join(',');
  const sni = socket.servername as string | false | undefined;
  return {
    version: socket.getProtocol()!.replace('TLSv', 'TLS '),
    ...(sni && { sni }),
    ...(client && { client }),
  };
}

function answer(response: http.ServerResponse, status: number, backend: string): void {
  response.writeHead(status, { 'content-type': 'text/plain' });
  response.end(`echo of ${backend}`);
}

function authenticate(url: string, headers: http.IncomingHttpHeaders, response: http.ServerResponse): void {
  const verdict = VERDICTS.find(([path]) => url.startsWith(path))?.[1];
  const status = url.startsWith('/want') ? Number(headers['x-want-auth'] ?? 200) : (verdict ?? 404);
  response.setHeader('X-Auth-User', 'alice');
  response.setHeader('X-Auth-Group', 'ops');
  if (url.includes('cookie')) response.setHeader('Set-Cookie', 'authed=yes; Path=/');
  if (status === 401) response.setHeader('WWW-Authenticate', 'Custom realm="golden"');
  if (status === 302) response.setHeader('Location', 'http://sign-in.example.test/');
  answer(response, status, 'auth');
}

function obey(headers: http.IncomingHttpHeaders, response: http.ServerResponse, name: string): void {
  const one = (header: string): string | undefined => headers[header]?.toString();
  const failures = new Map(
    one('x-echo-fail')
      ?.split(',')
      .map((each) => each.split('=') as [string, string]),
  );
  const how = failures.get(name);
  if (how !== undefined) {
    if (how === 'reset') return void response.socket?.resetAndDestroy();
    return answer(response, Number(how), name.replace(/-\d+$/, ''));
  }
  for (const line of one('x-echo-set')?.split('|') ?? []) {
    const [, field, value] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
    if (field !== undefined) response.appendHeader(field, value!);
  }
  const status = Number(one('x-echo-status') ?? 200);
  const delay = Number(one('x-echo-delay') ?? 0);
  const size = Number(one('x-echo-size') ?? 0);
  const reply = (): void => answer(response, status, name.replace(/-\d+$/, '').padEnd(size - 'echo of '.length, ' '));
  const drips = Number(one('x-echo-drip') ?? 0);
  if (drips > 0) drip(response, drips);
  else if (delay > 0) setTimeout(reply, delay * 1000);
  else reply();
}

/** Pieces of an answer, one a second. */
function drip(response: http.ServerResponse, pieces: number): void {
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.write('echo of gamma');
  let left = pieces;
  const timer = setInterval(() => {
    left -= 1;
    if (left > 0) return void response.write('.');
    clearInterval(timer);
    response.end();
  }, 1000);
}

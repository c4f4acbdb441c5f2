/** The same site behind Daemun and behind nginx: hosts whose backends are well, refuse, or go away. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/proxy/redis/redis-server.fixture.ts';
import { backendTraffic, requestPolicy } from '../policies/policy.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service, tlsSecret } from '../served/manifest.ts';
import { httpBackend, rawBackend, type TestBackend } from '../served/raw-backend.ts';
import { serveManifests } from '../served/rig.ts';
import { Authority, type Pair } from '../tls/authority.ts';

export interface Sighting {
  path: string;
  version: string;
  headers: http.IncomingHttpHeaders;
}

/** One that is asked. */
export interface Peer {
  port: number;
  tlsPort: number;
  close(): Promise<void>;
}

const HTTPS = { name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'site' }] } };
/** A balancer remembers who failed, so each question has its own. */
const SERVICES = ['web', 'refused', 'closing', 'garbage', 'pair', 'pair-post', 'leaver', 'leaver-post', 'stay'];

/** More than what is asked, so that it is not the backend that refuses. */
const ROOM = { maxHeaderSize: 128 * 1024 };

export class Backends {
  readonly sightings: Sighting[] = [];
  /** Lets the second half of `/halves` go. */
  release: () => void = () => {};
  readonly #open: TestBackend[];
  readonly ports: Record<string, number[]>;
  readonly pair: Pair;

  private constructor(open: TestBackend[], ports: Record<string, number[]>, pair: Pair) {
    this.#open = open;
    this.ports = ports;
    this.pair = pair;
  }

  static async open(): Promise<Backends> {
    const seen: { backends?: Backends } = {};
    const web = await httpBackend((request, response) => seen.backends!.#answer(request, response), ROOM);
    const closing = await rawBackend((socket) => void socket.once('data', () => socket.destroy()));
    const garbage = await rawBackend((socket) => void socket.once('data', () => socket.end('nonsense\r\n\r\n')));
    const refused = await freePort();
    const ports = {
      ...{ web: [web.port], stay: [web.port], refused: [refused], closing: [closing.port], garbage: [garbage.port] },
      ...{ pair: [refused, web.port], 'pair-post': [refused, web.port] },
      ...{ leaver: [closing.port, web.port], 'leaver-post': [closing.port, web.port] },
    };
    const pair = await (await Authority.make('peers')).sign({ name: 'site', dns: ['*.example'], rsa: true });
    return (seen.backends = new Backends([web, closing, garbage], ports, pair));
  }

  #answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    this.sightings.push({ path: request.url!, version: request.httpVersion, headers: request.headers });
    request.resume();
    if (request.url === '/halves') {
      response.writeHead(200, { 'content-length': 8 }).write('half');
      this.release = () => void response.end('half');
      return;
    }
    request.on('end', () => {
      response.setHeader('x-big', 'b'.repeat(Number(/^\/big\/(\d+)/.exec(request.url!)?.[1] ?? 1)));
      response.end('ok');
    });
  }

  async close(): Promise<void> {
    for (const one of this.#open) await one.close();
  }
}

export async function daemun({ ports, pair }: Backends): Promise<Peer> {
  const names = [...SERVICES, 'none', 'missing', 'limited'];
  const serves = (name: string): string => (name === 'limited' ? 'web' : name);
  const routes = names.map((name) => httpRoute(name, [backendRefs(serves(name))], { hostnames: [`${name}.example`] }));
  const away = { type: 'RequestRedirect', requestRedirect: { scheme: 'https', statusCode: 301 } };
  const limits = [{ name: 'little', requests: 1, per: 'Hour', key: [{ type: 'ClientAddress' }] }];
  const rig = await serveManifests(
    manifests(
      [HTTP, HTTPS],
      ...routes,
      httpRoute('moved', [{ filters: [away] }], { hostnames: ['moved.example'] }),
      ...[...SERVICES, 'none'].map((name) => service(name)),
      requestPolicy('RateLimitPolicy', 'little', { kind: 'HTTPRoute', name: 'limited' }, { limits }),
      backendTraffic('stay', { sessionPersistence: { type: 'Cookie', cookie: { name: 'sid' } } }),
      tlsSecret('site', pair),
    ),
    { ports: [80, 443], endpoints: Object.entries(ports).map(([name, at]) => endpointsOf(name, ...at)) },
  );
  return { port: rig.port(80), tlsPort: rig.port(443), close: () => rig.close() };
}

export const NGINX = /nginx\/(\S+)/.exec(spawnSync('nginx', ['-v'], { encoding: 'utf8' }).stderr ?? '')?.[1];

/** nginx with its own defaults: what stands here is what makes it a proxy. */
export async function nginx({ ports, pair }: Backends): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), 'daemun-peers-'));
  const [port, tlsPort] = [await freePort(), await freePort()];
  writeFileSync(join(folder, 'cert.pem'), pair.certificate);
  writeFileSync(join(folder, 'key.pem'), pair.privateKey);
  writeFileSync(join(folder, 'nginx.conf'), nginxConfig({ ports, port, tlsPort }));
  const argv = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')];
  const child = spawn('nginx', argv, { stdio: 'ignore' });
  await untilOpen(port, child);
  return {
    port,
    tlsPort,
    async close() {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface NginxSite {
  ports: Backends['ports'];
  port: number;
  tlsPort: number;
}

function nginxConfig({ ports, port, tlsPort }: NginxSite): string {
  const upstreams = Object.entries(ports).map(
    ([name, at]) => `upstream ${name} { ${at.map((one) => `server 127.0.0.1:${one};`).join(' ')} }`,
  );
  const listen = `listen 127.0.0.1:${port}; listen 127.0.0.1:${tlsPort} ssl http2;`;
  const servers = Object.keys(ports).map(
    (name) => `server { ${listen} server_name ${name}.example; location / { proxy_pass http://${name}; } }`,
  );
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${name};`);
  return `daemon off; master_process off; pid nginx.pid;
events {}
http {
access_log off; ${temporary.join(' ')}
ssl_certificate cert.pem; ssl_certificate_key key.pem;
limit_req_zone $binary_remote_addr zone=little:1m rate=1r/m;
${upstreams.join('\n')}
${servers.join('\n')}
server { ${listen} server_name limited.example; location / { limit_req zone=little; proxy_pass http://web; } }
server { ${listen} server_name moved.example; return 301 https://$host$request_uri; }
}
`;
}

/** What nginx says of a configuration with this part. */
export function refusal(part: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'daemun-peers-'));
  writeFileSync(join(folder, 'nginx.conf'), `pid nginx.pid; events {} http { ${part} }`);
  const argv = ['-t', '-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'];
  const { status, stderr } = spawnSync('nginx', argv, { encoding: 'utf8' });
  rmSync(folder, { recursive: true, force: true });
  return status === 0 ? '' : stderr;
}

async function untilOpen(port: number, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    const socket = net.connect(port, '127.0.0.1');
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
  }
  throw new Error(`nginx ended with ${child.exitCode}`);
}

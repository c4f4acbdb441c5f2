/**
 * The backends, the same for every peer and as cheap as can be: one nginx worker that returns a constant or a file
 * from the page cache, and a UDP echo.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Certificate } from './certificate.ts';
import { becomes, type Child, freePort, start } from './child.ts';
import { nginxFiles } from './peer/nginx.ts';
import { probe } from './probe.ts';

export interface Backends {
  /** HTTP/1.1: `/10k`, `/1m` and `/page` (a page of 40 KB as people write them) are files, everything else is a body of two bytes. */
  h1: number;
  /** The same over TLS. */
  tls: number;
  /** HTTP/2 without TLS: every POST is answered by one gRPC message and `grpc-status: 0`. */
  grpc: number;
  /** UDP: each datagram comes back. */
  udp: number;
  stop(): Promise<void>;
}

export async function startBackends(dir: string, certificate: Certificate): Promise<Backends> {
  const root = join(dir, 'backend');
  mkdirSync(root);
  writeFileSync(join(root, '10k'), Buffer.alloc(10 * 1024, 'x'));
  writeFileSync(join(root, '1m'), Buffer.alloc(1024 * 1024, 'x'));
  writeFileSync(join(root, 'page'), page());
  writeFileSync(join(root, 'message'), Buffer.from([0, 0, 0, 0, 4, 0x0a, 2, 0x6f, 0x6b]));
  const ports = { h1: await freePort(), tls: await freePort(), grpc: await freePort() };
  const config = join(dir, 'backend.conf');
  writeFileSync(config, backendConfig(root, ports, certificate));
  const nginx = start({ argv: ['nginx', '-p', root, '-c', config, '-e', 'stderr'] });
  if (!(await becomes(() => probe({ kind: 'http', port: ports.h1, tls: false }), nginx, 10))) {
    throw new Error(`the backend did not start: ${nginx.output()}`);
  }
  const echo = await startEcho();
  return {
    ...ports,
    udp: echo.port,
    async stop() {
      await Promise.all([nginx.stop(), echo.child.stop()]);
    },
  };
}

/** Lines of a list, alike but for names and numbers: a ninth of it is left by gzip. */
function page(): string {
  let seed = 1;
  const random = (most: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return seed % most;
  };
  const words = Array.from({ length: 400 }, () =>
    Array.from({ length: 3 + random(7) }, () => String.fromCharCode(97 + random(26))).join(''),
  );
  const word = (): string => words[random(words.length)]!;
  const line = (): string =>
    `<tr class="item"><td><a href="/catalogue/${word()}/${random(10_000)}.html">${word()} ${word()}</a></td><td>${word()} ${word()} ${word()}</td><td class="price">${random(400)}.${random(90) + 10} EUR</td></tr>\n`;
  let text = '<!doctype html>\n<table>\n';
  while (text.length < 40 * 1024) text += line();
  return text;
}

async function startEcho(): Promise<{ child: Child; port: number }> {
  const child = start({ argv: [process.execPath, join(import.meta.dirname, 'load', 'echo.ts')] });
  const up = await becomes(async () => /^\d+$/.test(child.output()), child, 10);
  if (!up) throw new Error(`the UDP echo did not start: ${child.output()}`);
  return { child, port: Number(child.output()) };
}

function backendConfig(root: string, ports: Pick<Backends, 'h1' | 'tls' | 'grpc'>, certificate: Certificate): string {
  return `${nginxFiles(1)}
http {
  access_log off;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
  sendfile on;
  tcp_nodelay on;
  open_file_cache max=16;
  root ${root};
  default_type text/plain;
  server {
    listen 127.0.0.1:${ports.h1} backlog=4096;
    listen 127.0.0.1:${ports.tls} ssl backlog=4096;
    ssl_certificate ${certificate.cert};
    ssl_certificate_key ${certificate.key};
    location / { return 200 "ok"; }
    location = /10k { }
    location = /1m { }
    location = /page { }
  }
  server {
    listen 127.0.0.1:${ports.grpc} http2 backlog=4096;
    default_type application/grpc;
    add_trailer grpc-status 0;
    # A static file answers no POST; the error page turns it into a GET, which it does.
    location / { return 405; error_page 405 =200 /message; }
    location = /message { }
  }
}
`;
}

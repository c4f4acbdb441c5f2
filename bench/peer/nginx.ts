import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from './find.ts';
import { type Peer, type Setup, USUAL_CLIENTS } from './peer.ts';

export const nginx: Peer = {
  name: 'nginx',
  find: () => findProgram([['nginx', '-v']], /nginx\/(\S+)/),
  launch(setup, { dir, port }) {
    const config = join(dir, 'nginx.conf');
    const stream = setup.kind === 'tcp' || setup.kind === 'tls' || setup.kind === 'udp';
    const module = stream ? streamModule() : '';
    if (module === undefined) return undefined;
    const body = stream ? streamConfig(setup, port) : httpConfig(setup, port);
    writeFileSync(config, `${module}${nginxFiles(setup.workers, setup.clients)}\n${body}`);
    return { argv: ['nginx', '-p', dir, '-c', config, '-e', 'stderr'] };
  },
};

/** The part of a configuration that keeps nginx in the foreground and inside its own folder. */
export function nginxFiles(workers: number, clients: number = USUAL_CLIENTS): string {
  // Workers of a master that runs as root would become `nobody`, who cannot read the run's folder.
  const user = process.getuid?.() === 0 ? 'user root;\n' : '';
  return `${user}daemon off;
worker_processes ${workers};
worker_rlimit_nofile ${2 * clients};
pid nginx-${process.pid}-${++files}.pid;
events { worker_connections ${clients}; }`;
}

let files = 0;

/** Debian ships the stream module apart; '' when it is built in, undefined when it is missing. */
function streamModule(): string | undefined {
  const built = execFileSync('sh', ['-c', 'nginx -V 2>&1'], { encoding: 'utf8' });
  if (/--with-stream(\s|$)/.test(built)) return '';
  const folder = /--modules-path=(\S+)/.exec(built)?.[1] ?? '/usr/lib/nginx/modules';
  const file = join(folder, 'ngx_stream_module.so');
  return existsSync(file) ? `load_module ${file};\n` : undefined;
}

function httpConfig(setup: Setup, port: number): string {
  const grpc = setup.kind === 'grpc';
  const listen = `127.0.0.1:${port}${setup.certificate ? ' ssl' : ''}${setup.h2 || grpc ? ' http2' : ''}`;
  // reuseport gives each of several workers its own queue, as the others do.
  const options = setup.workers > 1 ? ' reuseport backlog=4096' : ' backlog=4096';
  const pass = grpc ? 'grpc_pass grpc://backend;' : 'proxy_pass http://backend;';
  const asks = setup.asks ? 'auth_request /may-pass; ' : '';
  const locations = [
    ...setup.paths.map((path) => `    location ${path} { ${asks}${pass} }`),
    ...(setup.asks ? [mayPass] : []),
  ].join('\n');
  const servers = setup.hosts.map((host, i) => {
    const where = `    listen ${listen}${i === 0 ? options : ''};\n    server_name ${host};`;
    return `  server {\n${where}\n${locations}\n  }`;
  });
  return `http {
  access_log off;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
  tcp_nodelay on;
  client_body_temp_path body;
  proxy_temp_path proxy;
  server_names_hash_max_size 16384;
  ${setup.certificate ? tlsConfig(setup.certificate.cert, setup.certificate.key) : ''}
  upstream backend {
    server 127.0.0.1:${setup.backend};
    keepalive 64;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
  }
  ${setup.gzip === undefined ? '' : `gzip on; gzip_types text/plain; gzip_comp_level ${setup.gzip}; gzip_proxied any; gzip_vary on;`}
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
${setup.forwarded ? forwardedHeaders : ''}${servers.join('\n')}
}
`;
}

const mayPass = `    location = /may-pass {
      internal;
      proxy_pass http://backend/;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Original-Method $request_method;
      proxy_set_header X-Original-URL $scheme://$http_host$request_uri;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Request-Id $request_id;
    }`;

const forwardedHeaders = `  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Forwarded-Host $http_host;
  proxy_set_header X-Forwarded-Port $server_port;
  proxy_set_header X-Request-Id $request_id;
`;

function tlsConfig(cert: string, key: string): string {
  return `ssl_certificate ${cert};
  ssl_certificate_key ${key};
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_cache shared:bench:4m;`;
}

function streamConfig(setup: Setup, port: number): string {
  const udp = setup.kind === 'udp';
  const server = `listen 127.0.0.1:${port}${udp ? ' udp' : ' backlog=4096'};`;
  if (setup.kind !== 'tls') {
    return `stream {\n  server { ${server} proxy_timeout 60s; proxy_pass 127.0.0.1:${setup.backend}; }\n}\n`;
  }
  const names = setup.hosts.map((host) => `    ${host} 127.0.0.1:${setup.backend};`).join('\n');
  return `stream {
  map $ssl_preread_server_name $target {
${names}
  }
  server { ${server} ssl_preread on; proxy_timeout 60s; proxy_pass $target; }
}
`;
}

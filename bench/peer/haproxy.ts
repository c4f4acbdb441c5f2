import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from './find.ts';
import { type Peer, type Setup, USUAL_CLIENTS } from './peer.ts';

export const haproxy: Peer = {
  name: 'haproxy',
  find: () => findProgram([['haproxy', '-v']], /version (\S+)/),
  launch(setup, { dir, port }) {
    if (setup.asks) return undefined;
    if (setup.kind === 'udp') return undefined;
    const map = join(dir, 'routes.map');
    const config = join(dir, 'haproxy.cfg');
    writeFileSync(map, setup.hosts.flatMap((host) => setup.paths.map((path) => `${host}${path} main\n`)).join(''));
    writeFileSync(config, haproxyConfig(setup, port, map));
    return { argv: ['haproxy', '-db', '-f', config] };
  },
};

function haproxyConfig(setup: Setup, port: number, map: string): string {
  const stream = setup.kind === 'tcp' || setup.kind === 'tls';
  const grpc = setup.kind === 'grpc';
  const tls = setup.certificate ? ` ssl crt ${setup.certificate.pem} alpn http/1.1` : '';
  const http = '  option forwardfor\n  http-reuse always\n';
  const sni = '  tcp-request inspect-delay 5s\n  tcp-request content accept if { req.ssl_hello_type 1 }\n';
  const use = stream ? useBackends(setup) : `  use_backend %[base,map_beg(${map})]`;
  return `global
  nbthread ${setup.workers}
  maxconn ${setup.clients ?? USUAL_CLIENTS}
defaults
  mode ${stream ? 'tcp' : 'http'}
  timeout connect 5s
  timeout client 600s
  timeout server 600s
${stream ? '' : http}frontend main
  bind 127.0.0.1:${port} backlog 4096${tls}${setup.h2 || grpc ? ' proto h2' : ''}
${setup.kind === 'tls' ? sni : ''}${use}
backend main
  server one 127.0.0.1:${setup.backend}${grpc ? ' proto h2' : ''}
`;
}

function useBackends(setup: Setup): string {
  if (setup.kind === 'tcp') return '  default_backend main';
  return setup.hosts.map((host) => `  use_backend main if { req.ssl_sni -i ${host} }`).join('\n');
}

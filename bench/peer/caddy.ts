import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from './find.ts';
import type { Peer, Setup } from './peer.ts';

export const caddy: Peer = {
  name: 'caddy',
  find: () => findProgram([['caddy', 'version']], /v?(\d+\.\d+\.\d+)/),
  launch(setup, { dir, port }) {
    if (setup.asks) return undefined;
    if (setup.kind === 'tcp' || setup.kind === 'tls' || setup.kind === 'udp') return undefined;
    const config = join(dir, 'caddy.json');
    writeFileSync(config, JSON.stringify(caddyConfig(setup, port)));
    const env = { HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir, GOMAXPROCS: String(setup.workers) };
    return { argv: ['caddy', 'run', '--config', config], env };
  },
};

function caddyConfig(setup: Setup, port: number): object {
  const h2c = setup.kind === 'grpc';
  const transport = {
    protocol: 'http',
    versions: h2c ? ['h2c', '2'] : ['1.1'],
    keep_alive: { max_idle_conns_per_host: 64 },
  };
  const proxy = { handler: 'reverse_proxy', upstreams: [{ dial: `127.0.0.1:${setup.backend}` }], transport };
  const routes = setup.hosts.map((host) => ({
    match: [{ host: [host] }],
    handle: [
      {
        handler: 'subroute',
        routes: setup.paths.map((path) => ({ match: [{ path: [`${path}*`] }], handle: [proxy] })),
      },
    ],
    terminal: true,
  }));
  const server = {
    listen: [`127.0.0.1:${port}`],
    protocols: h2c || setup.h2 ? ['h1', 'h2', 'h2c'] : ['h1'],
    automatic_https: { disable: true },
    routes,
    ...(setup.certificate ? { tls_connection_policies: [{}] } : {}),
  };
  const files = setup.certificate ? [{ certificate: setup.certificate.cert, key: setup.certificate.key }] : [];
  return {
    admin: { disabled: true },
    logging: { logs: { default: { level: 'ERROR' } } },
    apps: { http: { servers: { main: server } }, tls: { certificates: { load_files: files } } },
  };
}

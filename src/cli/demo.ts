/** Serves the examples on unprivileged ports, with echoes behind them, and says what to try. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { demoCertificate, tlsSecret } from './demo-certificate.ts';
import { ownLoopback } from './every-address.ts';
import type { Gateway, GatewayOptions } from './gateway.ts';
import { packageFolder } from './package-place.ts';
import type { PortMap } from './port-map.ts';
import { serve } from './serve.ts';
import type { Signals } from './signal.ts';

export interface DemoOptions {
  portMap: PortMap;
  admin: GatewayOptions['admin'];
  signals: Signals;
}

export async function demo({ portMap, admin, signals }: DemoOptions): Promise<void> {
  const examples = packageFolder('examples');
  const folder = mkdtempSync(join(tmpdir(), 'daemun-demo-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const certificate = await demoCertificate(['*.example.com']);
  const secret = tlsSecret({ namespace: 'infra', name: 'example-com-tls' }, certificate);
  writeFileSync(join(folder, 'secret.json'), secret, { mode: 0o600 });
  await serve({
    paths: [examples, folder],
    setup: {
      bind: await ownLoopback(),
      portMap: [...portMap],
      trustedHops: [],
      loopbackNames: 'refused',
      via: false,
      accessLog: 'text',
    },
    workers: 1,
    endpoints: [],
    echoBackends: true,
    admin,
    drainTimeout: 5000,
    logLevel: 'info',
    logFormat: 'text',
    signals,
    onStarted: (gateway) => process.stdout.write(tries(gateway, examples)),
  });
}

function tries(gateway: Gateway, examples: string): string {
  const listeners = gateway.listeners();
  const portOf = (protocol: string) =>
    listeners
      // One that has a part of its addresses does not serve: at the others somebody else answers.
      .find((one) => one.protocol === protocol && one.state === 'serving')
      ?.bound[0]?.split(':')
      .at(-1);
  const http = portOf('HTTP');
  const https = portOf('HTTPS');
  if (!http || !https) {
    return '\nNot every listener serves: the lines above say why. --port-map 80=8080,443=8443 takes other ports.\n';
  }
  const url = (host: string, path: string) => `--resolve ${host}:${http}:127.0.0.1 http://${host}:${http}${path}`;
  const tls = (host: string, path: string) => `--resolve ${host}:${https}:127.0.0.1 https://${host}:${https}${path}`;
  return `
Try, from another terminal:

  Path routing: three Services on one host
    curl ${url('shop.example.com', '/')}
    curl ${url('shop.example.com', '/cart')}
    curl ${url('shop.example.com', '/cart/health')}
  Canary: one of ten requests goes to search-canary
    for i in $(seq 20); do curl -s ${url('search.example.com', '/')} | grep service; done
  Header routing
    curl ${url('api.example.com', '/')}
    curl -H 'x-version: next' ${url('api.example.com', '/')}
  Rewrite, and a Service of another namespace
    curl ${url('portal.example.com', '/invoices/7')}
  HTTPS redirect
    curl -i ${url('secure.example.com', '/')}
    curl -kL --connect-to secure.example.com:443:127.0.0.1:${https} ${url('secure.example.com', '/')}
  Wildcard TLS: any other host
    curl -k ${tls('tenant-7.example.com', '/')}

Edit a file in ${shown(examples)}/ and see it served at once. Ctrl-C ends.
`;
}

/** As the shortest path from here. */
function shown(folder: string): string {
  const path = relative(process.cwd(), folder);
  return path.startsWith('..') ? folder : path;
}

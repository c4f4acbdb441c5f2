/**
 * What active health checks cost the worker that makes them, over loopback: `npm run build && node bench/health-check.ts`.
 * Microseconds of processor time an endpoint and second, a look a second each; see docs/performance.md. What they cost a request:
 * `bench/policy.ts`, the endpoint that is chosen.
 */
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { stopAll } from './child.ts';
import { gatewayObjects, startGateway } from './gateway-process.ts';

const ENDPOINTS = 200;
const SECONDS = 10;
const TURNS = 3;

let looks = 0;
const http = createHttpServer((_request, answer) => answer.end('ok'));
http.on('request', () => looks++);
const tcp = createServer((socket) => socket.on('error', () => {}).resume());
tcp.on('connection', () => looks++);
for (const server of [http, tcp]) await new Promise<void>((resolve) => void server.listen(0, '0.0.0.0', resolve));
const portOf = (server: typeof tcp): number => (server.address() as AddressInfo).port;

const CHECK = { interval: '1s', timeout: '1s' };
const CASES: Record<string, { check?: object; port: number }> = {
  'none of them': { port: portOf(http) },
  HTTP: { check: { ...CHECK, type: 'HTTP', http: { path: '/healthz' } }, port: portOf(http) },
  TCP: { check: { ...CHECK, type: 'TCP' }, port: portOf(tcp) },
};

function objects(check?: object): object[] {
  const targetRefs = [{ group: '', kind: 'Service', name: 'backend' }];
  const policy = {
    ...{ apiVersion: 'policies.daemun.dev/v1alpha1', kind: 'BackendTrafficPolicy', metadata: { name: 'checks' } },
    spec: { targetRefs, healthCheck: check },
  };
  return [...gatewayObjects({ protocol: 'HTTP' }), ...(check === undefined ? [] : [policy])];
}

try {
  let idle = 0;
  for (const [name, { check, port }] of Object.entries(CASES)) {
    const addresses = Array.from({ length: ENDPOINTS }, (_, i) => `127.0.${1 + (i >> 7)}.${1 + (i & 127)}:${port}`);
    const gateway = await startGateway(objects(check), `default/backend:80=${addresses.join(',')}`);
    // What begins is over, and each was looked at.
    await delay(5_000);
    const figures: number[] = [];
    for (let turn = 0; turn < TURNS; turn++) {
      const [before, looked] = [gateway.cpu(), looks];
      await delay(SECONDS * 1_000);
      const each = (gateway.cpu() - before) / SECONDS / ENDPOINTS;
      figures.push(each);
      if (check !== undefined && looks - looked < SECONDS * ENDPOINTS * 0.9)
        console.log(`  only ${looks - looked} looks`);
    }
    figures.sort((a, b) => a - b);
    if (check === undefined) idle = figures[1]!;
    const more = (figures[1]! - idle).toFixed(1);
    console.log(
      `${figures.map((one) => one.toFixed(1)).join(', ')} µs an endpoint and second, ${more} more than without  ${name}`,
    );
    await gateway.stop();
  }
} finally {
  await stopAll();
  http.closeAllConnections();
  for (const server of [http, tcp]) server.close();
}
process.exit(0);

/**
 * What an answer from the cache costs a worker, against one that goes to a backend: `npm run build && node bench/cache.ts`.
 * Microseconds of processor time a request, over loopback, 64 connections; see docs/performance.md.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SECONDS = 3;
const ROUNDS = 3;
const TICKS = 100;
const BODY = 'x'.repeat(1_024);
/** Longer than what is kept in memory besides. */
const LONG = 'x'.repeat(256 * 1_024);

const backend = createServer(({ url }, answer) => {
  answer
    .writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'max-age=3600', etag: '"bench"' })
    .end(url === '/long' ? LONG : BODY);
}).listen(0, '127.0.0.1');
await new Promise((resolve) => backend.once('listening', resolve));
const folder = mkdtempSync(join(tmpdir(), 'daemun-bench-cache-'));
const route = (name: string): string => `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: bench }
spec: { parentRefs: [{ name: gw }], hostnames: [${name}.example], rules: [{ backendRefs: [{ name: web, port: 80 }] }] }
`;
const manifests = `apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: daemun }
spec: { controllerName: daemun.dev/gateway-controller }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: gw, namespace: bench }
spec: { gatewayClassName: daemun, listeners: [{ name: http, port: 80, protocol: HTTP }] }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: bench }
spec: { ports: [{ port: 80 }] }
${route('plain')}${route('kept')}${route('disk')}---
apiVersion: policies.daemun.dev/v1alpha1
kind: ResponsePolicy
metadata: { name: kept, namespace: bench }
spec: { targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: kept }], cache: {} }
---
apiVersion: policies.daemun.dev/v1alpha1
kind: ResponsePolicy
metadata: { name: disk, namespace: bench }
spec: { targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: disk }], cache: { maxBytes: 1, disk: {} } }
`;
writeFileSync(join(folder, 'bench.yaml'), manifests);
const { port } = backend.address() as AddressInfo;
const words = [
  'run',
  join(folder, 'bench.yaml'),
  '--port-map',
  '80=18988',
  '--access-log',
  'off',
  '--cache-path',
  folder,
];
const gateway = spawn(process.execPath, ['bin/daemun.js', ...words, '--endpoint', `bench/web:80=127.0.0.1:${port}`]);
await new Promise<void>((resolve) => {
  const look = (text: Buffer): void => void (/ready: \d+ of \d+/.test(String(text)) && resolve());
  gateway.stdout.on('data', look);
  gateway.stderr.on('data', look);
});
const [worker] = execFileSync('pgrep', ['-P', String(gateway.pid)])
  .toString()
  .split('\n');

/** Seconds of processor time that the worker has used. */
function used(): number {
  const fields = readFileSync(`/proc/${worker}/stat`, 'latin1').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

async function measure(host: string, path = '/item'): Promise<number> {
  const before = used();
  const wrk = spawn('wrk', [
    '-t',
    '1',
    '-c',
    '64',
    '-d',
    String(SECONDS),
    '-H',
    `Host: ${host}`,
    `http://127.0.0.1:18988${path}`,
  ]);
  let text = '';
  wrk.stdout.on('data', (piece: Buffer) => (text += String(piece)));
  await new Promise((resolve) => wrk.once('close', resolve));
  const requests = Number(/(\d+) requests in/.exec(text)![1]);
  if (/Non-2xx/.test(text)) throw new Error(text);
  return ((used() - before) / requests) * 1e6;
}

const NEVER = Number.POSITIVE_INFINITY;
const best = { plain: NEVER, kept: NEVER, disk: NEVER, plainLong: NEVER, diskLong: NEVER };
for (let i = 0; i < ROUNDS; i++) {
  best.plain = Math.min(best.plain, await measure('plain.example'));
  best.kept = Math.min(best.kept, await measure('kept.example'));
  best.disk = Math.min(best.disk, await measure('disk.example'));
  best.plainLong = Math.min(best.plainLong, await measure('plain.example', '/long'));
  best.diskLong = Math.min(best.diskLong, await measure('disk.example', '/long'));
}
console.log(`${best.plain.toFixed(1).padStart(6)} µs  from a backend`);
console.log(`${best.kept.toFixed(1).padStart(6)} µs  from the cache: ${(best.kept / best.plain).toFixed(2)} of it`);
console.log(
  `${best.disk.toFixed(1).padStart(6)} µs  from the disk each time: ${(best.disk / best.plain).toFixed(2)} of it`,
);
console.log(`${best.plainLong.toFixed(1).padStart(6)} µs  256 KiB from a backend`);
console.log(
  `${best.diskLong.toFixed(1).padStart(6)} µs  256 KiB from the disk: ${(best.diskLong / best.plainLong).toFixed(2)} of it`,
);
gateway.kill('SIGTERM');
backend.close();
backend.closeAllConnections();
rmSync(folder, { recursive: true });

/** A gateway of this checkout in a process of its own, for benches that ask it alone; and what its workers use. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { becomes, type Child, freePort, start } from './child.ts';
import { cpuMicros, processTree } from './measure.ts';

const ROOT = resolve(import.meta.dirname, '..');
const SECONDS_TO_START = 60;

export interface GatewayProcess {
  port: number;
  /** Of all its processes, in microseconds. */
  cpu(): number;
  stop(): Promise<void>;
}

export async function startGateway(objects: object[], endpoint: string): Promise<GatewayProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'daemun-bench-'));
  const manifests = join(folder, 'manifests.json');
  writeFileSync(manifests, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
  const port = await freePort();
  const where = ['run', '-f', manifests, '--port-map', `8000=${port}`, '--bind', '127.0.0.1', '--endpoint', endpoint];
  const rest = ['--workers', '1', '--access-log', 'off', '--admin', 'off', '--log-level', 'warn'];
  const child = start({ argv: [process.execPath, join(ROOT, 'bin', 'daemun.js'), ...where, ...rest], cwd: folder });
  if (!(await becomes(() => accepts(port), child, SECONDS_TO_START))) throw new Error(failed(child));
  return {
    port,
    cpu: () => cpuMicros(processTree(child.pid)),
    async stop() {
      await child.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

/** A Gateway with one listener, and a route to the Service `backend`. */
export function gatewayObjects(listener: object): object[] {
  const api = 'gateway.networking.k8s.io/v1';
  return [
    {
      apiVersion: api,
      kind: 'GatewayClass',
      metadata: { name: 'bench' },
      spec: { controllerName: 'daemun.dev/gateway' },
    },
    {
      ...{ apiVersion: api, kind: 'Gateway', metadata: { name: 'gateway' } },
      spec: { gatewayClassName: 'bench', listeners: [{ name: 'main', port: 8000, ...listener }] },
    },
    {
      ...{ apiVersion: api, kind: 'HTTPRoute', metadata: { name: 'route' } },
      spec: { parentRefs: [{ name: 'gateway' }], rules: [{ backendRefs: [{ name: 'backend', port: 80 }] }] },
    },
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'backend' }, spec: { ports: [{ port: 80 }] } },
  ];
}

function accepts(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => done(true)).on('error', () => done(false));
    socket.on('connect', () => socket.destroy());
  });
}

function failed(child: Child): string {
  return `the gateway does not serve: ${child.output()}`;
}

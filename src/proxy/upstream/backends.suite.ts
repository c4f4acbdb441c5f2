/** The backends of a data plane without one, and config objects to give them. Nothing of it has a socket. */
import {
  type Backend,
  type BackendTraffic,
  type ConfigObject,
  type ConfigRef,
  type Endpoint,
  Snapshot,
} from '../../config/index.ts';
import { DeadlineWheel } from '../ground/deadline.ts';
import { atOnce } from '../ground/slice.ts';
import { httpPool } from '../http/index.ts';
import { MemoryDriver } from '../listen/index.ts';
import type { Resolved } from '../names/index.ts';
import { ProxyState } from '../state/index.ts';
import { Backends } from './backends.ts';
import type { Balancer } from './balancer.ts';
import type { EndpointGate } from './endpoint-gate.ts';

export const KEY = 'd/s:80';
export const BACKEND: Backend = {
  kind: 'Backend',
  key: KEY,
  service: { namespace: 'd', name: 's', port: 80 },
  protocol: 'http',
};

export const traffic = (spec: BackendTraffic['spec'], key = KEY): ConfigObject => ({
  kind: 'Policy',
  key: `BackendTraffic/${key}`,
  type: 'BackendTraffic',
  target: { kind: 'Backend', key },
  spec,
});
export const TRAFFIC: ConfigRef = { kind: 'Policy', key: `BackendTraffic/${KEY}` };
export const at = (...ports: number[]): Endpoint[] =>
  ports.map((port) => ({ address: '10.0.0.1', port, state: 'ready' }));
export const endpoints = (...list: Endpoint[]): ConfigObject => ({ kind: 'Endpoints', key: KEY, endpoints: list });
export const named = (hostname: string, port = 80): ConfigObject => ({
  kind: 'Endpoints',
  key: KEY,
  endpoints: [],
  dns: { hostname, port },
});

export interface Around {
  resolve?: (hostname: string) => Promise<Resolved>;
  gate?: EndpointGate;
  zone?: string;
  limits?: { connections: number; pending: number };
}

export class BackendsRig {
  readonly backends: Backends;
  readonly state: ProxyState;
  config = Snapshot.EMPTY;

  constructor({ resolve, ...around }: Around = {}) {
    const wheel = new DeadlineWheel(() => 0);
    this.state = new ProxyState(wheel);
    this.backends = new Backends(
      { driver: new MemoryDriver(), wheel, state: this.state, ...around },
      httpPool,
      resolve,
    );
  }

  apply(upserts: ConfigObject[], removals: ConfigRef[] = []): Balancer {
    const delta = { version: this.config.version + 1, upserts, removals };
    this.config = this.config.apply(delta);
    this.backends.update(this.config, delta);
    atOnce(this.backends.remove(removals));
    return this.backends.get(KEY)!;
  }

  ports(): number[] {
    const balancer = this.backends.get(KEY)!;
    return Array.from({ length: balancer.size }, () => balancer.pick()!.port).sort();
  }
}

/** A data plane on loopback for tests, and config objects to give it. */
import type { Ack, Certificate, ConfigObject, ConfigRef, Listener, Policy, RouteRule } from '../../config/index.ts';
import type { AccessEntry } from '../../observe/index.ts';
import type { ConnectionPolicies, Policies } from '../filter/index.ts';
import type { ProxyOptions } from '../proxy.ts';
import { DataPlane } from './data-plane.ts';

export class PlaneRig {
  readonly plane: DataPlane;
  readonly accesses: AccessEntry[] = [];
  ack: Ack | undefined;
  #version = 0;

  constructor(options: Partial<ProxyOptions> = {}, policies?: Policies, connectionPolicies?: ConnectionPolicies) {
    const all: ProxyOptions = {
      name: 'rig',
      bind: ['127.0.0.1'],
      portMap: new Map([[80, 0]]),
      reusePort: false,
      trustedHops: [],
      onAccess: (entry) => this.accesses.push(entry),
      ...options,
    };
    this.plane = new DataPlane(all, {
      ...(policies && { policies }),
      ...(connectionPolicies && { connectionPolicies }),
    });
  }

  async apply(upserts: ConfigObject[], removals: ConfigRef[] = []): Promise<Ack> {
    this.ack = await this.plane.apply({ version: ++this.#version, upserts, removals });
    return this.ack;
  }

  /** Where a listener serves. */
  port(name = 'l'): number {
    const bound = this.ack?.listeners.find(({ key }) => key === `d/g/${name}`)?.bound[0];
    if (bound === undefined) throw new Error(`${name} is not bound: ${JSON.stringify(this.ack?.listeners)}`);
    return Number(bound.slice(bound.lastIndexOf(':') + 1));
  }

  state(name = 'l') {
    return this.ack?.listeners.find(({ key }) => key === `d/g/${name}`);
  }

  close(): Promise<void> {
    return this.plane.drain(0);
  }
}

export function listener(protocol: Listener['protocol'], more: Partial<Listener> = {}): Listener {
  const name = more.name ?? 'l';
  const own = { key: `d/g/${name}`, gateway: 'd/g', name, addresses: [], port: 80, protocol };
  const mode = protocol === 'HTTPS' ? { tls: { mode: 'Terminate' as const, certificates: ['d/c'] } } : {};
  return { kind: 'Listener', ...own, ...mode, ...more };
}

/** A backend with an endpoint on loopback. */
export function backend(port: number, name = 'b'): ConfigObject[] {
  const key = `d/${name}:80`;
  return [
    { kind: 'Backend', key, service: { namespace: 'd', name, port: 80 }, protocol: 'http' },
    { kind: 'Endpoints', key, endpoints: [{ address: '127.0.0.1', port, state: 'ready' }] },
  ];
}

/** Everything of a listener goes to a backend. */
export function rule(kind: RouteRule['route']['kind'], more: Partial<RouteRule> = {}): RouteRule {
  const http = kind === 'HTTPRoute' || kind === 'GRPCRoute';
  const name = more.route?.name ?? 'r';
  return {
    kind: 'RouteRule',
    key: `${kind}/d/${name}/0`,
    route: { kind, namespace: 'd', name },
    index: 0,
    created: '',
    attachments: [{ listener: 'd/g/l', hostnames: ['*'] }],
    matches: http ? [{ path: { type: 'PathPrefix', value: '/' }, headers: [], query: [] }] : [],
    filters: [],
    backends: [{ backend: 'd/b:80', weight: 1, filters: [] }],
    ...more,
  };
}

export function certificate(pair: { key: Buffer; cert: Buffer }, key = 'd/c'): Certificate {
  return { kind: 'Certificate', key, certificate: pair.cert.toString(), privateKey: pair.key.toString() };
}

/** Clients say who they are with a PROXY header. */
export function proxyHeaderPolicy(trustedSources: string[], name = 'l'): Policy {
  const target = { kind: 'Listener' as const, key: `d/g/${name}` };
  return {
    kind: 'Policy',
    key: `ClientTraffic/${target.key}`,
    type: 'ClientTraffic',
    target,
    spec: { proxyProtocol: { mode: 'Required', trustedSources } },
  };
}

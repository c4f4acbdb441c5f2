import { expect, test, vi } from 'vitest';
import { type Backend, type ConfigObject, type Endpoints, Snapshot, type Trouble } from '../../config/index.ts';
import { DeadlineWheel } from '../ground/deadline.ts';
import { atOnce } from '../ground/slice.ts';
import { httpPool } from '../http/index.ts';
import { MemoryDriver } from '../listen/index.ts';
import type { Resolved } from '../names/index.ts';
import { BackendState, ProxyState, TroubleWatch } from '../state/index.ts';
import { Backends } from './backends.ts';
import type { EndpointTarget, OpenWaiter } from './connection.ts';
import { EndpointGate, GuardedDriver } from './endpoint-gate.ts';

const BACKEND: Backend = {
  kind: 'Backend',
  key: 'd/s:80',
  service: { namespace: 'd', name: 's', port: 80 },
  protocol: 'http',
};

function endpointsAt(...ports: number[]): Endpoints {
  const endpoints = ports.map((port) => ({ address: '10.0.0.1', port, state: 'ready' as const }));
  return { kind: 'Endpoints', key: BACKEND.key, endpoints };
}

function named(hostname: string): Endpoints {
  return { kind: 'Endpoints', key: BACKEND.key, endpoints: [], dns: { hostname, port: 80 } };
}

class Rig {
  readonly backends: Backends;
  readonly state: ProxyState;
  config = Snapshot.EMPTY;
  #version = 0;

  readonly troubles: Trouble[] = [];

  constructor(resolve?: (hostname: string) => Promise<Resolved>, gate?: EndpointGate) {
    const wheel = new DeadlineWheel(() => 0);
    this.state = new ProxyState(wheel, {
      troubles: new TroubleWatch((troubles) => this.troubles.push(...troubles)),
    });
    const world = { driver: new MemoryDriver(), wheel, state: this.state, gate };
    this.backends = new Backends(world, httpPool, resolve);
  }

  upsert(...upserts: ConfigObject[]): void {
    const delta = { version: ++this.#version, upserts, removals: [] };
    this.config = this.config.apply(delta);
    this.backends.update(this.config, delta);
  }

  label(): string | undefined {
    return this.backends.get(BACKEND.key)?.pick()?.label;
  }
}

test('an equal Backend keeps its connections, a changed one gets new ones with the endpoints that there are', () => {
  const rig = new Rig();
  rig.upsert(BACKEND, endpointsAt(1));
  const first = rig.backends.get(BACKEND.key);
  rig.upsert({ ...BACKEND });
  expect(rig.backends.get(BACKEND.key)).toBe(first);
  rig.upsert({ ...BACKEND, protocol: 'h2c' });
  expect(rig.backends.get(BACKEND.key)).not.toBe(first);
  expect(rig.label()).toBe('10.0.0.1:1');
});

test('another name of the policies that say how it is reached leaves connections as they are', () => {
  const rig = new Rig();
  const tls = { hostname: 's.example', subjectAltNames: [], trust: 'System' } as const;
  const target = { kind: 'Backend', key: BACKEND.key } as const;
  const saidBy = (name: string): ConfigObject[] => [
    { ...BACKEND, tls: { ...tls, subjectAltNames: [] }, tlsPolicy: `BackendTLSPolicy/d/${name}` },
    {
      ...{ kind: 'Policy', key: `BackendTraffic/${BACKEND.key}`, type: 'BackendTraffic', target },
      spec: { proxyProtocol: 'V1', loadBalancing: { type: 'RoundRobin', slowStart: 5 } },
      sources: [{ policy: `BackendTrafficPolicy/d/${name}`, settings: ['proxyProtocol', 'loadBalancing'] }],
    },
  ];
  rig.upsert(...saidBy('before'), endpointsAt(1, 2));
  const first = rig.backends.get(BACKEND.key)!;
  const endpoint = first.pick()!;
  rig.upsert(...saidBy('after'));
  expect(rig.backends.get(BACKEND.key)).toBe(first);
  expect([first.pick(), first.pick()]).toContain(endpoint);
});

test('health and turn outlive a new form of the Backend, another way to reach it has its own, and what goes is forgotten', () => {
  const rig = new Rig();
  const backends = (): ProxyState['backends'] => rig.state.backends;
  rig.upsert(BACKEND, endpointsAt(1, 2, 3));
  expect(rig.label()).toBe('10.0.0.1:1');
  rig.backends.get(BACKEND.key)!.pick()!.health.lost();
  rig.upsert({
    kind: 'Policy',
    key: `BackendTraffic/${BACKEND.key}`,
    type: 'BackendTraffic',
    target: { kind: 'Backend', key: BACKEND.key },
    spec: { proxyProtocol: 'V1' },
  });
  expect([rig.label(), rig.label(), rig.label()]).toEqual(['10.0.0.1:3', '10.0.0.1:1', '10.0.0.1:3']);
  expect(backends().size).toBe(1);
  rig.upsert(endpointsAt(1, 3));
  rig.upsert(endpointsAt(1, 2));
  expect(new Set([rig.label(), rig.label()])).toEqual(new Set(['10.0.0.1:1', '10.0.0.1:2']));
  rig.upsert({ ...BACKEND, tls: { hostname: 'b.example', subjectAltNames: [], trust: 'System' } });
  expect(backends().size).toBe(1);
  atOnce(rig.backends.remove([BACKEND]));
  expect(backends().size).toBe(0);
});

test('a change waits for the first look-up of its name, though not for ever', async () => {
  const answer = Promise.withResolvers<Resolved>();
  const rig = new Rig(() => answer.promise);
  rig.upsert(BACKEND, named('x.example'));
  await rig.backends.lookedUp(1);
  expect(rig.label()).toBeUndefined();
  const waited = rig.backends.lookedUp(60_000);
  answer.resolve({ addresses: ['10.0.0.9'], ttl: 60 });
  await waited;
  expect(rig.label()).toBe('10.0.0.9:80');
  rig.backends.close();
});

test('a name whose records change is asked about anew, and so is everything when the gateway’s own sockets change', async () => {
  const answers = [['10.0.0.9', '169.254.169.254'], ['127.0.0.1']];
  vi.useFakeTimers();
  try {
    const gate = new EndpointGate({ loopbackEndpoints: 'allowed', loopbackNames: 'refused' });
    const rig = new Rig(async () => ({ addresses: answers.shift() ?? [], ttl: 5 }), gate);
    let told = 0;
    rig.backends.onRefused = () => told++;
    rig.upsert(BACKEND);
    rig.upsert(named('x.example'));
    await rig.backends.lookedUp(60_000);
    expect([rig.label(), rig.label()]).toEqual(['10.0.0.9:80', '10.0.0.9:80']);
    expect(rig.backends.refused()).toEqual([
      { key: BACKEND.key, endpoint: '169.254.169.254:80', message: 'is link-local', left: 1 },
    ]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(rig.label()).toBeUndefined();
    expect(rig.backends.refused()).toMatchObject([{ endpoint: '127.0.0.1:80', left: 0 }]);
    expect(told).toBe(2);
    rig.upsert(endpointsAt(1, 2));
    gate.own = [{ transport: 'tcp', address: '10.0.0.1', port: 1, what: 'a listener' }];
    expect(atOnce(rig.backends.recheck())).toBe(true);
    expect([rig.label(), rig.label()]).toEqual(['10.0.0.1:2', '10.0.0.1:2']);
    rig.backends.close();
  } finally {
    vi.useRealTimers();
  }
});

test('nothing is connected to that the gate refuses by then', async () => {
  const gate = new EndpointGate({ loopbackEndpoints: 'refused', loopbackNames: 'refused' });
  const below = new MemoryDriver();
  const driver = new GuardedDriver(below, gate);
  const pool = httpPool({ driver, wheel: new DeadlineWheel(() => 0) }, targetAt('127.0.0.1'), 'http');
  const why = await new Promise((upstreamUnavailable) => pool.open({ upstreamUnavailable } as unknown as OpenWaiter));
  expect([why, below.opened.length]).toEqual(['connect_refused', 0]);
  gate.own = [{ transport: 'tcp', address: '::', port: 80, what: 'a listener' }];
  expect(gate.faultOf({ address: '127.0.0.2', port: 80, transport: 'udp', named: false })).toBe('is of this machine');
  const open = new EndpointGate({ loopbackEndpoints: 'allowed', loopbackNames: 'allowed' });
  open.own = gate.own;
  const fault = (address: string, transport: 'tcp' | 'udp'): string | undefined =>
    open.faultOf({ address, port: 80, transport, named: true });
  expect(['127.0.0.2', '::1', '::ffff:7f00:2'].map((address) => fault(address, 'tcp'))).toEqual(
    new Array(3).fill('is a listener'),
  );
  expect([fault('127.0.0.2', 'udp'), fault('10.0.0.1', 'tcp')]).toEqual([undefined, undefined]);
});

function targetAt(address: string): EndpointTarget {
  const health = new BackendState({ now: 0 }).endpoints.hold('');
  return { address, port: 80, tls: undefined, health };
}

test('a Backend that changes keeps what its name stands for', async () => {
  const rig = new Rig(async () => ({ addresses: ['10.0.0.9'], ttl: 60 }));
  rig.upsert(BACKEND, named('x.example'));
  await rig.backends.lookedUp(60_000);
  rig.upsert({ ...BACKEND, protocol: 'h2c' });
  expect(rig.label()).toBe('10.0.0.9:80');
  rig.backends.close();
});

test('a name that does not resolve is told of, and that it does again', async () => {
  vi.useFakeTimers();
  try {
    let known = false;
    const rig = new Rig(async () => {
      if (!known) throw new Error('ENOTFOUND');
      return { addresses: ['10.0.0.1'], ttl: 5 };
    });
    rig.upsert(BACKEND, named('x.example'));
    await vi.advanceTimersByTimeAsync(5_000);
    const about = { key: BACKEND.key, endpoint: 'x.example', what: 'unresolved' };
    expect(rig.troubles).toEqual([{ ...about, count: 1 }]);
    known = true;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(rig.troubles.at(-1)).toEqual({ ...about, count: 0 });
    rig.backends.close();
  } finally {
    vi.useRealTimers();
  }
});

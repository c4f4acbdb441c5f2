/** What policies change of a backend: without new connections where that can be, and with new ones where it must. */
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Authority } from '../../../test/tls/authority.ts';
import {
  type Backend,
  type BackendTraffic,
  type Certificate,
  type ConfigObject,
  type ConfigRef,
  type Endpoint,
  type HealthCheck,
  type SessionPersistence,
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
import { CONNECT_TIMEOUT, MAX_IDLE_PER_ENDPOINT, UPSTREAM_IDLE_TIMEOUT } from './connection.ts';
import { EndpointGate } from './endpoint-gate.ts';

const KEY = 'd/s:80';
const BACKEND: Backend = {
  kind: 'Backend',
  key: KEY,
  service: { namespace: 'd', name: 's', port: 80 },
  protocol: 'http',
};
const TLS = { hostname: 'b.example', subjectAltNames: [], trust: ['ca'] };
const SESSION: SessionPersistence = {
  ...{ type: 'Cookie', name: 's', secret: 'x', mode: 'Balanced', changeOnFailure: false, acrossBackends: false },
};
const CHECK: HealthCheck = {
  question: { type: 'TCP' },
  ...{ interval: 10_000, timeout: 1_000, jitterPercent: 10, healthyThreshold: 2, unhealthyThreshold: 3 },
  ...{ initialState: 'Healthy', panicThresholdPercent: 50 },
};

let ca: string;
let own: Certificate;
beforeAll(async () => {
  const authority = await Authority.make('ours');
  ca = authority.certificate;
  own = { kind: 'Certificate', key: 'own', ...(await authority.sign({})) };
});

const bundle = (pem = ca): ConfigObject => ({ kind: 'TrustBundle', key: 'ca', pem });
const traffic = (spec: BackendTraffic['spec'], key = KEY): ConfigObject => ({
  kind: 'Policy',
  key: `BackendTraffic/${key}`,
  type: 'BackendTraffic',
  target: { kind: 'Backend', key },
  spec,
});
const TRAFFIC: ConfigRef = { kind: 'Policy', key: `BackendTraffic/${KEY}` };
const at = (...ports: number[]): Endpoint[] => ports.map((port) => ({ address: '10.0.0.1', port, state: 'ready' }));
const endpoints = (...list: Endpoint[]): ConfigObject => ({ kind: 'Endpoints', key: KEY, endpoints: list });
const named = (hostname: string, port = 80): ConfigObject => ({
  kind: 'Endpoints',
  key: KEY,
  endpoints: [],
  dns: { hostname, port },
});

interface Around {
  resolve?: (hostname: string) => Promise<Resolved>;
  gate?: EndpointGate;
  zone?: string;
  limits?: { connections: number; pending: number };
}

class Rig {
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

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});

describe('without new connections', () => {
  test('limits are those of the policy, or the usual ones', () => {
    const balancer = rig.apply([BACKEND, endpoints(...at(1))]);
    const usual = {
      ...{ connections: 1_024, pending: 16_384, requests: 0, requestsPerConnection: 0 },
      ...{ connectTimeout: CONNECT_TIMEOUT, idleTimeout: UPSTREAM_IDLE_TIMEOUT, idle: MAX_IDLE_PER_ENDPOINT },
    };
    expect(balancer.limits).toEqual(usual);
    const circuitBreaker = { maxConnections: 1, maxPendingRequests: 2, maxRequests: 3, maxRetries: 0 };
    const connection = { idleTimeout: 5, maxRequests: 6, maxIdle: 7 };
    rig.apply([traffic({ circuitBreaker, connection, timeouts: { connect: 4 } })]);
    expect(balancer.limits).toEqual({
      ...{
        connections: 1,
        pending: 2,
        requests: 3,
        connectTimeout: 4,
        idleTimeout: 5,
        requestsPerConnection: 6,
        idle: 7,
      },
    });
    expect(balancer.retries.begin()).toBe(false);
    rig.apply([], [TRAFFIC]);
    expect(rig.backends.get(KEY)).toBe(balancer);
    expect(balancer.limits).toEqual(usual);
    expect(balancer.retries.begin()).toBe(true);
  });

  test('those of the run count where there is no policy', () => {
    const { limits } = new Rig({ limits: { connections: 8, pending: 9 } }).apply([BACKEND]);
    expect(limits).toMatchObject({ connections: 8, pending: 9 });
  });

  test('all else that it says is in place, until it goes', () => {
    const balancer = rig.apply([BACKEND, endpoints(...at(1))]);
    const detect = vi.spyOn(balancer.state, 'detect');
    const spec: BackendTraffic['spec'] = {
      loadBalancing: { type: 'Random' },
      sessionPersistence: SESSION,
      timeouts: { read: 1 },
      retry: { codes: [503], attempts: 1, backoff: 1 } as never,
      dns: { minRefresh: 1 },
      healthCheck: CHECK,
      outlierDetection: { maxEjectionPercent: 10 } as never,
      retryBudget: { percent: 0, perSecond: 0 },
    };
    expect(rig.backends.keepsSessions).toBe(false);
    rig.apply([traffic(spec)]);
    expect(rig.backends.get(KEY)).toBe(balancer);
    expect(balancer).toMatchObject({
      ...{
        session: SESSION,
        timeouts: spec.timeouts,
        retry: spec.retry,
        refresh: spec.dns,
        loadBalancing: spec.loadBalancing,
      },
    });
    expect(balancer.checks?.check).toBe(CHECK);
    expect(detect).toHaveBeenLastCalledWith(spec.outlierDetection);
    rig.apply([], [TRAFFIC]);
    expect(balancer).toMatchObject({
      session: undefined,
      timeouts: undefined,
      retry: undefined,
      refresh: undefined,
      loadBalancing: undefined,
      checks: null,
    });
    expect(detect).toHaveBeenLastCalledWith(undefined);
    // There may be answers on their way that say so still.
    expect(rig.backends.keepsSessions).toBe(true);
  });

  test('a policy of another type, or of a backend that is not there, is none of it', () => {
    const odd = { ...traffic({ timeouts: { read: 1 } }), type: 'Cache' } as unknown as ConfigObject;
    expect(rig.apply([BACKEND, odd, traffic({}, 'd/other:80')]).timeouts).toBeUndefined();
  });

  test('a policy and a list that come together are both in place', () => {
    const balancer = rig.apply([BACKEND, endpoints(...at(1))]);
    rig.apply([traffic({ loadBalancing: { type: 'LeastRequest' } }), endpoints(...at(2, 3))]);
    expect(rig.backends.get(KEY)).toBe(balancer);
    expect(balancer.loadBalancing).toEqual({ type: 'LeastRequest' });
    expect(balancer.size).toBe(2);
  });
});

describe('with new ones', () => {
  test.each<[string, BackendTraffic['spec']]>([
    ['another version', { httpVersion: 'HTTP2' }],
    ['whichever version is agreed on', { httpVersion: 'Auto' }],
    ['a PROXY header', { proxyProtocol: 'V1' }],
    ['TLS that asks nobody', { tls: { verification: 'Disabled' } }],
  ])('where the policy says so: %s', (_, spec) => {
    const before = rig.apply([BACKEND, endpoints(...at(1, 2))]);
    const [pool] = [before.pick()!];
    const after = rig.apply([traffic(spec)]);
    expect(after).not.toBe(before);
    expect(pool.retired).toBe(true);
    expect(rig.ports()).toEqual([1, 2]);
    expect(rig.apply([traffic({ ...spec, timeouts: { read: 1 } })])).toBe(after);
  });

  test('where what is agreed on may be another, though what is said is the same', () => {
    const before = rig.apply([{ ...BACKEND, tls: TLS }, bundle()]);
    expect(before.tls?.alpn).toEqual(['http/1.1']);
    const after = rig.apply([traffic({ httpVersion: 'Auto' })]);
    expect(after.tls?.alpn).toEqual(['h2', 'http/1.1']);
    expect(rig.apply([traffic({ httpVersion: 'HTTP2' })]).tls?.alpn).toEqual(['h2']);
  });

  test('where what they are made with changes, of whichever backend that is', () => {
    const other: Backend = { ...BACKEND, key: 'd/t:80' };
    const before = rig.apply([{ ...BACKEND, tls: { ...TLS, clientCertificate: 'own' } }, bundle(), own, other]);
    const kept = rig.backends.get('d/t:80');
    const next = rig.apply([bundle(`${ca}\n${ca}`)]);
    expect(next).not.toBe(before);
    expect(rig.backends.get('d/t:80')).toBe(kept);
    const later = rig.apply([{ ...own, privateKey: `${own.privateKey}\n` }]);
    expect(later).not.toBe(next);
    const broken = rig.apply([], [{ kind: 'Certificate', key: 'own' }]);
    expect(broken.broken).toBe('the client certificate own is missing');
  });

  test('the version of a PROXY header is the one that is asked for', () => {
    expect(rig.apply([BACKEND]).proxyProtocol).toBeUndefined();
    expect(rig.apply([traffic({ proxyProtocol: 'V1' })]).proxyProtocol).toBe(1);
    expect(rig.apply([traffic({ proxyProtocol: 'V2' })]).proxyProtocol).toBe(2);
  });

  test('what cannot be met is no plain text', () => {
    expect(rig.apply([{ ...BACKEND, tls: TLS }])).toMatchObject({
      broken: 'the CA bundle ca is missing',
      tls: undefined,
    });
    expect(rig.apply([BACKEND, traffic({ tls: { broken: 'for a reason' } })]).broken).toBe('for a reason');
    expect(rig.apply([traffic({ tls: { verification: 'Disabled' } })]).tls).toMatchObject({ unverified: true });
    expect(rig.apply([traffic({})])).toMatchObject({ broken: undefined, tls: undefined });
  });

  test('of bytes that are relayed nobody says what they are', () => {
    expect(rig.apply([{ ...BACKEND, protocol: 'tcp', tls: TLS }, bundle()]).tls?.alpn).toEqual([]);
  });

  test('what is held against an endpoint is known of the way that it was reached by', () => {
    const states = (): number => rig.state.backends.size;
    const health = rig.apply([BACKEND, endpoints(...at(1))]).pick()!.health;
    expect(rig.apply([traffic({ proxyProtocol: 'V1' })]).pick()!.health).toBe(health);
    expect(rig.apply([traffic({ tls: { verification: 'Disabled' } })]).pick()!.health).not.toBe(health);
    const agreed = rig.apply([traffic({ tls: { verification: 'Disabled' }, httpVersion: 'Auto' })]).pick()!.health;
    expect(rig.apply([{ ...BACKEND, protocol: 'h2c' }]).pick()!.health).toBe(agreed);
    expect(states()).toBe(1);
  });
});

describe('a change that cannot be', () => {
  test.each<[string, object]>([
    ['no address', { port: 1, state: 'ready' }],
    ['no port', { address: '10.0.0.1', state: 'ready' }],
  ])('leaves everything as it was: an endpoint has %s', (_, wrong) => {
    const before = rig.apply([BACKEND, endpoints(...at(1))]);
    const odd = { ...(endpoints(...at(2)) as object), key: 'd/new:80', endpoints: [wrong] } as ConfigObject;
    const fresh: Backend = { ...BACKEND, key: 'd/new:80' };
    expect(() => rig.apply([endpoints(...at(2, 3)), fresh, odd])).toThrow(
      'Endpoints d/new:80: an endpoint has no address or port',
    );
    expect(rig.backends.get(KEY)).toBe(before);
    expect(rig.ports()).toEqual([1]);
    expect(rig.backends.get('d/new:80')).toBeUndefined();
    expect(rig.state.backends.size).toBe(1);
    expect([...before.state.endpoints].map(([label]) => label)).toEqual(['10.0.0.1:1']);
  });
});

describe('what goes', () => {
  test('endpoints that are removed leave a backend without any; and a backend is removed with all', () => {
    const balancer = rig.apply([BACKEND, endpoints(...at(1, 2))]);
    rig.apply(
      [],
      [
        { kind: 'Endpoints', key: KEY },
        { kind: 'Endpoints', key: 'd/never:80' },
      ],
    );
    expect(rig.backends.get(KEY)).toBe(balancer);
    expect(balancer.size).toBe(0);
    rig.apply([endpoints(...at(3))]);
    rig.apply(
      [],
      [
        { kind: 'Backend', key: KEY },
        { kind: 'Backend', key: 'd/never:80' },
      ],
    );
    expect(rig.backends.get(KEY)).toBeUndefined();
    expect(balancer.size).toBe(0);
    expect(rig.state.backends.size).toBe(0);
  });

  test('endpoints of a backend that is not there are nobody’s', () => {
    expect(rig.apply([endpoints(...at(1))])).toBeUndefined();
    expect(rig.apply([BACKEND]).size).toBe(1);
  });

  test('all of them at the end', () => {
    const balancer = rig.apply([BACKEND, endpoints(...at(1))]);
    rig.backends.close();
    expect([rig.backends.get(KEY), balancer.size]).toEqual([undefined, 0]);
  });
});

describe('a name', () => {
  const answers = new Map<string, string[]>();
  let asked: string[];
  beforeEach(() => {
    asked = [];
    answers.clear();
    vi.useFakeTimers();
    rig = new Rig({
      resolve: async (hostname) => {
        asked.push(hostname);
        return { addresses: answers.get(hostname) ?? [], ttl: 60 };
      },
    });
    return () => {
      rig.backends.close();
      vi.useRealTimers();
    };
  });
  const settle = (): Promise<void> => rig.backends.lookedUp(60_000);
  const addresses = (): Array<string | undefined> => {
    const balancer = rig.backends.get(KEY)!;
    return Array.from({ length: balancer.size }, () => balancer.pick()?.label).sort();
  };

  test('that becomes another is looked up, and the one before no more', async () => {
    answers.set('a', ['10.0.0.1']).set('b', ['10.0.0.2']);
    rig.apply([BACKEND, named('a')]);
    await settle();
    rig.apply([named('b', 81)]);
    await settle();
    expect(addresses()).toEqual(['10.0.0.2:81']);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toEqual(['a', 'b', 'b']);
  });

  test('gives way to a list, and to nothing, and is looked up no more then', async () => {
    answers.set('a', ['10.0.0.1']);
    rig.apply([BACKEND, named('a')]);
    await settle();
    rig.apply([endpoints(...at(7))]);
    expect(addresses()).toEqual(['10.0.0.1:7']);
    rig.apply([named('a')]);
    // What it stood for is known.
    expect(addresses()).toEqual(['10.0.0.1:80']);
    rig.apply([], [{ kind: 'Endpoints', key: KEY }]);
    expect(addresses()).toEqual([]);
    asked = [];
    await vi.advanceTimersByTimeAsync(120_000);
    expect(asked).toEqual([]);
  });

  test('of another port is another', async () => {
    answers.set('a', ['10.0.0.1']);
    rig.apply([BACKEND, named('a')]);
    await settle();
    rig.apply([named('a', 81)]);
    expect(addresses()).toEqual(['10.0.0.1:80']);
    await settle();
    expect(addresses()).toEqual(['10.0.0.1:81']);
  });

  test('of a backend that changes is looked up by its new form alone', async () => {
    answers.set('a', ['10.0.0.1']);
    rig.apply([BACKEND, named('a')]);
    await settle();
    rig.apply([{ ...BACKEND, protocol: 'h2c' }]);
    asked = [];
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toEqual(['a']);
    rig.apply([], [{ kind: 'Backend', key: KEY }]);
    asked = [];
    await vi.advanceTimersByTimeAsync(120_000);
    expect(asked).toEqual([]);
  });

  test('is looked up sooner where a policy says so that comes later', async () => {
    answers.set('a', ['10.0.0.1']);
    rig.apply([BACKEND, named('a')]);
    await settle();
    rig.apply([traffic({ dns: { maxRefresh: 10_000 } })]);
    asked = [];
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked).toEqual(['a']);
  });

  test('that was given up in the making is not looked up', async () => {
    const wrong = { kind: 'Endpoints', key: 'd/t:80', endpoints: [{}] } as unknown as ConfigObject;
    expect(() => rig.apply([BACKEND, named('a'), wrong])).toThrow();
    asked = [];
    await vi.advanceTimersByTimeAsync(120_000);
    expect(asked).toEqual([]);
  });

  test('that does not come is waited for no longer than that, and leaves no timer', async () => {
    await rig.backends.lookedUp(5);
    expect(vi.getTimerCount()).toBe(0);
    rig = new Rig({ resolve: () => new Promise(() => {}) });
    rig.apply([BACKEND, named('a')]);
    let over = false;
    void rig.backends.lookedUp(5_000).then(() => (over = true));
    await vi.advanceTimersByTimeAsync(4_999);
    expect(over).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(over).toBe(true);
  });
});

describe('endpoints that are not used', () => {
  test('those of other zones, where they are told to stay there', () => {
    const [near, far] = at(1, 2);
    const listed = endpoints(
      { ...near!, forZones: ['here'] } as Endpoint,
      { ...far!, forZones: ['there'] } as Endpoint,
    );
    const here = new Rig({ zone: 'here' });
    here.apply([BACKEND, listed]);
    expect(here.ports()).toEqual([1]);
    rig.apply([BACKEND, listed]);
    expect(rig.ports()).toEqual([1, 2]);
  });

  test('those that the gate refuses are told, by whichever transport they are reached', () => {
    const gate = new EndpointGate({ loopbackEndpoints: 'allowed', loopbackNames: 'refused' });
    gate.own = [{ transport: 'udp', address: '10.0.0.1', port: 2, what: 'a listener' }];
    const guarded = new Rig({ gate });
    guarded.apply([BACKEND, endpoints(...at(1, 2))]);
    expect(guarded.backends.refused()).toEqual([]);
    guarded.apply([{ ...BACKEND, protocol: 'udp' }]);
    expect(guarded.ports()).toEqual([1]);
    expect(guarded.backends.refused()).toEqual([
      { key: KEY, endpoint: '10.0.0.1:2', message: 'is a listener', left: 1 },
    ]);
    expect(atOnce(guarded.backends.recheck())).toBe(false);
    gate.own = [];
    expect(atOnce(guarded.backends.recheck())).toBe(true);
    expect(guarded.ports()).toEqual([1, 2]);
    expect(guarded.backends.refused()).toEqual([]);
  });
});

test('a backend has rows for as long as it is there, and of its checks', () => {
  const names = (): Set<string> => {
    const families = rig.backends.metrics();
    return new Set(
      families.flatMap(({ name, series }) => series.filter(({ labels }) => labels.backend === KEY).map(() => name)),
    );
  };
  rig.apply([BACKEND, endpoints(...at(1)), traffic({ healthCheck: CHECK })]);
  expect(names()).toContain('daemun_endpoint_evicted');
  expect([...names()].some((name) => /check/.test(name))).toBe(true);
  rig.backends.stopLooking();
});

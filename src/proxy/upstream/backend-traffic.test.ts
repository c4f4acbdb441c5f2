/** What policies change of a backend: without new connections where that can be, and with new ones where it must. */
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Authority } from '../../../test/tls/authority.ts';
import type {
  Backend,
  BackendTraffic,
  Certificate,
  ConfigObject,
  HealthCheck,
  SessionPersistence,
} from '../../config/index.ts';
import { ROW_GRACE } from '../../observe/index.ts';
import { ProbeBook } from '../probe/index.ts';
import { at, BACKEND, BackendsRig, endpoints, KEY, TRAFFIC, traffic } from './backends.suite.ts';
import { CONNECT_TIMEOUT, MAX_IDLE_PER_ENDPOINT, UPSTREAM_IDLE_TIMEOUT } from './connection.ts';

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
let rig: BackendsRig;
beforeEach(() => {
  rig = new BackendsRig();
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
    const { limits } = new BackendsRig({ limits: { connections: 8, pending: 9 } }).apply([BACKEND]);
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

  test('a backend that is new begins with it', () => {
    const loadBalancing = { type: 'LeastRequest' as const };
    const balancer = rig.apply([BACKEND, endpoints(...at(1)), traffic({ loadBalancing, sessionPersistence: SESSION })]);
    expect(balancer).toMatchObject({ loadBalancing, session: SESSION });
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
    const bytes: Backend = { ...BACKEND, protocol: 'tcp' };
    expect(rig.apply([bytes], [TRAFFIC]).pick()!.health).not.toBe(rig.apply([BACKEND]).pick()!.health);
    expect(states()).toBe(1);
  });
});

describe('what is told of a backend', () => {
  const rows = (): Set<string> => {
    const families = rig.backends.metrics();
    return new Set(
      families.flatMap(({ name, series }) => series.filter(({ labels }) => labels.backend === KEY).map(() => name)),
    );
  };

  test('has rows, of its checks too, and for a while after it has gone', () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      rig.apply([BACKEND, endpoints(...at(1)), traffic({ healthCheck: CHECK })]);
      expect([...rows()].some((name) => name.includes('check'))).toBe(true);
      rig.apply([], [{ kind: 'Backend', key: KEY }]);
      rig.backends.metrics();
      vi.advanceTimersByTime(ROW_GRACE - 1);
      expect(rows()).toContain('daemun_backend_endpoints');
      vi.advanceTimersByTime(1);
      expect([...rows()]).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
  });

  test('is looked for no more at the end', () => {
    const stop = vi.spyOn(ProbeBook.prototype, 'stop');
    rig.backends.stopLooking();
    expect(stop).toHaveBeenCalledOnce();
    stop.mockRestore();
  });
});

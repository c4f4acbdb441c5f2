/** Sessions of a backend: whose request goes where, and what its answer says of that. */
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Backend, Endpoint, SessionPersistence } from '../../config/index.ts';
import { DeadlineWheel } from '../ground/deadline.ts';
import { MemoryDriver } from '../listen/index.ts';
import { plainHead } from '../route/plain-request.ts';
import type { Aim } from './aim.ts';
import { Balancer } from './balancer.ts';
import type { EndpointPool } from './connection.ts';
import { tagIn } from './session.ts';
import type { SteeredRequest } from './steered-request.ts';

const NOW = 1_700_000_000;
const PERSISTENT: SessionPersistence = {
  ...{ type: 'Header', name: 'x-s', secret: 'x', mode: 'Persistent', changeOnFailure: false, acrossBackends: false },
};
const BALANCED: SessionPersistence = { ...PERSISTENT, mode: 'Balanced' };
const ready = (...ports: number[]): Endpoint[] => ports.map((port) => ({ address: '10.0.0.1', port, state: 'ready' }));

function balancerOf(endpoints: Endpoint[], key = 'd/s:80'): Balancer {
  const backend: Backend = { kind: 'Backend', key, service: { namespace: 'd', name: 's', port: 80 }, protocol: 'http' };
  const balancer = new Balancer(backend, {
    world: { driver: new MemoryDriver(), wheel: new DeadlineWheel(() => 0) },
    makePool: (_world, { address, port, label = '', health }) =>
      ({
        ...{ address, port, label, health, load: 0, retired: false },
        open: () => null,
        cancel() {},
        retire() {},
      }) satisfies EndpointPool,
  });
  balancer.update(endpoints);
  return balancer;
}

/** A request that says this of its session. */
function saying(session = ''): SteeredRequest {
  const headers: Array<[string, string]> = session === '' ? [] : [['x-s', session]];
  const head = plainHead({ method: 'GET', host: 'a', target: '/', headers });
  return { head, clientAddress: '10.9.9.9', matchedPrefix: 1, secure: false };
}

interface Went {
  port: number | undefined;
  pool: EndpointPool;
  /** What the answer says. */
  says: string | undefined;
}

/** `answers`: who answers; absent: who was chosen. */
function went(balancer: Balancer, session: SessionPersistence, said = '', answers?: EndpointPool): Went {
  const aim = balancer.aim(saying(said), session);
  const pool = balancer.pick(null, aim)!;
  return { port: pool.port, pool, says: balancer.sessionLine(aim, answers ?? pool)?.value };
}

let balancer: Balancer;
beforeEach(() => {
  balancer = balancerOf(ready(1, 2, 3));
  vi.useFakeTimers({ toFake: ['Date'], now: NOW * 1000 });
  return () => vi.useRealTimers();
});

test('who asks for none is told nothing, and asked nothing', () => {
  const aim = balancer.aim(saying('x'), undefined);
  expect(aim.session).toBeNull();
  expect(balancer.sessionLine(aim, balancer.pick()!)).toBeUndefined();
  expect(balancer.steers).toBe(false);
  balancer.session = PERSISTENT;
  expect(balancer.steers).toBe(true);
  balancer.session = undefined;
  balancer.loadBalancing = { type: 'ConsistentHash', hash: { keys: [{ type: 'Host' }] } };
  expect(balancer.steers).toBe(true);
});

describe.each([PERSISTENT, BALANCED])('$mode', (session) => {
  test('a session keeps its endpoint, and is told once', () => {
    const first = went(balancer, session);
    expect(first.says).toBeTruthy();
    for (let i = 0; i < 6; i++)
      expect(went(balancer, session, first.says)).toMatchObject({ port: first.port, says: undefined });
    expect(balancer.keeps(saying(first.says), session)).toBe(true);
    expect(balancer.keeps(saying(), session)).toBe(false);
  });

  test('goes elsewhere while its endpoint cannot be used, and comes back', () => {
    const first = went(balancer, session);
    first.pool.health.evictedUntil = 100;
    const other = went(balancer, session, first.says);
    expect(other.port).not.toBe(first.port);
    expect(other.says).toBeUndefined();
    first.pool.health.evictedUntil = 0;
    const aim = balancer.aim(saying(first.says), session);
    expect(balancer.pick(first.pool, aim)?.port).not.toBe(first.port);
    expect(went(balancer, session, first.says)).toMatchObject({ port: first.port, says: undefined });
  });

  test('stays there where it is told to', () => {
    const moving = { ...session, changeOnFailure: true };
    const first = went(balancer, moving);
    first.pool.health.evictedUntil = 100;
    const other = went(balancer, moving, first.says);
    expect(other.says).toBeTruthy();
    first.pool.health.evictedUntil = 0;
    expect(went(balancer, moving, other.says)).toMatchObject({ port: other.port, says: undefined });
  });

  test('is told again as its idle time goes by', () => {
    const idle = { ...session, idleTimeout: 100_000 };
    const first = went(balancer, idle);
    vi.setSystemTime((NOW + 9) * 1000);
    expect(went(balancer, idle, first.says).says).toBeUndefined();
    vi.setSystemTime((NOW + 10) * 1000);
    const later = went(balancer, idle, first.says);
    expect(later.port).toBe(first.port);
    const times = (text: string): string => `~${NOW.toString(36)}~${(NOW + 10).toString(36)}${text}`;
    expect(later.says).toBe(`${first.says!.split('~')[0]}${times('')}`);
  });

  test('keeps an endpoint that drains where there is no other', () => {
    const draining = balancerOf(ready(1, 2).map((one) => ({ ...one, state: 'draining' as const })));
    const first = went(draining, session);
    for (let i = 0; i < 4; i++) expect(went(draining, session, first.says).port).toBe(first.port);
  });

  test('is none where there is no endpoint', () => {
    const empty = balancerOf([]);
    const aim = empty.aim(saying('made-up'), session);
    expect(empty.pick(null, aim)).toBeNull();
  });

  test('of another backend is none of this one', () => {
    const other = went(balancerOf(ready(1, 2, 3), 'd/t:80'), session);
    expect(balancer.keeps(saying(other.says), session)).toBe(false);
  });

  test('is made with its secret', () => {
    const first = went(balancer, session);
    expect(balancer.keeps(saying(first.says), { ...session, secret: 'y' })).toBe(false);
  });
});

describe('Persistent', () => {
  test('a session whose endpoint is gone is as none', () => {
    const first = went(balancer, PERSISTENT);
    balancer.update(ready(...[1, 2, 3].filter((port) => port !== first.port), 4));
    const next = went(balancer, PERSISTENT, first.says);
    expect(next.says).toBeTruthy();
    expect(next.says).not.toBe(first.says);
    expect(went(balancer, PERSISTENT, next.says)).toMatchObject({ port: next.port, says: undefined });
  });

  test('keeps an endpoint that drains though others are ready, and one that comes is known', () => {
    const first = went(balancer, PERSISTENT);
    balancer.update(ready(1, 2, 3, 4).map((one) => (one.port === first.port ? { ...one, state: 'draining' } : one)));
    for (let i = 0; i < 4; i++) expect(went(balancer, PERSISTENT, first.says).port).toBe(first.port);
    const all = new Set(Array.from({ length: 6 }, () => went(balancer, PERSISTENT)).map(({ port }) => port));
    expect(all).toEqual(new Set([1, 2, 3, 4].filter((port) => port !== first.port)));
  });

  test('a new session takes its turn', () => {
    const ports = Array.from({ length: 3 }, () => went(balancer, PERSISTENT).port);
    expect(new Set(ports).size).toBe(3);
  });
});

describe('Balanced', () => {
  test('text that was made up is a key, too, though no session of this backend', () => {
    const first = went(balancer, BALANCED, 'made-up');
    expect(first.says).toBeUndefined();
    for (let i = 0; i < 4; i++) expect(went(balancer, BALANCED, 'made-up').port).toBe(first.port);
    expect(balancer.keeps(saying('made-up'), BALANCED)).toBe(false);
  });

  test('a session is told a key that leads to who answered', () => {
    const first = went(balancer, BALANCED);
    expect(tagIn(first.says!)).not.toBe('');
    const others = balancerOf(ready(1, 2, 3));
    expect(went(others, BALANCED, first.says).port).toBe(first.port);
    const aim = balancer.aim(saying(), BALANCED);
    const chosen = balancer.pick(null, aim)!;
    const answered = went(balancer, PERSISTENT).pool;
    const line = balancer.sessionLine(aim, answered)!.value;
    expect(went(balancer, BALANCED, line).port).toBe(answered.port);
    expect(chosen).toBeDefined();
  });

  test('goes to the only one that is ready, and is told so', () => {
    const [one] = ready(1);
    const draining = ready(2, 3, 4, 5).map((each) => ({ ...each, state: 'draining' as const }));
    const single = balancerOf([one!, ...draining]);
    for (let i = 0; i < 8; i++) {
      const first = went(single, BALANCED);
      expect(first.port).toBe(1);
      expect(first.says).toBeTruthy();
      expect(went(single, BALANCED, first.says)).toMatchObject({ port: 1, says: undefined });
    }
  });

  test('begins at an endpoint that can be used', () => {
    const out = balancer.pick()!;
    out.health.evictedUntil = 100;
    for (let i = 0; i < 30; i++) expect(went(balancer, BALANCED).port).not.toBe(out.port);
  });

  test('tells nothing where no key leads to who answered', () => {
    const stranger = balancerOf(ready(9)).pick()!;
    const aim: Aim = balancer.aim(saying(), BALANCED);
    balancer.pick(null, aim);
    expect(balancer.sessionLine(aim, stranger)).toBeUndefined();
  });
});

test('connections of no request go by their client’s address where that is the key', () => {
  balancer.loadBalancing = { type: 'ConsistentHash', hash: { keys: [{ type: 'ClientAddress' }] } };
  const first = balancer.pickFor('10.0.0.7');
  for (let i = 0; i < 5; i++) expect(balancer.pickFor('10.0.0.7')).toBe(first);
  const all = new Set(Array.from({ length: 50 }, (_, i) => balancer.pickFor(`10.0.1.${i}`)?.port));
  expect(all.size).toBe(3);
  expect(balancer.pickFor('10.0.0.7', first)).not.toBe(first);
});

test('whoever relays bytes says how it went, and what it holds', () => {
  const { picker } = balancer;
  expect(balancer.picker).toBe(picker);
  const [one, two] = [picker.pick('10.0.0.7')!, picker.pick('10.0.0.7')!];
  expect([one.port, two.port, one.health.streams, two.health.streams]).toEqual([1, 2, 1, 1]);
  expect(picker.pick('10.0.0.7', one)?.port).toBe(3);
  picker.release(one);
  expect(one.health.streams).toBe(0);
  const [refused, opened] = [vi.spyOn(one.health, 'refused'), vi.spyOn(one.health, 'opened')];
  picker.failed(one);
  picker.failed(one, 'connect_timeout');
  picker.succeeded(one);
  expect(refused.mock.calls).toEqual([['connect_refused'], ['connect_timeout']]);
  expect(opened).toHaveBeenCalledOnce();
  expect(balancerOf([]).picker.pick('10.0.0.7')).toBeUndefined();
});

/** Endpoints of backends that come and go: in lists and by names, and those that are not used. */
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Backend, ConfigObject, Endpoint } from '../../config/index.ts';
import { atOnce } from '../ground/slice.ts';
import type { Resolved } from '../names/index.ts';
import { at, BACKEND, BackendsRig, endpoints, KEY, named, traffic } from './backends.suite.ts';
import { EndpointGate } from './endpoint-gate.ts';

let rig: BackendsRig;
beforeEach(() => {
  rig = new BackendsRig();
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

describe('a change that is made beforehand', () => {
  const held = (): string[] => [...rig.backends.get(KEY)!.state.endpoints].map(([label]) => label);
  const unreadable = traffic(
    { loadBalancing: { type: 'RoundRobin', weights: [{ networks: ['no network'], weight: 2 }] } },
    'd/t:80',
  );
  beforeEach(() => {
    rig.apply([BACKEND, endpoints(...at(1)), { ...BACKEND, key: 'd/t:80' }]);
  });

  test('leaves nothing where what comes behind it fails', () => {
    expect(() => rig.apply([endpoints(...at(1, 2)), unreadable])).toThrow();
    expect(held()).toEqual(['10.0.0.1:1']);
  });

  test('leaves nothing where it is given up', () => {
    const fresh = { ...BACKEND, key: 'd/new:80' };
    const delta = { version: 9, upserts: [endpoints(...at(1, 2)), fresh], removals: [] };
    const prepared = atOnce(rig.backends.prepare(rig.config.apply(delta), delta));
    expect(held()).toEqual(['10.0.0.1:1', '10.0.0.1:2']);
    prepared.discard();
    expect(held()).toEqual(['10.0.0.1:1']);
    expect(rig.state.backends.size).toBe(2);
  });

  test('brings what is new before it changes what is there', () => {
    const delta = {
      version: 9,
      upserts: [endpoints(...at(2)), { ...BACKEND, key: 'd/new:80' }, { ...BACKEND, protocol: 'h2c' as const }],
      removals: [],
    };
    const before = rig.backends.get(KEY);
    const prepared = atOnce(rig.backends.prepare(rig.config.apply(delta), delta));
    atOnce(prepared.bring());
    const fresh = rig.backends.get('d/new:80');
    expect(fresh).toBeDefined();
    expect(rig.backends.get(KEY)).toBe(before);
    expect(rig.ports()).toEqual([1]);
    prepared.swap();
    expect(rig.backends.get('d/new:80')).toBe(fresh);
    expect(rig.backends.get(KEY)).not.toBe(before);
    expect(rig.ports()).toEqual([2]);
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

  test('nothing else of its name takes a backend along', () => {
    const balancer = rig.apply([BACKEND, endpoints(...at(1))]);
    rig.apply([], [{ kind: 'Certificate', key: KEY }]);
    expect([rig.backends.get(KEY), balancer.size]).toEqual([balancer, 1]);
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
    rig = new BackendsRig({
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
    rig.apply([traffic({ dns: { maxRefresh: 10_000 } })]);
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

  test('that is known keeps nobody waiting, and leads no more to this machine than before', async () => {
    const answer = Promise.withResolvers<Resolved>();
    const all = [Promise.resolve({ addresses: ['127.0.0.1'], ttl: 60 }), answer.promise];
    const gate = new EndpointGate({ loopbackEndpoints: 'allowed', loopbackNames: 'refused' });
    rig = new BackendsRig({ resolve: () => all.shift()!, gate });
    rig.apply([BACKEND, named('a')]);
    await settle();
    expect(addresses()).toEqual([]);
    rig.apply([{ ...BACKEND, protocol: 'h2c' }]);
    expect(addresses()).toEqual([]);
    expect(rig.backends.refused()).toMatchObject([{ endpoint: '127.0.0.1:80' }]);
    await settle();
    answer.resolve({ addresses: [], ttl: 60 });
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

  test('gives way to a list that comes with a policy of it', async () => {
    answers.set('a', ['10.0.0.1']);
    rig.apply([BACKEND, named('a')]);
    await settle();
    rig.apply([endpoints(...at(7)), traffic({ dns: { maxRefresh: 10_000 } })]);
    asked = [];
    await vi.advanceTimersByTimeAsync(120_000);
    expect(asked).toEqual([]);
  });

  test('that was given up in the making is not looked up', async () => {
    const wrong = { kind: 'Endpoints', key: 'd/t:80', endpoints: [{}] } as unknown as ConfigObject;
    expect(() => rig.apply([BACKEND, named('a'), wrong])).toThrow();
    asked = [];
    await vi.advanceTimersByTimeAsync(120_000);
    expect(asked).toEqual([]);
  });

  test('that does not come is waited for no longer than that, and one that comes leaves no timer', async () => {
    await rig.backends.lookedUp(5);
    expect(vi.getTimerCount()).toBe(0);
    rig.apply([BACKEND, named('a')]);
    await settle();
    // The one of the next look-up.
    expect(vi.getTimerCount()).toBe(1);
    rig.backends.close();
    rig = new BackendsRig({ resolve: () => new Promise(() => {}) });
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
    const here = new BackendsRig({ zone: 'here' });
    here.apply([BACKEND, listed]);
    expect(here.ports()).toEqual([1]);
    rig.apply([BACKEND, listed]);
    expect(rig.ports()).toEqual([1, 2]);
  });

  test('none that came while all were asked about anew', () => {
    rig.apply([BACKEND, endpoints(...at(1))]);
    const rechecking = rig.backends.recheck();
    rechecking.next();
    rig.apply([endpoints(...at(1, 2))]);
    expect(atOnce(rechecking)).toBe(false);
    expect(rig.ports()).toEqual([1, 2]);
    const labels = [...rig.backends.get(KEY)!.state.endpoints].map(([label]) => label);
    expect(labels).toEqual(['10.0.0.1:1', '10.0.0.1:2']);
  });

  test('none that were let in meanwhile, of a list that is gone by then', () => {
    const gate = new EndpointGate({ loopbackEndpoints: 'allowed', loopbackNames: 'refused' });
    gate.own = [{ transport: 'tcp', address: '10.0.0.1', port: 2, what: 'a listener' }];
    const guarded = new BackendsRig({ gate });
    const labels = (): string[] => [...guarded.backends.get(KEY)!.state.endpoints].map(([label]) => label);
    guarded.apply([BACKEND, endpoints(...at(1, 2))]);
    gate.own = [];
    const rechecking = guarded.backends.recheck();
    while (labels().length === 1) expect(rechecking.next().done).toBe(false);
    guarded.apply([endpoints(...at(1))]);
    atOnce(rechecking);
    expect(labels()).toEqual(['10.0.0.1:1']);
  });

  test('none that somebody wrote on this machine, though a name must not lead there', () => {
    const guarded = new BackendsRig({
      gate: new EndpointGate({ loopbackEndpoints: 'allowed', loopbackNames: 'refused' }),
    });
    const local = (port: number): ConfigObject => endpoints({ address: '127.0.0.1', port, state: 'ready' });
    guarded.apply([BACKEND, local(1)]);
    expect(guarded.ports()).toEqual([1]);
    guarded.apply([local(2)]);
    expect(guarded.ports()).toEqual([2]);
    expect(guarded.backends.refused()).toEqual([]);
  });

  test('those that the gate refuses are told, by whichever transport they are reached', () => {
    const gate = new EndpointGate({ loopbackEndpoints: 'allowed', loopbackNames: 'refused' });
    gate.own = [{ transport: 'udp', address: '10.0.0.1', port: 2, what: 'a listener' }];
    const guarded = new BackendsRig({ gate });
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

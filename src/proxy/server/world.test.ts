/** What ports get of what they share. */
import { describe, expect, test, vi } from 'vitest';
import { CONNECTION_POLICIES } from '../filter/index.ts';
import { DrainSet } from '../ground/drain.ts';
import type { HttpService } from '../http/index.ts';
import type { TroubleWatch } from '../state/index.ts';
import { newRecord } from '../stream/stream-meter.ts';
import { rule } from './plane.suite.ts';
import { worldParts } from './world.suite.ts';
import { World } from './world.ts';

test('all parts are those that were given', () => {
  const { parts, settings } = worldParts();
  const troubles = {} as TroubleWatch;
  const world = new World({ ...parts, connectionPolicies: {} }, { ...settings, troubles });
  const { driver, wheel, backends, policies } = parts;
  const { limits, drainTimeout, ticketKeys, sockets } = settings;
  expect(world.connectionPolicies).toEqual({});
  expect(world.connections).toEqual({ count: 0 });
  for (const [name, part] of Object.entries({
    driver,
    wheel,
    backends,
    policies,
    limits,
    drainTimeout,
    ticketKeys,
    sockets,
    troubles,
  })) {
    expect(world[name as 'driver'], name).toBe(part);
  }
});

test('unless it is said otherwise policies of connections are the usual ones', () => {
  const { parts, settings } = worldParts();
  expect(new World(parts, settings).connectionPolicies).toBe(CONNECTION_POLICIES);
});

test('some descriptors are for clients, and not all that there are', () => {
  const { parts, settings } = worldParts();
  const { descriptors } = new World(parts, settings);
  expect(descriptors).toBeGreaterThan(0);
});

test('what serves requests has all of it, and the port’s own table and connections', () => {
  const { parts, settings } = worldParts();
  const world = new World(parts, settings);
  const [table, connections] = [{} as HttpService['table'], new DrainSet()];
  const service = world.httpService(table, connections);
  const { trustedHops, limits, via, onAccess } = settings;
  const wanted = { table, connections, trustedHops, limits, via, onAccess, stats: world.stats };
  for (const [name, part] of Object.entries({
    ...wanted,
    policies: parts.policies,
    upstreams: parts.backends,
    wheel: parts.wheel,
  })) {
    expect(service[name as 'table'], name).toBe(part);
  }
});

test('requests and streams are counted in the metrics of the data plane, and told to the access log', () => {
  const { parts, settings } = worldParts();
  const onAccess = vi.fn();
  const world = new World(parts, { ...settings, onAccess });
  world.stats.handshakesFailed.value++;
  world.meter.refused(newRecord({ protocol: 'tcp', listener: 'd/g/l', client: '10.0.0.1', host: '' }));
  const counted = (name: string): Array<number | undefined> | undefined =>
    parts.metrics
      .snapshot()
      .find((family) => family.name === name)
      ?.series.map(({ value }) => value);
  expect(counted('daemun_tls_handshakes_failed_total')).toEqual([1]);
  expect(counted('daemun_stream_ended_total')).toEqual([1]);
  expect(onAccess).toHaveBeenCalledOnce();
});

test('datagrams have the socket that was given for their place', async () => {
  const { parts, settings } = worldParts();
  const find = vi.spyOn(settings.sockets, 'find').mockReturnValue(undefined);
  const world = new World(parts, settings);
  const socket = await world.datagrams.bind({ address: '127.0.0.1', port: 0, reusePort: false }, {
    onDatagram() {},
  } as never);
  socket.close();
  expect(find).toHaveBeenCalledWith({ transport: 'udp', address: '127.0.0.1', port: 0, reusePort: false });
});

describe('a backend of streams', () => {
  const picker = {};
  const tls = {};
  const backends = new Map<string, object>([
    ['plain', { picker }],
    ['tls', { picker, tls }],
    ['proxied', { picker, proxyProtocol: 2 }],
    ['broken', { picker, broken: 'no certificate' }],
  ]);
  const { parts, settings } = worldParts([], backends);
  const world = new World(parts, settings);

  test('is as it is now, with what its connections begin with', () => {
    expect(world.streamBackend('plain')).toStrictEqual({ key: 'plain', picker });
    expect(world.streamBackend('tls')).toStrictEqual({ key: 'tls', picker, tls });
    expect(world.streamBackend('proxied')).toEqual({ key: 'proxied', picker, proxyProtocol: 2 });
  });

  test('is none where it is not there, or cannot be used', () => {
    expect(world.streamBackend('gone')).toBeUndefined();
    expect(world.streamBackend('broken')).toBeUndefined();
  });

  test('is that of the plans', () => {
    const plan = world.plans.planOf(
      rule('TCPRoute', { backends: [{ backend: 'tls', weight: 1, filters: [] }] }),
      'd/g/l',
    );
    expect(plan.next()).toEqual({ key: 'tls', picker, tls });
  });
});

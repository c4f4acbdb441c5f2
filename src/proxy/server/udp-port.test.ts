/** Ports of datagrams: their addresses, which come and go, and what is sent to them. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from 'vitest';
import { Snapshot } from '../../config/index.ts';
import type { RouteTable } from '../route/index.ts';
import { UdpListener } from '../stream/index.ts';
import { backend, listener, PlaneRig, rule } from './plane.suite.ts';
import type { PortContent } from './port.ts';
import { UdpPort } from './udp-port.ts';
import { worldParts } from './world.suite.ts';
import { World } from './world.ts';

const CONTENT: PortContent = {
  listeners: [listener('UDP')],
  rules: [],
  table: {} as RouteTable,
  config: Snapshot.EMPTY,
};
/** Milliseconds between two looks at the machine's addresses. */
const INTERVAL = 5_000;

function portOf(given: ConstructorParameters<typeof World>[1]['sockets']['all'] = []): UdpPort {
  const { parts, settings } = worldParts([...given]);
  return new UdpPort(new World(parts, settings), CONTENT);
}

const closers: Array<() => unknown> = [];
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  for (const close of closers.splice(0).reverse()) await close();
});

test('is bound until it drains', async () => {
  const port = portOf();
  expect(port.bound).toEqual([]);
  await port.open({ address: '127.0.0.1', port: 0, reusePort: false });
  expect(port.bound).toEqual([expect.stringMatching(/^127\.0\.0\.1:[1-9]\d+$/)]);
  const taken = portOf().open({ address: '127.0.0.1', port: Number(port.bound[0]!.split(':')[1]), reusePort: false });
  await expect(taken).rejects.toMatchObject({ code: 'DMN_PORT_IN_USE' });
  const drained = port.drain(0);
  expect(port.bound).toEqual([]);
  await drained;
});

test('has no kin that could go on with its socket', () => {
  const port = portOf();
  expect(port.release()).toBeUndefined();
  expect(port.takeOver()).toBeUndefined();
});

describe('the addresses of a wildcard', () => {
  let rebind: MockInstance<UdpListener['rebind']>;
  let open: MockInstance<UdpListener['open']>;
  beforeEach(() => {
    rebind = vi.spyOn(UdpListener.prototype, 'rebind').mockResolvedValue([]);
    open = vi.spyOn(UdpListener.prototype, 'open').mockResolvedValue([]);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });
  const opened = async (address: string, port = 5_300): Promise<UdpPort> => {
    const one = portOf();
    await one.open({ address, port, reusePort: true });
    return one;
  };

  test.each(['0.0.0.0', '::'])('%s are looked for again and again, until it drains', async (address) => {
    const one = await opened(address);
    expect(open).toHaveBeenCalledWith(expect.arrayContaining(['127.0.0.1']), 5_300, true);
    await vi.advanceTimersByTimeAsync(INTERVAL);
    expect(rebind).toHaveBeenCalledWith(expect.arrayContaining(['127.0.0.1']), true);
    await vi.advanceTimersByTimeAsync(INTERVAL);
    expect(rebind).toHaveBeenCalledTimes(2);
    await one.drain(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('that cannot be had now are tried again the next time', async () => {
    await opened('0.0.0.0');
    rebind.mockRejectedValueOnce(new Error('EMFILE'));
    await vi.advanceTimersByTimeAsync(INTERVAL);
    await vi.advanceTimersByTimeAsync(INTERVAL);
    expect(rebind).toHaveBeenCalledTimes(2);
  });

  test('are looked for no more where it drains in the middle of that', async () => {
    const one = await opened('0.0.0.0');
    const { promise, resolve } = Promise.withResolvers<Error[]>();
    rebind.mockReturnValue(promise);
    await vi.advanceTimersByTimeAsync(INTERVAL);
    const drained = one.drain(0);
    resolve([]);
    await drained;
    await vi.advanceTimersByTimeAsync(INTERVAL);
    expect(vi.getTimerCount()).toBe(0);
    expect(rebind).toHaveBeenCalledOnce();
  });

  test('keep no process', async () => {
    const timers = vi.spyOn(globalThis, 'setTimeout');
    await opened('0.0.0.0');
    expect(timers.mock.results.map(({ value }) => (value as NodeJS.Timeout).hasRef())).toEqual([false]);
  });

  test.each([
    ['one address is that alone', '127.0.0.1', 5_300],
    ['a port that nobody knows cannot be had again', '0.0.0.0', 0],
  ])('are not looked for: %s', async (_, address, port) => {
    await opened(address, port);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('have the port that the first one got', async () => {
    open.mockResolvedValue([{ address: '127.0.0.1', port: 5_301 }]);
    const one = await opened('0.0.0.0', 0);
    expect(one.bound).toEqual(['127.0.0.1:5301']);
    expect(vi.getTimerCount()).toBe(1);
  });

  test('are no matter of a socket that was given: it is taken as it is', async () => {
    const one = portOf([{ transport: 'udp', address: '0.0.0.0', port: 5_300, fd: 99 }]);
    await one.open({ address: '0.0.0.0', port: 5_300, reusePort: false });
    expect(open).toHaveBeenCalledWith(['0.0.0.0'], 5_300, false);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('what is sent to it', () => {
  const echo = async (name: string): Promise<number> => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    socket.on('message', (bytes, { port }) => socket.send(`${bytes} ${name}`, port, '127.0.0.1'));
    closers.push(() => socket.close());
    await once(socket, 'listening');
    return socket.address().port;
  };
  const asked = async (port: number): Promise<string> => {
    const socket = createSocket('udp4');
    closers.push(() => socket.close());
    socket.send('who', port, '127.0.0.1');
    const [bytes] = (await once(socket, 'message')) as [Buffer];
    return bytes.toString();
  };

  test('goes where the route says that is in place then', async () => {
    const rig = new PlaneRig();
    closers.push(() => rig.close());
    await rig.apply([
      listener('UDP'),
      ...backend(await echo('one')),
      ...backend(await echo('two'), 'b2'),
      rule('UDPRoute'),
    ]);
    expect(await asked(rig.port())).toBe('who one');
    await rig.apply([rule('UDPRoute', { backends: [{ backend: 'd/b2:80', weight: 1, filters: [] }] })]);
    expect(await asked(rig.port())).toBe('who two');
  });

  test('goes nowhere without one, which is counted for its listener', async () => {
    const rig = new PlaneRig();
    closers.push(() => rig.close());
    await rig.apply([listener('UDP'), rule('TCPRoute')]);
    const socket = createSocket('udp4');
    closers.push(() => socket.close());
    socket.send('who', rig.port(), '127.0.0.1');
    const rows = (): object[] =>
      rig.plane
        .metrics()
        .find(({ name }) => name === 'daemun_stream_ended_total')
        ?.series.map(({ labels }) => labels) ?? [];
    await vi.waitFor(() => expect(rows()).toEqual([{ protocol: 'udp', listener: 'd/g/l', reason: 'no_route' }]));
  });
});

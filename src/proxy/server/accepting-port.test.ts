/** What ports of connections have in common: their socket, who is turned away at it, and how they end. */
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Snapshot } from '../../config/index.ts';
import { compileTable, PlanCache } from '../route/index.ts';
import type { TroubleWatch } from '../state/index.ts';
import { HttpPort } from './http-port.ts';
import { listener } from './plane.suite.ts';
import type { PortContent } from './port.ts';
import { worldParts } from './world.suite.ts';
import { World } from './world.ts';

const contentOf = (...names: string[]): PortContent => {
  const listeners = names.map((name) => listener('HTTP', { name }));
  const table = compileTable({ listeners, rules: [], plans: new PlanCache() });
  return { listeners, rules: [], table, config: Snapshot.EMPTY };
};

const failed = vi.fn<TroubleWatch['failed']>();
let world: World;
let port: HttpPort;
const clients: net.Socket[] = [];
beforeEach(async () => {
  failed.mockClear();
  const { parts, settings } = worldParts();
  world = new World(parts, { ...settings, troubles: { failed } as unknown as TroubleWatch });
  port = new HttpPort(world, contentOf('l', 'm'));
  await port.open({ address: '127.0.0.1', port: 0, reusePort: false });
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await port.drain(0);
});

const bound = (): string => port.bound[0]!;
function connecting(where = bound()): net.Socket {
  const socket = net.connect(Number(where.split(':')[1]), '127.0.0.1').on('error', () => {});
  clients.push(socket);
  return socket;
}
const refused = (): number => world.stats.refusedFor('descriptors').value;

describe('where descriptors are short', () => {
  const few = (): void => void Object.assign(world, { descriptors: 0 });

  test('who comes is turned away without a word, and it is told of the first listener', async () => {
    few();
    let text = '';
    const client = connecting().on('data', (bytes: Buffer) => (text += bytes));
    await once(client, 'close');
    expect([text, refused(), world.connections.count]).toEqual(['', 1, 0]);
    expect(failed).toHaveBeenCalledExactlyOnceWith({ key: 'd/g/l', endpoint: bound() }, 'descriptors_short');
    port.prepare(contentOf('n'))();
    await once(connecting(), 'close');
    expect(failed).toHaveBeenLastCalledWith({ key: 'd/g/n', endpoint: bound() }, 'descriptors_short');
  });

  test('the first that is not for clients is none', async () => {
    const open = vi.spyOn(world.sockets, 'open');
    await port.drain(0);
    port = new HttpPort(world, contentOf('l'));
    await port.open({ address: '127.0.0.1', port: 0, reusePort: false });
    const take = open.mock.calls[0]![1];
    Object.assign(world, { descriptors: 100 });
    const close = vi.fn();
    take({ fd: 100, close } as never);
    expect([close.mock.calls.length, refused()]).toEqual([1, 1]);
  });

  test('who has a place is let in', async () => {
    const client = connecting();
    await once(client, 'connect');
    await vi.waitFor(() => expect(world.connections.count).toBe(1));
    expect([refused(), failed.mock.calls.length]).toEqual([0, 0]);
    client.destroy();
    await vi.waitFor(() => expect(world.connections.count).toBe(0));
  });
});

describe('the socket', () => {
  test('is taken over by a port that follows', async () => {
    const where = bound();
    const next = new HttpPort(world, contentOf('n'));
    expect(next.bound).toEqual([]);
    next.takeOver(port.release()!);
    expect([port.bound, next.bound, port.release()]).toEqual([[], [where], undefined]);
    Object.assign(world, { descriptors: 0 });
    await once(connecting(where), 'close');
    expect(failed).toHaveBeenCalledExactlyOnceWith({ key: 'd/g/n', endpoint: where }, 'descriptors_short');
    await next.drain(0);
  });

  test('is closed when the port stops, which tells how many live on', async () => {
    const where = bound();
    connecting();
    await vi.waitFor(() => expect(world.connections.count).toBe(1));
    expect(await port.stop()).toBe(1);
    expect(port.bound).toEqual([]);
    await expect(once(connecting(where), 'connect')).rejects.toThrow('ECONNREFUSED');
    expect(world.connections.count).toBe(1);
  });

  test('is closed when it drains', async () => {
    const where = bound();
    await port.drain(0);
    expect(port.bound).toEqual([]);
    await expect(once(connecting(where), 'connect')).rejects.toThrow('ECONNREFUSED');
  });

  test('takes who comes while the port waits for quiet', async () => {
    const stopped = port.stop();
    const all = Array.from({ length: 5 }, () => once(connecting(), 'connect'));
    await Promise.all(all);
    expect(await stopped).toBe(5);
  });
});

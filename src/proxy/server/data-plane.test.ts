/** What a data plane does by itself, and what it tells of itself, over real sockets. */
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Ack, ConfigObject, Delta, Policy } from '../../config/index.ts';
import { listening } from '../stream/rig.suite.ts';
import { backend, listener, PlaneRig, rule } from './plane.suite.ts';

/** Longer than a port that is taken is left alone. */
const WELL_LATER = 6_000;

const closers: Array<() => unknown> = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const close of closers.splice(0).reverse()) await close();
});

function rigOf(options?: ConstructorParameters<typeof PlaneRig>[0]): PlaneRig {
  const rig = new PlaneRig(options);
  closers.push(() => rig.close());
  return rig;
}

async function opened(server: net.Server): Promise<number> {
  closers.push(() => server.close());
  return listening(server);
}

function connects(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1');
  closers.push(() => socket.destroy());
  return new Promise((resolve) => socket.once('connect', () => resolve(true)).once('error', () => resolve(false)));
}

describe('a port that another process has', () => {
  /** Until it is given back. */
  const taken = async (): Promise<{ port: number; free(): Promise<void> }> => {
    const server = net.createServer();
    const port = await opened(server);
    const free = async (): Promise<void> => {
      server.close();
      await once(server, 'close');
    };
    return { port, free };
  };
  /** The data plane's time goes on; what it began of it is over. */
  const later = async (rig: PlaneRig): Promise<void> => {
    vi.advanceTimersByTime(WELL_LATER);
    await rig.plane.apply({ version: 1, upserts: [], removals: [] });
  };

  test('is tried again, which is told once it is ours, and is tried no more then', async () => {
    const { port, free } = await taken();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const acks: Ack[] = [];
    const rig = rigOf({ portMap: new Map([[80, port]]), onAck: (ack) => acks.push(ack) });
    expect((await rig.apply([listener('HTTP')])).listeners).toMatchObject([{ code: 'DMN_PORT_IN_USE' }]);
    await later(rig);
    await later(rig);
    expect(acks).toEqual([]);
    await free();
    await later(rig);
    expect(acks.map(({ version, rejected }) => [version, rejected])).toEqual([[1, []]]);
    expect(acks[0]!.listeners).toMatchObject([{ state: 'serving', bound: [`127.0.0.1:${port}`] }]);
    expect(vi.getTimerCount()).toBe(0);
    expect(await connects(port)).toBe(true);
  });

  test('is no endpoint once it is ours', async () => {
    const { port, free } = await taken();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const rig = rigOf({ portMap: new Map([[80, port]]) });
    const before = await rig.apply([listener('HTTP'), ...backend(port)]);
    expect('refusedEndpoints' in before).toBe(false);
    await free();
    vi.advanceTimersByTime(WELL_LATER);
    const after = await rig.apply([]);
    expect(after.refusedEndpoints).toMatchObject([{ key: 'd/b:80' }]);
  });

  test('is left alone by a data plane that drains', async () => {
    const { port, free } = await taken();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const rig = rigOf({ portMap: new Map([[80, port]]) });
    await rig.apply([listener('HTTP')]);
    await free();
    await rig.plane.drain(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is left alone where draining begins as its time has come', async () => {
    const { port, free } = await taken();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const rig = rigOf({ portMap: new Map([[80, port]]) });
    await rig.apply([listener('HTTP')]);
    await free();
    vi.advanceTimersByTime(WELL_LATER);
    const drained = rig.plane.drain(1_000);
    await later(rig);
    await drained;
    expect(await connects(port)).toBe(false);
  });
});

describe('deltas', () => {
  test('go on after one that nobody could read', async () => {
    const rig = rigOf();
    const unreadable = { version: 1, removals: [] } as unknown as Delta;
    await expect(rig.plane.apply(unreadable)).rejects.toThrow();
    expect((await rig.apply([listener('HTTP')])).listeners).toMatchObject([{ state: 'serving' }]);
  });

  test('that are under way when draining begins are answered first, and open nothing', async () => {
    const rig = rigOf();
    const order: string[] = [];
    const applied = rig.apply([listener('HTTP')]).then((ack) => {
      order.push('applied');
      return ack;
    });
    await rig.plane.drain(10_000).then(() => order.push('drained'));
    expect(order).toEqual(['applied', 'drained']);
    expect(await applied).toMatchObject({ version: 0, listeners: [] });
  });

  test('that bring a socket of ours which was an endpoint refuse it from then on', async () => {
    const free = net.createServer();
    const port = await opened(free);
    free.close();
    await once(free, 'close');
    const rig = rigOf({ portMap: new Map([[80, port]]) });
    expect('refusedEndpoints' in (await rig.apply(backend(port)))).toBe(false);
    expect((await rig.apply([listener('HTTP')])).refusedEndpoints).toMatchObject([{ key: 'd/b:80' }]);
    expect('refusedEndpoints' in (await rig.apply([], [{ kind: 'Listener', key: 'd/g/l' }]))).toBe(false);
  });
});

/** Answers are kept on a disk, where there is one. */
function onDisk(): Policy {
  const bounds = { maxObjectBytes: 1, maxBytes: 1, maxDiskBytes: 1 };
  const times = { defaultTtl: 0, staleWhileRevalidate: 0, staleIfError: 0 };
  const settings = { ...bounds, ...times, keyHeaders: [], generation: '' };
  const target = { kind: 'Listener' as const, key: 'd/g/l' };
  return {
    kind: 'Policy',
    key: 'Cache/d/g/l',
    type: 'Cache',
    target,
    spec: { acts: [{ source: 'CachePolicy/d/c', holds: 'Default', settings }] },
  };
}

test('what it lacks is told for as long as somebody asks for it', async () => {
  const rig = rigOf();
  expect('shortfalls' in (await rig.apply([listener('HTTP')]))).toBe(false);
  const { shortfalls } = await rig.apply([onDisk()]);
  expect(shortfalls).toMatchObject([{ policy: 'CachePolicy/d/c', message: expect.stringContaining('--cache-path') }]);
  expect('shortfalls' in (await rig.apply([], [{ kind: 'Policy', key: 'Cache/d/g/l' }]))).toBe(false);
});

describe('its metrics', () => {
  const valueOf = (rig: PlaneRig, name: string): number | undefined =>
    rig.plane.metrics().find((one) => one.name === name)?.series[0]?.value;

  test('say which config is served, and since when', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_700_000_000_500 });
    const rig = rigOf();
    await rig.apply([listener('HTTP')]);
    vi.setSystemTime(1_700_000_060_000);
    await rig.apply([rule('HTTPRoute')]);
    expect(valueOf(rig, 'daemun_config_version')).toBe(2);
    expect(valueOf(rig, 'daemun_config_applied_timestamp_seconds')).toBe(1_700_000_060);
  });

  test('have families of backends, of abuse over HTTP/2, and of what policies remember', async () => {
    const rig = rigOf();
    await rig.apply([listener('HTTP'), rule('HTTPRoute'), ...backend(1)]);
    const names = rig.plane.metrics().map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(['daemun_backend_endpoints', 'daemun_http2_abuse_total', 'daemun_cache_bytes']),
    );
  });
});

test('connections to backends that are kept for the next request end with it', async () => {
  const server = http.createServer((_request, response) => response.end('served'));
  const objects: ConfigObject[] = [listener('HTTP'), rule('HTTPRoute'), ...backend(await opened(server))];
  const rig = rigOf();
  await rig.apply(objects);
  const answer = await fetch(`http://127.0.0.1:${rig.port()}/`, { headers: { connection: 'close' } });
  expect(await answer.text()).toBe('served');
  const count = (): Promise<number> => new Promise((resolve) => server.getConnections((_, open) => resolve(open)));
  expect(await count()).toBe(1);
  await rig.plane.drain(1_000);
  await expect.poll(count).toBe(0);
});

test('its clock goes, so that who begins a request and says no more is told', async () => {
  const rig = rigOf({ limits: { headTimeout: 100 } });
  await rig.apply([listener('HTTP')]);
  const socket = net.connect(rig.port(), '127.0.0.1').on('error', () => {});
  closers.push(() => socket.destroy());
  socket.write('GET / HTTP/1.1\r\nHost: a');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 408 /);
});

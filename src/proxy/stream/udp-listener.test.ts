import dgram from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type AccessEntry, Metrics } from '../../observe/index.ts';
import { DrainSet } from '../ground/drain.ts';
import { type DatagramLayer, type DatagramSink, type DatagramSocket, MAX_DATAGRAM } from './datagram.ts';
import { localAddresses } from './local-addresses.ts';
import { NODE_DATAGRAMS } from './node-datagram.ts';
import { closedPort, ListPicker, local, ManualTime, planTo, ruleOf } from './rig.suite.ts';
import type { SocketAddress } from './socket-address.ts';
import { type StreamLimits, streamLimits } from './stream-limits.ts';
import { StreamMeter } from './stream-meter.ts';
import { compileStreamPlan, type StreamPlan } from './stream-plan.ts';
import { UdpListener } from './udp-listener.ts';

const closers: Array<() => void> = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function socketOn(address: string): Promise<dgram.Socket & { port: number }> {
  const socket = dgram.createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 1024 * 1024 });
  socket.on('error', () => {});
  socket.bind(0, address);
  await once(socket, 'listening');
  closers.push(() => socket.close());
  return Object.assign(socket, { port: (socket.address() as AddressInfo).port });
}

/** Answers each datagram with its name and the datagram. */
async function echo(name = ''): Promise<number> {
  const socket = await socketOn('127.0.0.1');
  socket.on('message', (bytes, from) =>
    socket.send(Buffer.concat([Buffer.from(name), bytes]), from.port, from.address),
  );
  return socket.port;
}

async function ask(socket: dgram.Socket, port: number, bytes: string | Buffer, address = '127.0.0.1') {
  const answer = once(socket, 'message') as Promise<[Buffer, dgram.RemoteInfo]>;
  socket.send(bytes, port, address);
  const [data, from] = await answer;
  return { data, from };
}

function rig(plan: StreamPlan | undefined, limits: Partial<StreamLimits> = {}, layer: DatagramLayer = NODE_DATAGRAMS) {
  const time = new ManualTime();
  const entries: AccessEntry[] = [];
  const metrics = new Metrics();
  const meter = new StreamMeter(metrics, (entry) => entries.push(entry));
  const live = new DrainSet();
  const options = { layer, wheel: time.wheel, limits: streamLimits(limits), meter, live, listener: 'ns/gw/dns' };
  const listener = new UdpListener(options, plan);
  closers.push(() => listener.close());
  const dropped = (reason: string) =>
    metrics
      .snapshot()
      .find((family) => family.name === 'daemun_stream_ended_total')
      ?.series.find((series) => series.labels.reason === reason)?.value ?? 0;
  return { listener, time, entries, dropped };
}

describe('UDP sessions over real sockets', () => {
  it('carry datagrams both ways, each client to its own', async () => {
    const { listener, entries } = rig(planTo([await echo('>')]));
    const [{ port }] = (await listener.open(['127.0.0.1'], 0)) as [SocketAddress];
    const clients = [await socketOn('127.0.0.1'), await socketOn('127.0.0.1')];
    for (const [i, client] of clients.entries()) {
      expect((await ask(client, port, `one ${i}`)).data.toString()).toBe(`>one ${i}`);
      expect((await ask(client, port, `two ${i}`)).data.toString()).toBe(`>two ${i}`);
    }
    expect(listener.sessions).toBe(2);
    listener.close();
    expect(entries).toHaveLength(2);
    expect(entries[0]).toMatchObject({ protocol: 'udp', bytesIn: 10, bytesOut: 12, reason: 'drained' });
  });

  it('carry datagrams of every size, from nothing to the largest', async () => {
    const { listener } = rig(planTo([await echo()]));
    const [{ port }] = (await listener.open(['127.0.0.1'], 0)) as [SocketAddress];
    const client = await socketOn('127.0.0.1');
    for (const size of [0, 1, 1500, 9000, 65_507]) {
      const bytes = Buffer.alloc(size, 'abcdefg');
      expect((await ask(client, port, bytes)).data.equals(bytes)).toBe(true);
    }
    expect(MAX_DATAGRAM).toBeLessThan(64 * 1024);
  });

  it('answer from the address that was asked', async () => {
    const { listener } = rig(planTo([await echo()]));
    const bound = await listener.open(['127.0.0.1', '127.0.0.2'], 0);
    expect(new Set(bound.map(({ port }) => port)).size).toBe(1);
    const client = await socketOn('127.0.0.1');
    for (const { address, port } of bound) {
      expect((await ask(client, port, 'x', address)).from.address).toBe(address);
    }
    expect(listener.sessions).toBe(2);
  });

  it('work over IPv6', async () => {
    const { listener } = rig(planTo([await echo()]));
    const [{ port }] = (await listener.open(['::1'], 0)) as [SocketAddress];
    const client = await socketOn('::1');
    expect((await ask(client, port, 'six', '::1')).data.toString()).toBe('six');
  });

  it('go to another endpoint after one refused', async () => {
    const plan = planTo([await closedPort(), await echo()]);
    const { listener, entries } = rig(plan);
    const [{ port }] = (await listener.open(['127.0.0.1'], 0)) as [SocketAddress];
    const client = await socketOn('127.0.0.1');
    client.send('lost', port, '127.0.0.1');
    await expect.poll(() => entries.length).toBe(1);
    expect(entries[0]!.reason).toBe('connect_refused');
    expect((await ask(client, port, 'again')).data.toString()).toBe('again');
    expect(plan.picker.released).toHaveLength(1);
  });

  it('are divided by weight exactly', async () => {
    const ports = [await echo('a'), await echo('b')];
    const pickers = ports.map((port) => new ListPicker([local(port)]));
    const rule = ruleOf({
      route: { kind: 'UDPRoute', namespace: 'ns', name: 'dns' },
      backends: [
        { backend: 'ns/a:53', weight: 1, filters: [] },
        { backend: 'ns/b:53', weight: 3, filters: [] },
      ],
    });
    const plan = compileStreamPlan(rule, 'ns/gw/dns', (key) => ({ key, picker: pickers[key === 'ns/a:53' ? 0 : 1]! }));
    const { listener } = rig(plan);
    const [{ port }] = (await listener.open(['127.0.0.1'], 0)) as [SocketAddress];
    let answers = '';
    for (let i = 0; i < 12; i++) {
      const client = await socketOn('127.0.0.1');
      const first = (await ask(client, port, '')).data.toString();
      expect((await ask(client, port, '')).data.toString()).toBe(first);
      answers += first;
    }
    expect([...answers].filter((answer) => answer === 'a')).toHaveLength(3);
  });

  it('rejects with the system error where an address is taken, and leaves nothing bound', async () => {
    const taken = await socketOn('127.0.0.1');
    const { listener } = rig(undefined);
    await expect(listener.open(['127.0.0.2', '127.0.0.1'], taken.port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    const again = rig(undefined);
    await again.listener.open(['127.0.0.2'], taken.port);
  });
});

describe('a UDP listener on a wildcard', () => {
  it('follows the addresses of the machine, and keeps the sessions of those that stay', async () => {
    const { listener } = rig(planTo([await echo()]));
    const [{ port }] = (await listener.open(['127.0.0.1', '127.0.0.2'], 0)) as [SocketAddress];
    const [stays, goes] = [await socketOn('127.0.0.1'), await socketOn('127.0.0.1')];
    await ask(stays, port, 'x', '127.0.0.1');
    await ask(goes, port, 'x', '127.0.0.2');
    expect(listener.sessions).toBe(2);
    const errors = await listener.rebind(['127.0.0.1', '127.0.0.3', '192.0.2.1']);
    expect(errors).toMatchObject([{ code: 'EADDRNOTAVAIL' }]);
    expect(listener.sessions).toBe(1);
    await ask(stays, port, 'x', '127.0.0.1');
    expect((await ask(goes, port, 'x', '127.0.0.3')).from.address).toBe('127.0.0.3');
  });
});

/** Counts sockets instead of opening them; tests deliver datagrams themselves. */
class FakeDatagrams implements DatagramLayer {
  front: DatagramSink | undefined;
  replies: string[] = [];
  readonly open = new Map<FakeSocket, DatagramSink>();
  most = 0;

  async bind(target: SocketAddress, sink: DatagramSink): Promise<DatagramSocket> {
    this.front = sink;
    const send = (bytes: Buffer, port?: number, address?: string) =>
      void this.replies.push(`${address}:${port} ${bytes}`);
    return { send, close() {}, local: target };
  }

  connect(peer: SocketAddress, sink: DatagramSink): DatagramSocket {
    const socket = new FakeSocket(this, peer);
    this.open.set(socket, sink);
    this.most = Math.max(this.most, this.open.size);
    return socket;
  }

  from(client: number, text = 'x'): void {
    const address = `10.${(client >> 16) & 255}.${(client >> 8) & 255}.${client & 255}`;
    this.front!.onDatagram(Buffer.from(text), { address, port: 5353 });
  }
}

class FakeSocket implements DatagramSocket {
  readonly local: SocketAddress;
  readonly #layer: FakeDatagrams;

  constructor(layer: FakeDatagrams, peer: SocketAddress) {
    this.#layer = layer;
    this.local = peer;
  }

  /** Every datagram is answered with itself, at once. */
  send(bytes: Buffer): void {
    if (bytes.length > 1) this.#layer.open.get(this)?.onDatagram(bytes, this.local);
  }

  close(): void {
    this.#layer.open.delete(this);
  }
}

async function fakeRig(limits: Partial<StreamLimits>) {
  const layer = new FakeDatagrams();
  const all = rig(planTo([53]), limits, layer);
  await all.listener.open(['192.0.2.1'], 53);
  return { ...all, layer };
}

describe('the session table', () => {
  it('stays bounded under 20,000 forged sources, and keeps the sessions of clients that answered', async () => {
    const { listener, layer, entries } = await fakeRig({ maxSessions: 100 });
    for (let client = 0; client < 40; client++) {
      layer.from(client, 'hello');
      layer.from(client, 'again');
    }
    for (let client = 1_000; client < 21_000; client++) layer.from(client);
    expect(listener.sessions).toBe(100);
    expect(layer.most).toBeLessThanOrEqual(100);
    expect(layer.open.size).toBe(100);
    layer.replies = [];
    for (let client = 0; client < 40; client++) layer.from(client, 'still here');
    expect(layer.replies).toHaveLength(40);
    expect(listener.sessions).toBe(100);
    expect(entries.filter((entry) => entry.reason === 'evicted')).toHaveLength(20_000 - 60);
  });

  it('drops new clients where all others are real and not idle, and makes room once one is', async () => {
    const { listener, layer, time, dropped } = await fakeRig({ maxSessions: 2, sessionEvictAfter: 1_000 });
    for (const client of [1, 2, 1, 2]) layer.from(client, 'hello');
    layer.from(3, 'hello');
    expect(dropped('limit')).toBe(1);
    time.pass(600);
    layer.from(1, 'hello');
    time.pass(600);
    layer.replies = [];
    layer.from(3, 'hello');
    layer.from(1, 'hello');
    expect(layer.replies).toEqual(['10.0.0.3:5353 hello', '10.0.0.1:5353 hello']);
    expect(listener.sessions).toBe(2);
  });

  it('forgets a session after the idle timeout, counted from the last datagram of either side', async () => {
    const { listener, layer, time, entries } = await fakeRig({ sessionIdleTimeout: 10_000 });
    layer.from(1);
    time.pass(9_000);
    for (const [, sink] of layer.open) sink.onDatagram(Buffer.from('late'), { address: '', port: 0 });
    time.pass(9_000);
    expect(listener.sessions).toBe(1);
    time.pass(1_100);
    expect(listener.sessions).toBe(0);
    expect(layer.open.size).toBe(0);
    expect(entries[0]).toMatchObject({ reason: '', bytesIn: 1, bytesOut: 4 });
  });

  it('drains: drops new clients and waits for the sessions under way', async () => {
    const { listener, layer, time, dropped } = await fakeRig({ sessionIdleTimeout: 10_000 });
    layer.from(1);
    const drained = listener.drain(60_000);
    layer.from(2);
    expect(dropped('drained')).toBe(1);
    time.pass(10_100);
    await drained;
    expect(listener.sessions).toBe(0);
  });

  it('ends what is left when the time to drain is over', async () => {
    const { listener, layer, entries } = await fakeRig({});
    layer.from(1);
    await listener.drain(1);
    expect(entries[0]!.reason).toBe('drained');
    expect(layer.open.size).toBe(0);
  });

  it('makes no session where there is nobody to send to', async () => {
    const { listener, layer, dropped } = await fakeRig({});
    listener.plan = undefined;
    layer.from(1);
    listener.plan = planTo([]);
    layer.from(1);
    listener.plan = { ...planTo([]), next: () => undefined };
    layer.from(1);
    expect([dropped('no_route'), dropped('no_endpoint'), dropped('no_backend')]).toEqual([1, 1, 1]);
    expect(listener.sessions).toBe(0);
  });
});

describe('the addresses that stand for a wildcard', () => {
  const info = (address: string, family: 'IPv4' | 'IPv6') => ({
    address,
    family,
    internal: false,
    netmask: '',
    mac: '',
    cidr: null,
    scopeid: 0,
  });
  const interfaces = {
    lo: [info('127.0.0.1', 'IPv4'), info('::1', 'IPv6')],
    eth0: [info('192.0.2.1', 'IPv4'), info('fe80::1', 'IPv6')],
  };

  it.each([
    ['0.0.0.0', ['127.0.0.1', '192.0.2.1']],
    ['::', ['127.0.0.1', '::1', '192.0.2.1', 'fe80::1%eth0']],
    ['198.51.100.7', ['198.51.100.7']],
  ])('%s', (asked, expected) => {
    expect(localAddresses(asked, { interfaces: interfaces as never })).toEqual(expected);
  });

  it(':: beside 0.0.0.0', () => {
    expect(localAddresses('::', { ipv6Only: true, interfaces: interfaces as never })).toEqual(['::1', 'fe80::1%eth0']);
  });
});

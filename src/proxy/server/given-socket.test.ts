/** Sockets that were opened before the process began, at its end. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { GivenSocket } from '../listen/index.ts';
import { listener, PlaneRig, rule } from './plane.suite.ts';

interface Raw {
  readonly fd: number;
  bind(address: string, port: number, flags: number): number;
  getsockname(name: { port?: number }): number;
  close(): void;
}
type RawKind = new (kind: number) => Raw;

/** Node's own, which give a descriptor that no event loop looks at. */
const bindings = process as unknown as { binding(name: 'tcp_wrap' | 'udp_wrap'): { TCP: RawKind; UDP: RawKind } };
const SERVER = 1;

/** Held, so that its descriptor is not given back before the process under test has ended. */
const held: Raw[] = [];

function given(transport: GivenSocket['transport']): GivenSocket {
  const raw =
    transport === 'tcp' ? new (bindings.binding('tcp_wrap').TCP)(SERVER) : new (bindings.binding('udp_wrap').UDP)(0);
  held.push(raw);
  expect(raw.bind('127.0.0.1', 0, 0)).toBe(0);
  const name: { port?: number } = {};
  raw.getsockname(name);
  return { transport, address: '127.0.0.1', port: name.port!, fd: raw.fd };
}

let rig: PlaneRig;
afterEach(() => rig.close());

async function serve(socket: GivenSocket, protocol: 'HTTP' | 'UDP'): Promise<void> {
  rig = new PlaneRig({ given: [socket], portMap: new Map([[80, socket.port]]) });
  await rig.apply([listener(protocol), rule('HTTPRoute')]);
  expect(rig.state()).toMatchObject({ state: 'serving', bound: [`127.0.0.1:${socket.port}`] });
}

test('none takes connections once all drains, though requests are still under way', async () => {
  const socket = given('tcp');
  await serve(socket, 'HTTP');
  const client = net.connect(socket.port, '127.0.0.1').on('error', () => {});
  client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf');
  await once(client, 'connect');
  const drained = rig.plane.drain(5_000);
  await new Promise((resolve) => setImmediate(resolve));
  const late = net.connect(socket.port, '127.0.0.1');
  await expect(once(late, 'connect')).rejects.toThrow('ECONNREFUSED');
  client.destroy();
  await drained;
});

test('one of datagrams is given back when all have drained', async () => {
  const socket = given('udp');
  await serve(socket, 'UDP');
  await rig.plane.drain(1_000);
  const next = createSocket('udp4').bind(socket.port, '127.0.0.1');
  await once(next, 'listening');
  next.close();
});

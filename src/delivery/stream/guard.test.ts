/** Who is not let in to the config stream, and what nobody may do there. */
import { connect as connectTcp, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { HELLO, StreamPeer } from '../../../test/stream-peer.ts';
import { RIG_GATEWAY, RIG_SERVER_NAME, StreamRig, type StreamRigOptions } from '../../../test/stream-rig.ts';
import { Authority } from '../../../test/tls/authority.ts';
import type { Delta } from '../../config/index.ts';
import { createLog } from '../../observe/index.ts';
import { MAX_FRAME, MAX_UNSENT } from './channel.ts';
import { StreamClient, type StreamClientOptions } from './index.ts';
import { MAX_TEXT } from './reading.ts';
import { MAX_REMEMBERED } from './remembered.ts';
import { MAX_DATA_PLANES } from './remote-fleet.ts';
import { MAX_UNKNOWN } from './server.ts';
import { MAX_HELD, MAX_HELLO } from './server-session.ts';

const log = await createLog({ level: 'silent', format: 'json' });
const closing: Array<() => Promise<void> | void> = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function rigOf(options: StreamRigOptions = {}): Promise<StreamRig> {
  const rig = await StreamRig.start(options);
  closing.push(() => rig.close());
  return rig;
}

async function peerOf(rig: StreamRig, times?: { ping: number; silence: number }): Promise<StreamPeer> {
  const peer = await StreamPeer.open(rig, times);
  closing.push(() => peer.close());
  return peer;
}

/** One that is let in and has its config. */
async function knownPeer(rig: StreamRig, hello: object = HELLO): Promise<StreamPeer> {
  const peer = await peerOf(rig);
  peer.say(hello);
  await vi.waitFor(() => expect(peer.of('welcome')).toHaveLength(1));
  peer.say({ type: 'holds', objects: [], last: true });
  await vi.waitFor(() => expect(peer.of('piece')).toHaveLength(1));
  return peer;
}

function clientOf(rig: StreamRig, options: Partial<StreamClientOptions>): { whys: string[]; deltas: Delta[] } {
  const whys: string[] = [];
  const deltas: Delta[] = [];
  const client = new StreamClient({
    ...rig.access,
    name: 'pod-a',
    version: '0.0.0',
    onDelta: (delta) => deltas.push(delta),
    onState: ({ why }) => whys.push(why),
    times: { first: 5, longest: 20 },
    log,
    ...options,
  });
  closing.push(() => client.close());
  return { whys, deltas };
}

describe('a data plane', () => {
  test('takes no config from a controller of another authority', async () => {
    const rig = await rigOf();
    const other = await Authority.make('Other Root');
    const { whys, deltas } = clientOf(rig, { ca: () => other.certificate });
    await vi.waitFor(() => expect(whys.join()).toMatch(/unable to verify|self-signed|issuer/));
    expect(deltas).toEqual([]);
  });

  test('nor from one whose certificate is for another name', async () => {
    const rig = await rigOf();
    const { whys, deltas } = clientOf(rig, { serverName: 'elsewhere.test' });
    await vi.waitFor(() => expect(whys.join()).toMatch(/does not match certificate's altnames/));
    expect(deltas).toEqual([]);
  });

  test('connects once its authority is known, since it is asked for each time', async () => {
    const rig = await rigOf();
    let ca = (await Authority.make('Other Root')).certificate;
    const { whys, deltas } = clientOf(rig, { ca: () => ca });
    await vi.waitFor(() => expect(whys.length).toBeGreaterThan(1));
    ca += `\n${rig.access.ca()}`;
    await vi.waitFor(() => expect(deltas).toHaveLength(1));
  });

  test('with a token that nobody knows is refused, and let in when it is known', async () => {
    const rig = await rigOf();
    const { whys, deltas } = clientOf(rig, { token: () => 'new' });
    await vi.waitFor(() => expect(whys).toContain('refused (token): the token is not known'));
    expect(deltas).toEqual([]);
    rig.tokens.set('new', { gateway: RIG_GATEWAY });
    await vi.waitFor(() => expect(deltas).toHaveLength(1));
  });

  test('that is refused again and again is told once', async () => {
    const warnings: string[] = [];
    const rig = await rigOf({ log: { ...log, warn: (_, text) => void warnings.push(text) } });
    const { whys } = clientOf(rig, { token: () => 'nobody’s' });
    await vi.waitFor(() => expect(whys.filter((why) => why.startsWith('refused')).length).toBeGreaterThan(4));
    expect(warnings).toEqual(['data plane refused: the token is not known']);
  });

  test('whose token cannot be read tries again', async () => {
    const rig = await rigOf();
    let tries = 0;
    const token = (): string => {
      if (tries++ < 3) throw new Error('no such file');
      return rig.access.token();
    };
    const { whys, deltas } = clientOf(rig, { token });
    await vi.waitFor(() => expect(deltas).toHaveLength(1));
    expect(whys[0]).toBe('no such file');
  });

  test('does not wait for ever for a controller that says nothing', async () => {
    const rig = await rigOf();
    rig.hold = new Promise(() => {});
    const { whys } = clientOf(rig, { times: { welcome: 50, first: 5, longest: 20 } });
    await vi.waitFor(() => expect(whys).toContain('the controller does not answer'));
  });

  test('is told nothing of what went wrong in the controller', async () => {
    const rig = await rigOf();
    rig.hold = Promise.reject(new Error('10.0.0.1: certificate of the API server'));
    rig.hold.catch(() => {});
    const { whys } = clientOf(rig, {});
    await vi.waitFor(() => expect(whys).toContain('refused (busy): it cannot be told now who this is'));
  });
});

describe('versions', () => {
  test('a data plane one version ahead speaks the older protocol', async () => {
    const rig = await rigOf();
    const peer = await knownPeer(rig, { ...HELLO, protocol: 2, version: '0.2.0', knowsBetter: true });
    expect(peer.of('welcome')[0]).toMatchObject({ protocol: 1 });
  });

  test('one that speaks it no longer is refused, and told what to do', async () => {
    const rig = await rigOf();
    const peer = await peerOf(rig);
    peer.say({ ...HELLO, protocol: 3, oldest: 2, version: '0.3.0' });
    await vi.waitFor(() => expect(peer.of('refused')).toHaveLength(1));
    expect(peer.of('refused')[0]).toMatchObject({
      code: 'protocol',
      message: 'daemun 0.3.0 speaks protocol 2 to 3, this controller 1: bring them to versions at most one minor apart',
    });
  });

  test('messages and members that are not known are passed over', async () => {
    const rig = await rigOf();
    const peer = await knownPeer(rig);
    peer.say({ type: 'weather', wind: 'north' });
    peer.say({ type: 'ack', version: 1, mood: 'good', listeners: [], rejected: [] });
    await vi.waitFor(() => expect(rig.gateway().acks).toHaveLength(1));
    expect(rig.gateway().acks[0]).toEqual({ version: 1, proxy: 'raw', rejected: [], listeners: [] });
    expect(peer.end).toBeUndefined();
  });
});

describe('a connection ends', () => {
  test.each([
    ['that says nothing', (_peer: StreamPeer) => {}],
    ['whose first message is another', (peer: StreamPeer) => peer.say({ type: 'ack', version: 1 })],
    ['that holds before it is welcome', (peer: StreamPeer) => peer.say({ type: 'holds', objects: [], last: true })],
    ['whose hello lacks a token', (peer: StreamPeer) => peer.say({ ...HELLO, token: undefined })],
    ['whose hello is too long', (peer: StreamPeer) => peer.say({ ...HELLO, token: 'x'.repeat(MAX_HELLO) })],
    ['whose name is too long', (peer: StreamPeer) => peer.say({ ...HELLO, proxy: 'x'.repeat(MAX_TEXT + 1) })],
    ['that speaks HTTP', (peer: StreamPeer) => peer.socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')],
    ['that says no JSON', (peer: StreamPeer) => peer.socket.write(Buffer.from([0, 0, 0, 2, 0x7b, 0x7b]))],
    ['that says null', (peer: StreamPeer) => peer.socket.write(Buffer.from('\0\0\0\u0004null'))],
  ])('%s', async (_, does) => {
    const rig = await rigOf({ times: { hello: 100 } });
    const peer = await peerOf(rig);
    does(peer);
    await vi.waitFor(() => expect(peer.end).toBeDefined());
    expect(peer.heard).toEqual([]);
  });

  test.each([
    ['says hello again', HELLO],
    ['acknowledges no version', { type: 'ack', version: 'last' }],
    ['rejects nothing that can be named', { type: 'ack', version: 1, rejected: [{ kind: '' }] }],
    ['says again what it holds', { type: 'holds', objects: [], last: true }],
  ])('of a known one that %s', async (_, message) => {
    const rig = await rigOf();
    const peer = await knownPeer(rig);
    peer.say(message);
    await vi.waitFor(() => expect(peer.end).toBeDefined());
    expect(rig.gateway().acks).toEqual([]);
  });

  test('of a known one that announces more than a message may have', async () => {
    const rig = await rigOf();
    const peer = await knownPeer(rig);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(MAX_FRAME + 1);
    peer.socket.write(length);
    await vi.waitFor(() => expect(peer.end).toBeDefined());
  });

  test('of one that holds more objects than there can be', async () => {
    const rig = await rigOf();
    const peer = await peerOf(rig);
    peer.say(HELLO);
    await vi.waitFor(() => expect(peer.of('welcome')).toHaveLength(1));
    for (let from = 0; from <= MAX_HELD; from += 100_000) {
      const objects = Array.from({ length: 100_000 }, (_, i) => [`${from + i}`, '']);
      peer.say({ type: 'holds', objects, last: false });
    }
    await vi.waitFor(() => expect(peer.end).toBeDefined(), { timeout: 10_000 });
    expect(rig.fleets.at(RIG_GATEWAY)?.connected).toBe(0);
  });

  test.each([
    ['holds', { type: 'holds', objects: [['Backend/a/one', 'hash']], last: false }],
    ['acknowledges', { type: 'ack', version: 1, rejected: [], listeners: [{ key: 'a', state: 'serving', bound: [] }] }],
  ])('of one that %s more than the data planes of its Gateway together may', async (what, message) => {
    const rig = await rigOf();
    const peer = await peerOf(rig);
    peer.say(HELLO);
    await vi.waitFor(() => expect(peer.of('welcome')).toHaveLength(1));
    if (what !== 'holds') peer.say({ type: 'holds', objects: [], last: true });
    const { remembered } = rig.fleets.at(RIG_GATEWAY)!;
    remembered.note('others', MAX_REMEMBERED);
    peer.say(message);
    await vi.waitFor(() => expect(peer.end).toBeDefined());
    // There is room again once the others have gone.
    remembered.note('others', 0);
    await knownPeer(rig);
  });

  test('of a data plane beyond what a Gateway has at one controller, which is told why', async () => {
    const rig = await rigOf();
    const fleet = rig.fleets.at(RIG_GATEWAY)!;
    for (let i = 0; i < MAX_DATA_PLANES; i++) expect(fleet.enter()).toBe(true);
    const { whys, deltas } = clientOf(rig, {});
    await vi.waitFor(() => expect(whys.join()).toContain(`has ${MAX_DATA_PLANES} data planes at this controller`));
    expect(deltas).toEqual([]);
    fleet.exit();
    await vi.waitFor(() => expect(deltas).toHaveLength(1));
  });

  test('of one that is silent for too long, at either end', async () => {
    const rig = await rigOf({ times: { ping: 20, silence: 100 } });
    const dead = await knownPeer(rig);
    // It reads no more, and so hears no end: what it would send is not sent either.
    const deaf = await peerOf(rig, { ping: 20, silence: 100 });
    const sign = vi.spyOn(dead.socket, 'write').mockReturnValue(true);
    await vi.waitFor(() => expect(dead.end).toBeDefined());
    expect(rig.fleets.at(RIG_GATEWAY)?.connected).toBe(0);
    sign.mockRestore();
    deaf.socket.pause();
    await vi.waitFor(() => expect(deaf.end).toMatch(/nothing was heard/));
  });

  test('of one that gives signs of life, never', async () => {
    const rig = await rigOf({ times: { ping: 20, silence: 100 } });
    const { deltas, whys } = clientOf(rig, { times: { ping: 20, silence: 100 } });
    await vi.waitFor(() => expect(deltas).toHaveLength(1));
    const until = performance.now() + 400;
    await vi.waitFor(() => expect(performance.now()).toBeGreaterThan(until));
    expect(whys).toEqual(['']);
  });

  test('of one that takes no piece', async () => {
    const rig = await rigOf({ times: { taking: 50 } });
    const peer = await knownPeer(rig);
    await vi.waitFor(() => expect(peer.end).toBeDefined());
    expect(rig.fleets.at(RIG_GATEWAY)?.connected).toBe(0);
  });

  test('of one that says it takes everything, and reads nothing', async () => {
    const rig = await rigOf();
    const peer = await knownPeer(rig);
    peer.socket.pause();
    const pem = 'x'.repeat(1024 * 1024);
    let sent = 0;
    const isThere = (): boolean => rig.fleets.at(RIG_GATEWAY)!.connected > 0;
    for (; isThere() && sent < 20 * (MAX_UNSENT >> 20); sent++) {
      peer.say({ type: 'taken' });
      rig.gateway().put({ kind: 'TrustBundle', key: 'a/one', pem: `${sent}${pem}` });
      for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    }
    expect(isThere()).toBe(false);
  });
});

test('nobody who is known waits for those who do not say who they are', async () => {
  const rig = await rigOf();
  const { address, ca } = rig.access;
  const idle: Socket[] = [];
  closing.push(() => idle.forEach((socket) => void socket.destroy()));
  let closed = 0;
  const begun = clientOf(rig, {});
  await vi.waitFor(() => expect(begun.deltas).toHaveLength(1));
  // Some end their handshake, others do not even begin it.
  for (let i = 0; i < MAX_UNKNOWN + 10; i++) {
    const socket: Socket = i % 2 ? connectTcp(address) : connect({ ...address, ca: ca(), servername: RIG_SERVER_NAME });
    socket.on('error', () => {}).on('close', () => closed++);
    idle.push(socket);
    if (i % 32 === 0) await new Promise((resolve) => socket.once('secureConnect', resolve).once('close', resolve));
  }
  await vi.waitFor(() => expect(closed).toBe(10), { timeout: 10_000 });
  rig.gateway().put({ kind: 'TrustBundle', key: 'a/one', pem: 'p' });
  await vi.waitFor(() => expect(begun.deltas).toHaveLength(2));
  for (const socket of idle) socket.destroy();
  const later = clientOf(rig, { name: 'pod-b' });
  await vi.waitFor(() => expect(later.deltas).toHaveLength(1));
  // One without TLS is nobody.
  const plain = connectTcp(address);
  const ended = new Promise((resolve) => plain.once('close', resolve));
  plain.on('error', () => {}).write('GET / HTTP/1.1\r\n\r\n');
  await ended;
});

test('one that opens connections and says nothing keeps nobody else out who does not', async () => {
  const rig = await rigOf();
  const { address } = rig.access;
  const idle: Socket[] = [];
  closing.push(() => idle.forEach((socket) => void socket.destroy()));
  let closed = 0;
  for (let i = 0; i < MAX_UNKNOWN + 10; i++) {
    const socket = connectTcp({ ...address, localAddress: '127.0.0.2' });
    socket.on('error', () => {}).on('close', () => closed++);
    idle.push(socket);
    if (i % 32 === 0) await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
  }
  await vi.waitFor(() => expect(closed).toBe(10), { timeout: 10_000 });
  const { deltas } = clientOf(rig, {});
  await vi.waitFor(() => expect(deltas).toHaveLength(1));
  // No more than it takes.
  expect(closed).toBe(11);
});

test('a controller that ends waits for nobody who does not say who it is', async () => {
  const rig = await rigOf();
  const { address } = rig.access;
  const plain = connectTcp(address);
  closing.push(() => void plain.destroy());
  plain.on('error', () => {});
  await new Promise((resolve) => plain.once('connect', resolve));
  const peer = await peerOf(rig);
  const began = performance.now();
  await rig.stop();
  expect(performance.now() - began).toBeLessThan(5000);
  await vi.waitFor(() => expect(peer.end).toBeDefined());
  await rig.listen();
});

/** A data plane that is known, and says more than it is asked: it costs the controller little, and the others nothing. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { HELLO, StreamPeer } from '../../../test/stream-peer.ts';
import { StreamRig, type StreamRigOptions } from '../../../test/stream-rig.ts';
import type { ConfigObject } from '../../config/index.ts';
import { createLog } from '../../observe/index.ts';
import { frame } from './channel.ts';
import { HEADER, Inbox } from './inbox.ts';
import { StreamClient } from './index.ts';
import { ACK_LIMIT, ADDRESS_CONNECTION_LIMIT, MESSAGE_LIMIT, SUBSCRIPTION_LIMIT } from './session-allowance.ts';

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

async function knownPeer(rig: StreamRig, proxy = 'raw'): Promise<StreamPeer> {
  const peer = await StreamPeer.open(rig);
  closing.push(() => peer.close());
  peer.say({ ...HELLO, proxy });
  await vi.waitFor(() => expect(peer.of('welcome')).toHaveLength(1));
  peer.say({ type: 'holds', objects: [], last: true });
  await vi.waitFor(() => expect(peer.of('piece')).toHaveLength(1));
  return peer;
}

const bundle = (at: number): ConfigObject => ({ kind: 'TrustBundle', key: `infra/${at}`, pem: 'p' });

const ack = { type: 'ack', version: 1, rejected: [], listeners: [] };

describe('a data plane that floods its controller', () => {
  test.each<[string, object]>([
    ['signs of life', { type: 'ping' }],
    ['acknowledgements', ack],
    ['acknowledgements of versions that nobody sent', { ...ack, version: Number.MAX_SAFE_INTEGER }],
    ['messages that nobody knows', { type: 'news' }],
    ['troubles', { type: 'troubles', worker: 'worker-0', troubles: [] }],
  ])('with %s is let go with a code, and is not fed again at once', async (_, message) => {
    const warnings: object[] = [];
    const rig = await rigOf({ log: { ...log, warn: (about) => void warnings.push(about) } });
    const good = await knownPeer(rig, 'good');
    const bad = await knownPeer(rig, 'bad');
    const bytes = Buffer.concat(Array.from({ length: 100 }, () => frame(message)));
    for (let sent = 0; sent <= MESSAGE_LIMIT.most + 1000; sent += 100) bad.socket.write(bytes);
    await vi.waitFor(() => expect(bad.of('refused')).toMatchObject([{ code: 'flood' }]));
    expect(bad.of('refused')[0]!.message).toMatch(/^DMN_STREAM_FLOOD: /);
    expect(warnings).toEqual([{ code: 'DMN_STREAM_FLOOD', gateway: 'infra/edge', proxy: 'bad' }]);
    const again = await StreamPeer.open(rig);
    closing.push(() => again.close());
    again.say({ ...HELLO, proxy: 'bad' });
    await vi.waitFor(() => expect(again.of('refused')).toMatchObject([{ code: 'flood' }]));
    // Who has said nothing too much is fed as before.
    const before = good.of('piece').length;
    good.say({ type: 'taken' });
    rig.gateway().put(bundle(1));
    await vi.waitFor(() => expect(good.of('piece').length).toBe(before + 1));
    expect((await knownPeer(rig, 'new')).of('piece')).toHaveLength(1);
  });

  test('with acknowledgements below that has the last one counted, and few of the others', async () => {
    const rig = await rigOf();
    const peer = await knownPeer(rig);
    const count = MESSAGE_LIMIT.most - 100;
    const listener = (at: number) => ({ key: 'infra/edge/http', state: 'serving', bound: [`127.0.0.1:${at + 1}`] });
    for (let at = 0; at < count; at++) peer.say({ ...ack, listeners: [listener(at)] });
    await vi.waitFor(() => expect(rig.gateway().acks.at(-1)?.listeners).toEqual([listener(count - 1)]));
    expect(rig.gateway().acks.length).toBeLessThan(ACK_LIMIT.most + 200);
    expect(peer.end).toBeUndefined();
  });

  test('by coming again and again is fed no more than so often', async () => {
    const rig = await rigOf();
    const began = performance.now();
    let fed = -1;
    for (let refused = 0; refused === 0; fed++) {
      const peer = await StreamPeer.open(rig);
      peer.say(HELLO);
      await vi.waitFor(() => expect(peer.heard.length).toBeGreaterThan(0));
      refused = peer.of('refused').length;
      peer.close();
    }
    const { most, perSecond } = SUBSCRIPTION_LIMIT;
    expect(fed).toBeGreaterThanOrEqual(most - 1);
    expect(fed).toBeLessThanOrEqual(most + ((performance.now() - began) / 1000) * perSecond);
  });

  test('that answers hundreds of changes, each several times, says nothing too much', async () => {
    const rig = await rigOf();
    const answers = 4;
    // With the word that it was taken.
    const changes = Math.ceil((MESSAGE_LIMIT.most * 1.2) / (answers + 1));
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const client = new StreamClient({
      ...rig.access,
      name: 'pod-a',
      version: '0.0.0',
      onDelta: ({ version }) => {
        for (let at = 0; at < answers; at++) {
          client.acknowledge({ version, proxy: 'pod-a', rejected: [], listeners: [] });
        }
        if (version > changes) resolve();
        else setImmediate(() => rig.gateway().put(bundle(version)));
      },
      log,
    });
    closing.push(() => client.close());
    await over;
    expect(client.state.connected).toBe(true);
    await vi.waitFor(() => expect(rig.gateway().acks.at(-1)?.version).toBe(rig.gateway().version));
  });
});

test('a message that does not end is not waited for, however often a byte of it comes', async () => {
  const rig = await rigOf({ times: { ping: 20, silence: 150 } });
  const peer = await knownPeer(rig);
  const head = Buffer.alloc(HEADER);
  head.writeUInt32BE(1_000_000);
  peer.socket.write(head);
  const drip = setInterval(() => peer.socket.write(' '), 10);
  closing.push(() => clearInterval(drip));
  await vi.waitFor(() => expect(peer.end).toBeDefined(), { timeout: 5000 });
});

test('connections from one address beyond so many at once are closed before anything is said', async () => {
  const rig = await rigOf();
  const { port } = rig.access.address;
  let closed = 0;
  for (let at = 0; at < ADDRESS_CONNECTION_LIMIT.most + 100; at++) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.once('close', () => closed++);
    closing.push(() => void socket.destroy());
    await once(socket, 'connect');
  }
  await vi.waitFor(() => expect(closed).toBeGreaterThan(0));
});

describe('an inbox', () => {
  const LIMIT = 1 << 20;

  test('hands on frames whole, however they are cut', () => {
    const frames = Array.from({ length: 50 }, (_, at) => frame({ at, text: 'x'.repeat((at * 37) % 300) }));
    const all = Buffer.concat(frames);
    for (const cut of [1, 2, 3, 5, 7, 64, 1000, all.length]) {
      const inbox = new Inbox();
      const read: string[] = [];
      for (let at = 0; at < all.length; at += cut) {
        inbox.add(Buffer.from(all.subarray(at, at + cut)), LIMIT);
        for (let next = inbox.next(LIMIT); next !== undefined; next = inbox.next(LIMIT)) read.push(next.toString());
      }
      expect(read).toEqual(frames.map((one) => one.subarray(HEADER).toString()));
      expect(inbox.size).toBe(0);
    }
  });

  test('takes no more memory for half a frame than for a whole one, though it comes byte by byte', () => {
    const inbox = new Inbox();
    const head = Buffer.alloc(HEADER);
    head.writeUInt32BE(LIMIT);
    inbox.add(head, LIMIT);
    const byte = Buffer.from('x');
    for (let at = 0; at < LIMIT - 1; at++) inbox.add(byte, LIMIT);
    expect(inbox.next(LIMIT)).toBeUndefined();
    expect(inbox.size).toBeLessThanOrEqual(HEADER + LIMIT);
  });
});

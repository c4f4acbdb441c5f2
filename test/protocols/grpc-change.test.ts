/** gRPC while something changes or fails: routes, endpoints, and backends that come and go. */
import { once } from 'node:events';
import { type ClientDuplexStream, Metadata, type StatusObject, status } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { type Rig, type RigOptions, serveManifests } from '../served/rig.ts';
import { gateway, route, service } from './manifest.ts';
import { rawImplementation } from './raw-implementation.ts';
import { callUnary, type RawClient, type RawServer, rawClient, serveRaw } from './raw-service.ts';

const open: Array<{ close(): void | Promise<void> }> = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

/** All calls go to this Service; there are two of them. */
function leadingTo(name: string): string {
  return [
    gateway([{ name: 'http', port: 80, protocol: 'HTTP' }]),
    route('GRPCRoute', 'all', { rules: [{ backendRefs: [{ name, port: 50 }] }] }),
    service('one', 50),
    service('two', 50),
  ].join('');
}

async function serving(name: string): Promise<RawServer> {
  const server = await serveRaw({ 'raw.Echo': rawImplementation(name) });
  open.push(server);
  return server;
}

async function served(options: RigOptions): Promise<{ rig: Rig; client: RawClient }> {
  const rig = await serveManifests(leadingTo('one'), options);
  open.push(rig);
  return { rig, client: connected(rig) };
}

function connected(rig: Rig): RawClient {
  const client = rawClient(`127.0.0.1:${rig.port()}`);
  open.push(client);
  return client;
}

async function said(talk: ClientDuplexStream<Buffer, Buffer>, word: string): Promise<string> {
  talk.write(Buffer.from(word));
  const [message] = (await once(talk, 'data')) as [Buffer];
  return message.toString();
}

async function serverOf(client: RawClient): Promise<unknown> {
  const call = client.Unary(Buffer.from('who'), new Metadata(), {}, () => {});
  const [metadata] = (await once(call, 'metadata')) as [Metadata];
  return metadata.get('x-server')[0];
}

test('a stream goes on where it is while new calls follow a change of the route', async () => {
  const [one, two] = [await serving('one'), await serving('two')];
  const { rig, client } = await served({
    endpoints: [`default/one:50=${one.target}`, `default/two:50=${two.target}`],
  });
  const talk = client.Talk(new Metadata());
  expect(await said(talk, 'before')).toBe('before');
  await rig.write(leadingTo('two'));
  expect(await serverOf(client)).toBe('two');
  expect(await said(talk, 'after')).toBe('after');
  talk.end();
  const [ended] = (await once(talk, 'status')) as [{ code: number }];
  expect(ended.code).toBe(status.OK);
});

test('an endpoint that refuses costs no call while another one is there', async () => {
  const one = await serving('one');
  const { client } = await served({ endpoints: [`default/one:50=127.0.0.1:1,${one.target}`] });
  const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => callUnary(client, String(i))));
  expect(answers.map(String)).toEqual(answers.map((_, i) => String(i)));
});

test('a backend that was started again is reached again', async () => {
  const first = await serveRaw({ 'raw.Echo': rawImplementation('first') });
  const { client } = await served({ endpoints: [`default/one:50=${first.target}`] });
  expect(await serverOf(client)).toBe('first');
  first.close();
  const second = await serveRaw({ 'raw.Echo': rawImplementation('second') }, undefined, first.port);
  open.push(second);
  await expect.poll(() => callUnary(client, 'who').then(String, String)).toBe('who');
  expect(await serverOf(client)).toBe('second');
});

test('metadata of many kilobytes passes both ways', async () => {
  const one = await serving('one');
  const { client } = await served({ endpoints: [`default/one:50=${one.target}`] });
  const metadata: Record<string, string> = {};
  for (let i = 0; i < 20; i++) metadata[`x-long-${i}`] = String(i).repeat(600);
  expect(String(await callUnary(client, 'x', { metadata }))).toBe('x');
});

test('hundreds of calls at a time, of which some are given up, come out right', { timeout: 60_000 }, async () => {
  const one = await serving('one');
  const { client } = await served({ endpoints: [`default/one:50=${one.target}`] });
  const outcomes = await Promise.all(
    Array.from({ length: 600 }, async (_, i) => {
      const sent = Buffer.alloc((i * 997) % 200_000, i);
      const talk = client.Talk(new Metadata());
      talk.on('error', () => {});
      const ended = new Promise<StatusObject>((resolve) => talk.once('status', resolve));
      talk.write(sent);
      if (i % 7 === 0) talk.cancel();
      else talk.end();
      let same = false;
      talk.on('data', (message: Buffer) => (same = message.equals(sent)));
      const { code } = await ended;
      return i % 7 === 0 ? code === status.CANCELLED : code === status.OK && same;
    }),
  );
  expect(outcomes.filter((fine) => !fine)).toEqual([]);
});

test('what drains ends its streams when their calls are done, and takes no more', async () => {
  const one = await serving('one');
  const { rig, client } = await served({ endpoints: [`default/one:50=${one.target}`] });
  const talk = client.Talk(new Metadata());
  expect(await said(talk, 'before')).toBe('before');
  const drained = rig.proxy.drain(5_000);
  expect(await said(talk, 'while')).toBe('while');
  talk.end();
  const [ended] = (await once(talk, 'status')) as [{ code: number }];
  expect(ended.code).toBe(status.OK);
  await drained;
});

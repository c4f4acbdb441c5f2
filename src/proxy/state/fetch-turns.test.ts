import { once } from 'node:events';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { selfSigned } from '../stream/certificate.suite.ts';
import { fetchingInTurn, MAX_FETCHES, MAX_FETCHES_OF_SERVER, MAX_FETCHES_WAITING } from './fetch-turns.ts';

let pair: { cert: Buffer; key: Buffer };
const ends: Array<() => void> = [];
beforeAll(async () => {
  pair = await selfSigned('localhost');
});
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** One that takes connections, and says nothing. */
async function deadServer() {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { sockets, url: `https://localhost:${(server.address() as AddressInfo).port}/keys` };
}

async function goodServer(): Promise<{ url: string; ca: string }> {
  const server = https.createServer(pair, (_, answer) => answer.end('{"keys":[]}'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => server.close());
  return { url: `https://localhost:${(server.address() as AddressInfo).port}/keys`, ca: pair.cert.toString() };
}

test('a thousand texts of servers that never answer are so many connections, and another namespace’s comes at once', async () => {
  const fetch = fetchingInTurn(() => undefined);
  const dead = await Promise.all(Array.from({ length: 20 }, deadServer));
  const good = await goodServer();
  const failed = Array.from({ length: 1_000 }, (_, i) => fetch({ url: dead[i % 20]!.url }, 'evil'));
  const all = Promise.allSettled(failed);
  const open = (): number => dead.reduce((sum, { sockets }) => sum + sockets.size, 0);
  await expect.poll(open).toBeGreaterThan(MAX_FETCHES / 4);
  expect(Math.max(...dead.map(({ sockets }) => sockets.size))).toBeLessThanOrEqual(MAX_FETCHES_OF_SERVER);
  const began = performance.now();
  expect(await fetch(good, 'shop')).toBe('{"keys":[]}');
  expect(performance.now() - began).toBeLessThan(2_000);
  expect(open()).toBeLessThanOrEqual(MAX_FETCHES / 2);
  // All have their time, whether they had a turn or not.
  expect((await all).filter(({ status }) => status === 'rejected')).toHaveLength(1_000);
  // Those that are known to hang leave room to others of their namespace.
  const again = Promise.allSettled(dead.map(({ url }) => fetch({ url }, 'evil')));
  expect(await fetch(good, 'evil')).toBe('{"keys":[]}');
  for (const end of ends.splice(0)) end();
  await again;
});

test('hundreds who sign in at once at a provider that takes its time all get an answer', async () => {
  const server = https.createServer(pair, (_, answer) => void setTimeout(() => answer.end('{}'), 300));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => server.close());
  const fetched = {
    url: `https://localhost:${(server.address() as AddressInfo).port}/token`,
    ca: pair.cert.toString(),
  };
  const fetch = fetchingInTurn(() => undefined);
  const all = await Promise.allSettled(Array.from({ length: 200 }, () => fetch(fetched, 'shop')));
  expect(all.filter(({ status }) => status === 'rejected')).toEqual([]);
});

test('a server that says 1xx without end has no text', async () => {
  const server = https.createServer(pair, (_, answer) => {
    for (let i = 0; i < 100; i++) answer.writeProcessing();
    answer.end('{"keys":[]}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => server.close());
  const url = `https://localhost:${(server.address() as AddressInfo).port}/keys`;
  const fetched = fetchingInTurn(() => undefined)({ url, ca: pair.cert.toString() }, 'shop');
  await expect(fetched).rejects.toThrow('1xx');
});

test('of more than may wait the last ones of who has most fail at once', async () => {
  const fetch = fetchingInTurn(() => undefined);
  const { url } = await deadServer();
  const outcomes: string[] = [];
  const note = (error: Error): number => outcomes.push(error.message);
  for (let i = 0; i < MAX_FETCHES_WAITING + MAX_FETCHES_OF_SERVER + 5; i++) fetch({ url }, 'evil').catch(note);
  await Promise.resolve();
  await expect.poll(() => outcomes.length).toBe(5);
  expect(outcomes[0]).toContain('too many others');
});

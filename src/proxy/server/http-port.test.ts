/** Ports of HTTP listeners: who is turned away is told why, as long as there are not too many of them. */
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import type { ConnectionFilter, ConnectionRefusal } from '../filter/index.ts';
import { listener, PlaneRig, rule } from './plane.suite.ts';

/** Clients that are told at a time. */
const MOST = 256;

const closers: Array<() => unknown> = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const close of closers.splice(0).reverse()) await close();
});

async function refusing(refusal: ConnectionRefusal): Promise<PlaneRig> {
  const barred: ConnectionFilter = { type: 'Barred', step: 'client-connections', onConnection: () => refusal };
  const rig = new PlaneRig({}, undefined, { ClientTraffic: () => [barred] });
  closers.push(() => rig.close());
  const target = { kind: 'Listener' as const, key: 'd/g/l' };
  const policy = {
    kind: 'Policy' as const,
    key: 'ClientTraffic/d/g/l',
    type: 'ClientTraffic' as const,
    target,
    spec: {},
  };
  await rig.apply([listener('HTTP'), policy, rule('HTTPRoute')]);
  return rig;
}

interface Told {
  socket: net.Socket;
  /** What was said, or why nothing was. */
  what: string;
}

/** It leaves its own side open, so that whoever says something waits for it. */
function told(port: number): Promise<Told> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }).setEncoding('latin1');
  closers.push(() => socket.destroy());
  let what = '';
  socket.on('data', (text: string) => {
    what += text;
  });
  return new Promise((resolve) => {
    socket.once('error', ({ message }) => resolve({ socket, what: message }));
    socket.once('end', () => resolve({ socket, what }));
  });
}

test('the whole answer, and when to come again where that helps', async () => {
  const barred = await refusing({ reason: 'barred', status: 403, message: 'Not from there.' });
  const { what } = await told(barred.port());
  expect(what).toMatch(
    /^HTTP\/1\.1 403 Forbidden\r\nDate: [^\r]+\r\nContent-Type: application\/json\r\nContent-Length: 30\r\n/,
  );
  expect(what).toMatch(/\r\nConnection: close\r\n\r\n\{"message":"Not from there\."\}\n$/);
  expect(what).not.toContain('Retry-After');
  const full = await refusing({ reason: 'limit', status: 503, message: 'Full.' });
  expect((await told(full.port())).what).toContain('\r\nRetry-After: 1\r\nConnection: close\r\n');
});

test('is for so many at a time; others are reset, until one of those has left', async () => {
  // Whoever is told has a second to leave: it does not pass.
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const port = (await refusing({ reason: 'barred', status: 403, message: 'No.' })).port();
  const all = await Promise.all(Array.from({ length: MOST }, () => told(port)));
  expect(all.map(({ what }) => what.slice(0, 12))).toEqual(Array(MOST).fill('HTTP/1.1 403'));
  expect((await told(port)).what).toContain('ECONNRESET');
  const [first, second] = all;
  first!.socket.destroy();
  await once(first!.socket, 'close');
  await vi.waitFor(async () => expect((await told(port)).what).toContain('HTTP/1.1 403'));
  expect((await told(port)).what).toContain('ECONNRESET');
  second!.socket.destroy();
});

test('requests have the routes that are in place when they come', async () => {
  const rig = new PlaneRig();
  closers.push(() => rig.close());
  const answering = (body: string): ReturnType<typeof rule> =>
    rule('HTTPRoute', {
      filters: [{ type: 'DirectAnswer', status: 200, contentType: 'text/plain', body }],
      backends: [],
    });
  await rig.apply([listener('HTTP'), answering('one')]);
  const asked = async (): Promise<string> => (await fetch(`http://127.0.0.1:${rig.port()}/`)).text();
  expect(await asked()).toBe('one');
  await rig.apply([answering('two')]);
  expect(await asked()).toBe('two');
});

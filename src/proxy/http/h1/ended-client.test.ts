import { expect, test } from 'vitest';
import type { MemoryLink } from '../../listen/index.ts';
import { type MemoryOptions, type MemoryRig, memoryService, settled } from '../memory.suite.ts';
import { FIRST_BYTE_AHEAD, SILENCE_AFTER_END } from './ended-client.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const LAST = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok';

/** A client that has sent `request`, and ended its side. */
async function ended(request: string, options: MemoryOptions = {}): Promise<{ rig: MemoryRig; client: MemoryLink }> {
  const rig = memoryService(options);
  const client = rig.connect();
  client.deliver(request);
  await settled();
  client.sink.onEnd();
  return { rig, client };
}

test('a client that ends its side after its request is answered, and the connection ends', async () => {
  const { rig, client } = await ended(GET);
  rig.backend().deliver(OK);
  expect(client.take()).toBe(LAST);
  expect(client.closed).toBe('end');
  expect(rig.accesses).toMatchObject([{ status: 200, reason: '' }]);
});

test('all requests that came before are answered, the last one saying so', async () => {
  const { rig, client } = await ended(GET.repeat(3));
  for (let i = 0; i < 3; i++) {
    rig.backend().take();
    rig.backend().deliver(OK);
  }
  expect(client.take()).toBe(OK + OK + LAST);
  expect(client.closed).toBe('end');
});

test.each([
  ['a head', GET + GET.slice(0, -2)],
  ['a body', `${GET}POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab`],
])('%s that is cut after whole requests ends the connection', async (_, request) => {
  const { rig, client } = await ended(request);
  rig.backend().deliver(OK);
  expect(client.take()).toBe(OK);
  expect(client.closed).not.toBe('no');
  expect(rig.accesses[0]).toMatchObject({ status: 200 });
});

test('while it waits, the answer begins byte by byte: whoever is gone resets that', async () => {
  const { rig, client } = await ended(GET);
  let came = '';
  let wait = FIRST_BYTE_AHEAD;
  for (const byte of 'HTTP/1.1 ') {
    rig.pass(wait - 50);
    expect(client.take()).toBe('');
    rig.pass(150);
    const next = client.take();
    expect(next).toBe(byte);
    came += next;
    wait *= 2;
    if (came === 'HTTP/') break;
  }
  rig.backend().deliver(OK);
  expect(came + client.take()).toBe(LAST);
});

test.each<[string, number, MemoryOptions]>([['one of the gateway', 504, { rule: { timeouts: { request: 5_000 } } }]])(
  '%s goes on where the bytes ahead ended',
  async (_, status, options) => {
    const { rig, client } = await ended(GET, options);
    for (let i = 0; i < 60; i++) rig.pass(100);
    expect(client.take()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} Gateway Timeout\r\n`));
  },
);

test('1xx heads go on there, too', async () => {
  const { rig, client } = await ended(GET);
  rig.pass(FIRST_BYTE_AHEAD + 50);
  rig.backend().deliver('HTTP/1.1 103 Early Hints\r\n\r\n');
  rig.pass(2 * FIRST_BYTE_AHEAD + 50);
  rig.backend().deliver(OK);
  expect(client.take()).toBe(`HTTP/1.1 103 Early Hints\r\n\r\n${LAST}`);
});

test('what is on the wire of an answer is not sent ahead of it', async () => {
  const { rig, client } = await ended(GET);
  rig.backend().deliver('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab');
  client.take();
  rig.pass(20 * FIRST_BYTE_AHEAD);
  expect(client.take()).toBe('');
  rig.backend().deliver('cd');
  expect(client.take()).toBe('cd');
});

test('a client that ends in an answer which then is silent has left; one that is slow to read has not', async () => {
  for (const slow of [true, false]) {
    const rig = memoryService();
    const client = rig.connect();
    client.deliver(GET);
    await settled();
    rig.backend().deliver('HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\nab');
    if (!slow) client.take();
    client.sink.onEnd();
    for (let i = 0; i < 5; i++) {
      rig.pass(SILENCE_AFTER_END - 100);
      expect(client.closed).toBe('no');
      rig.backend().deliver('cd');
      if (!slow) client.take();
    }
    rig.pass(SILENCE_AFTER_END + 100);
    rig.pass(SILENCE_AFTER_END + 100);
    expect(client.closed).toBe(slow ? 'no' : 'reset');
    expect(rig.backend().closed).toBe(slow ? 'no' : 'reset');
    expect(rig.accesses).toMatchObject(slow ? [] : [{ status: 200, reason: 'client_closed_early' }]);
  }
});

test('a client that ends within its body has left', async () => {
  const { rig, client } = await ended('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab');
  expect([client.closed, rig.backend().closed]).toEqual(['reset', 'reset']);
  expect(rig.accesses).toMatchObject([{ status: 499, reason: 'client_closed_early' }]);
});

/** What the first bytes of a connection choose. */
import { expect, test } from 'vitest';
import type { MemoryLink } from '../../listen/index.ts';
import { PREFACE, SETTINGS } from '../h2/frame.ts';
import { frameBytes, readFrames, turn } from '../h2/wire.fixture.ts';
import { memoryService, settled } from '../memory.suite.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const BEGIN = Buffer.concat([Buffer.from(PREFACE), frameBytes(SETTINGS, 0, 0)]);
/** A greeting of some other protocol. */
const OTHER = 'GET / HELLO\r\n\r\n';

async function framesOf(client: MemoryLink): Promise<number[]> {
  await turn();
  return readFrames(Buffer.from(client.take(), 'latin1')).map(({ type, flags }) => (type === SETTINGS ? flags : -type));
}

test.each([1, 2, 3, 4, 30, BEGIN.length])(
  'HTTP/2 is told from HTTP/1.1 where its bytes come %i at a time',
  async (n) => {
    const rig = memoryService();
    const client = rig.connect();
    for (let at = 0; at < BEGIN.length; at += n) client.deliver(BEGIN.subarray(at, at + n));
    const said = await framesOf(client);
    // Its own SETTINGS, and that it has those of the client.
    expect([said[0], said.at(-1), client.closed]).toEqual([0, 1, 'no']);
    expect(rig.service.connections.size).toBe(1);
  },
);

test.each([
  ['PRINT', 'PRINT / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['POST', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n'],
])('%s is a method as others are, whatever it begins with', async (method, request) => {
  const rig = memoryService();
  const client = rig.connect();
  for (const byte of request) client.deliver(byte);
  await settled();
  expect(rig.backend().take()).toMatch(new RegExp(`^${method} / HTTP`));
});

test('after a request there is no HTTP/2: its preface is refused', async () => {
  const rig = memoryService();
  const client = rig.connect();
  client.deliver(GET);
  await settled();
  rig.backend().deliver(OK);
  expect(client.take()).toBe(OK);
  client.deliver(BEGIN);
  expect(client.take()).toMatch(/^HTTP\/1\.1 (400|505) /);
  expect(client.closed).toBe('end');
});

test('what speaks neither is let go of without an answer, and one that has spoken HTTP is told', async () => {
  const rig = memoryService();
  const first = rig.connect();
  first.deliver(OTHER);
  expect([first.take(), first.closed]).toEqual(['', 'leave']);
  const second = rig.connect();
  second.deliver(GET);
  await settled();
  rig.backend().deliver(OK);
  second.take();
  second.deliver(OTHER);
  expect(second.take()).toMatch(/^HTTP\/1\.1 (400|505) /);
});

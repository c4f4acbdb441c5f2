/** A connection to a backend carries another request only where the last answer ended exactly where it said. */
import { describe, expect, test } from 'vitest';
import { type MemoryRig, memoryService, settled } from '../memory.suite.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const FORGED = 'HTTP/1.1 200 OK\r\nX-Forged: yes\r\nContent-Length: 6\r\n\r\nforged';
const ANSWER = 'HTTP/1.1 200 OK\r\nX-Own: yes\r\nContent-Length: 3\r\n\r\nown';
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nown\r\n0\r\n';

const ENDS: Array<[name: string, answer: string]> = [
  ['with a length', ANSWER],
  ['in chunks', `${CHUNKED}\r\n`],
  ['in chunks with trailers', `${CHUNKED}X-Sum: 1\r\n\r\n`],
  ['without a body', 'HTTP/1.1 204 No Content\r\nX-Own: yes\r\n\r\n'],
  ['with a body of no bytes', 'HTTP/1.1 200 OK\r\nX-Own: yes\r\nContent-Length: 0\r\n\r\n'],
  ['not modified', 'HTTP/1.1 304 Not Modified\r\nX-Own: yes\r\n\r\n'],
];

/** What a second client gets, whose backend connection answers with ANSWER if it is asked. */
async function next(rig: MemoryRig): Promise<{ text: string; connections: number }> {
  const client = rig.connect();
  client.deliver(GET);
  await settled();
  const backend = rig.backend();
  if (backend.take().includes('GET / ')) backend.deliver(ANSWER);
  await settled();
  return { text: client.take(), connections: rig.driver.opened.length };
}

describe.each(ENDS)('an answer %s', (_, answer) => {
  async function answered(...reads: string[]): Promise<MemoryRig> {
    const rig = memoryService();
    const client = rig.connect();
    client.deliver(GET);
    await settled();
    expect(rig.backend().take()).toContain('GET / ');
    for (const read of reads) {
      rig.backend(0).deliver(read);
      await settled();
    }
    const text = client.take();
    expect(text).toMatch(/^HTTP\/1\.1 \d+ /);
    expect(text).not.toContain('orged');
    return rig;
  }

  test('leaves its connection to the next request', async () => {
    const rig = await answered(answer);
    const { text, connections } = await next(rig);
    expect(text).toContain('own');
    expect(connections).toBe(1);
  });

  test.each([
    ['in the same read', [answer + FORGED]],
    ['of one byte', [`${answer}\r`]],
    ['in a read of their own, while it is idle', [answer, FORGED]],
    ['in pieces', [answer.slice(0, -1), answer.slice(-1) + FORGED.slice(0, 9), FORGED.slice(9)]],
  ])('with bytes behind it %s, loses it', async (__, reads) => {
    const rig = await answered(...reads);
    expect(rig.backend(0).closed).not.toBe('no');
    const { text, connections } = await next(rig);
    expect(text).toContain('X-Own: yes\r\n');
    expect(text).not.toContain('orged');
    expect(connections).toBe(2);
  });
});

test('a connection that its backend speaks on before it is asked anything is not used', async () => {
  const rig = memoryService();
  rig.driver.onConnect = (link) => {
    queueMicrotask(() => {
      link.sink.onOpen();
      if (rig.driver.opened.length === 1) link.deliver(FORGED);
    });
  };
  const client = rig.connect();
  // The client has gone by the time that the connection is open: it is idle then.
  client.deliver(GET);
  client.sink.onClose(undefined);
  await settled();
  expect(rig.backend(0).closed).toBe('reset');
  const { text, connections } = await next(rig);
  expect(text).toContain('X-Own: yes\r\n');
  expect(text).not.toContain('orged');
  expect(connections).toBe(2);
});

/** What becomes of a connection whose client has said its last. */
import { expect, test } from 'vitest';
import { memoryService, settled } from '../memory.suite.ts';

const UPGRADE = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';

test('a tunnel whose sides have both ended is over after a while, though the client keeps its side', async () => {
  const rig = memoryService();
  const client = rig.connect();
  client.deliver(UPGRADE);
  await settled();
  rig.backend().deliver(SWITCHED);
  rig.backend().sink.onEnd();
  client.take();
  client.sink.onEnd();
  expect(client.closed).toBe('end');
  for (let i = 0; i < 20; i++) rig.pass(1_000);
  expect(client.closed).not.toBe('end');
});

test('a request that ends in the middle of its body is aborted', async () => {
  const rig = memoryService();
  const client = rig.connect();
  client.deliver('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc');
  await settled();
  client.sink.onEnd();
  expect(rig.backend().closed).toBe('reset');
  expect(rig.accesses).toMatchObject([{ status: 499, reason: 'client_closed_early' }]);
});

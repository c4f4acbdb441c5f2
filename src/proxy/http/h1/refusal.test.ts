/** Requests that no exchange sees, and what a connection says of itself in its answers. */
import { expect, test } from 'vitest';
import { memoryService, settled } from '../memory.suite.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

test('a request that is malformed counts as refused; one that does not come whole in time does not', async () => {
  const rig = memoryService();
  const malformed = rig.connect();
  malformed.deliver('GET / HTTP/1.1\r\nHost : a\r\n\r\n');
  expect(malformed.take()).toMatch(/^HTTP\/1\.1 400 /);
  expect(rig.service.stats.refused.value).toBe(1);
  const slow = rig.connect();
  slow.deliver('GET / HTTP/1.1\r\nHos');
  rig.pass(rig.service.limits.headTimeout + 100);
  expect(slow.take()).toMatch(/^HTTP\/1\.1 408 /);
  expect(rig.service.stats.refused.value).toBe(1);
});

test.each([
  ['is told that it is kept', 'Connection: keep-alive\r\n', 'keep-alive', 'no'],
  ['is told that it is not', '', 'close', 'end'],
])('a client of HTTP/1.0 %s', async (_, line, says, closed) => {
  const rig = memoryService();
  const client = rig.connect();
  client.deliver(`GET / HTTP/1.0\r\nHost: a\r\n${line}\r\n`);
  await settled();
  rig.backend().deliver(OK);
  expect(client.take()).toContain(`\r\nConnection: ${says}\r\n`);
  expect(client.closed).toBe(closed);
});

test('a connection that was let go of is not ended once more when its client ends', async () => {
  const rig = memoryService();
  const client = rig.connect();
  rig.pass(rig.service.limits.keepAliveTimeout + 100);
  expect(client.closed).toBe('leave');
  client.sink.onEnd();
  expect(client.closed).toBe('leave');
});

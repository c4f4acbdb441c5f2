import { expect, test } from 'vitest';
import { memoryService, settled } from '../memory.suite.ts';
import { LINGER_TIMEOUT, MAX_LINGER } from './linger.ts';

const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n';

test('a client that goes on sending what nobody reads is not reset, as long as it does, up to a limit', async () => {
  for (const sends of [true, false]) {
    const rig = memoryService({ endpoints: 0 });
    const client = rig.connect();
    client.deliver(POST);
    await settled();
    expect(client.take()).toMatch(/^HTTP\/1\.1 503 [\s\S]*\r\nConnection: close\r\n/);
    expect(client.closed).toBe('end');
    let time = 0;
    for (; client.closed === 'end' && time < 2 * MAX_LINGER; time += 500) {
      if (sends) client.deliver('x');
      rig.pass(500);
    }
    expect(client.closed).toBe('leave');
    expect(time).toBeGreaterThanOrEqual(sends ? MAX_LINGER : LINGER_TIMEOUT);
    expect(time).toBeLessThan((sends ? MAX_LINGER : LINGER_TIMEOUT) + LINGER_TIMEOUT + 500);
  }
});

test('a drain that is over lets the kernel send what it has of a last answer, and resets who has not taken it', async () => {
  for (const taken of [true, false]) {
    const rig = memoryService({ endpoints: 0 });
    const client = rig.connect();
    client.deliver(POST);
    await settled();
    if (taken) client.take();
    expect(client.closed).toBe('end');
    await rig.service.connections.drain(0);
    expect(client.closed).toBe(taken ? 'leave' : 'reset');
  }
});

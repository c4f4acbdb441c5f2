import { expect, test, vi } from 'vitest';
import { JOIN } from '../../ground/region.ts';
import { memoryService, settled } from '../memory.suite.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const MOST_KEPT = 64 * 1024;
/** Bytes of what waits that are looked at for the next request of it, where that is a short one. */
const FIRST_WINDOW = 2 * 1024;

test('a client that asks ahead is read no further than 64 KiB, and all that it asked is answered', async () => {
  const rig = memoryService();
  const client = rig.connect();
  client.deliver(GET);
  await settled();
  let asked = 1;
  for (; !client.paused && asked < 10_000; asked += 10) client.deliver(GET.repeat(10));
  expect(asked * GET.length).toBeGreaterThan(MOST_KEPT);
  expect(asked * GET.length).toBeLessThan(MOST_KEPT + 20 * GET.length);
  let answers = 0;
  for (let i = 0; i < asked; i++) {
    rig.backend().take();
    rig.backend().deliver(OK);
    await settled();
    answers += client.take().split('HTTP/1.1 200').length - 1;
  }
  expect(answers).toBe(asked);
  expect(client.paused).toBe(false);
});

test('a long backlog is not copied again for each request in it', async () => {
  const load = vi.spyOn(JOIN, 'load');
  const rig = memoryService();
  const client = rig.connect();
  client.deliver(GET);
  await settled();
  client.deliver(GET.repeat(1_000));
  for (let i = 0; i < 1_000; i++) {
    rig.backend().deliver(OK);
    await settled();
  }
  expect(client.take()).toBe(OK.repeat(1_000));
  const copied = load.mock.results.reduce((sum, { value }) => sum + (value as number) - JOIN.start, 0);
  load.mockRestore();
  expect(copied).toBeLessThanOrEqual(1_000 * FIRST_WINDOW);
});

test('a request that comes whole is read where it lies', async () => {
  const rig = memoryService();
  const client = rig.connect();
  const load = vi.spyOn(JOIN, 'load');
  client.deliver(GET);
  await settled();
  rig.backend().deliver(OK);
  expect([client.take(), load.mock.calls]).toEqual([OK, []]);
  load.mockRestore();
});

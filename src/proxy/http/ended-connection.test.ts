/** What is sent again though no rule says so: a connection ended before a word of the answer. */
import { describe, expect, test } from 'vitest';
import type { MemoryLink } from '../listen/index.ts';
import { asked, type MemoryRig, memoryService, settled } from './memory.suite.ts';

const GET = 'GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Ends connections as the backends of a request that they have read; how often it was sent. */
async function endedEach(rig: MemoryRig, end: (link: MemoryLink) => void): Promise<number> {
  let sent = 0;
  for (;;) {
    const at = rig.driver.opened.findIndex(({ link }) => link.closed === 'no' && link.take().includes(' HTTP/1.1\r\n'));
    if (at === -1) return sent;
    sent++;
    end(rig.backend(at));
    await settled();
  }
}

describe('a new connection that ends before a word of the answer, where there is another endpoint', () => {
  test.each([
    ['closed', (link: MemoryLink) => link.sink.onEnd()],
    ['reset', (link: MemoryLink) => link.sink.onClose(Object.assign(new Error('ECONNRESET'), { code: 'ECONNRESET' }))],
  ])('%s: the request goes there', async (_name, end) => {
    const { rig, client } = await asked(GET, { endpoints: 2 });
    end(rig.backend(0));
    await settled();
    expect(rig.backendPort(1)).not.toBe(rig.backendPort(0));
    rig.backend(1).deliver(OK);
    expect(client.take()).toBe(OK);
    expect(rig.accesses).toMatchObject([{ status: 200, attempts: 2 }]);
  });

  test('once, however many endpoints there are', async () => {
    const { rig, client } = await asked(GET, { endpoints: 5 });
    expect(await endedEach(rig, (link) => link.sink.onEnd())).toBe(2);
    expect(client.take()).toMatch(/^HTTP\/1\.1 502 /);
  });

  test.each([
    ['what may not come twice', 'POST / HTTP/1.1\r\nHost: a\r\n\r\n', {}],
    ['a body', 'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab', {}],
    ['a rule that says another thing', GET, { retry: { codes: [503], attempts: 0 } }],
  ])('not %s', async (_name, request, rule) => {
    const { rig, client } = await asked(request, { endpoints: 2, rule });
    expect(await endedEach(rig, (link) => link.sink.onEnd())).toBe(1);
    expect(client.take()).toMatch(/^HTTP\/1\.1 502 /);
  });

  test('nor where the answer had begun', async () => {
    const { rig, client } = await asked(GET, { endpoints: 2 });
    rig.backend().deliver('HTTP/1.1 200');
    rig.backend().sink.onEnd();
    await settled();
    expect(rig.driver.opened).toHaveLength(1);
    expect(client.take()).toMatch(/^HTTP\/1\.1 502 /);
  });

  test('as often as the budget of the backend has it', async () => {
    const rig = memoryService({ endpoints: 2 });
    const clients = Array.from({ length: 32 }, () => rig.connect());
    for (const client of clients) client.deliver(GET);
    await settled();
    await endedEach(rig, (link) => link.sink.onEnd());
    // Ten, and one for every five requests.
    expect(rig.accesses.filter(({ attempts }) => attempts === 2)).toHaveLength(16);
    expect(rig.service.stats.retriesRefused.value).toBe(16);
  });
});

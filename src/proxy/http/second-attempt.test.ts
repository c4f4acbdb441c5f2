/** A request that is sent again, or must not be: after a status, a refused connection, a kept connection that had ended. */
import { expect, test } from 'vitest';
import type { RouteRule } from '../../config/index.ts';
import { asked, close, FIRST_PORT, type MemoryOptions, memoryService, settled } from './memory.suite.ts';

const GET = 'GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const UPGRADE = 'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';

function withRule(rule: Partial<RouteRule>): MemoryOptions {
  return { rule };
}

const RETRY: Partial<RouteRule> = { retry: { codes: [503], attempts: 2, backoff: 100 } };

test('a status that the rule names is tried again after a backoff that doubles', async () => {
  const { rig, client } = await asked(GET, withRule(RETRY));
  for (const wait of [100, 200]) {
    rig.backend().take();
    rig.backend().deliver('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n');
    const before = rig.driver.opened.length;
    rig.pass(wait - 60);
    await settled();
    expect(rig.driver.opened).toHaveLength(before);
    // Chance makes it longer by half at most.
    rig.pass(120 + wait / 2);
    await settled();
    expect(rig.driver.opened).toHaveLength(before + 1);
  }
  rig.backend().deliver('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n');
  expect(client.take()).toMatch(/^HTTP\/1\.1 503 Busy\r\n/);
  expect(rig.accesses).toMatchObject([{ status: 503, attempts: 3 }]);
});

test('a retry over a kept connection goes out at once, with what is there of the body', async () => {
  const { rig, client } = await asked(GET, withRule(RETRY));
  rig.backend(0).deliver(OK);
  const other = rig.connect();
  client.take();
  other.deliver('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc');
  client.deliver(GET);
  await settled();
  rig.backend(0).deliver('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n');
  rig.backend(1).take();
  rig.backend(1).deliver(OK);
  rig.pass(200);
  expect(rig.backend(1).take()).toMatch(/^POST [\s\S]*abc$/);
  other.deliver('def');
  expect(rig.backend(1).take()).toBe('def');
  rig.backend(1).deliver(OK);
  expect(other.take()).toBe(OK);
});

test('a body that is too long to keep is never sent again', async () => {
  const { rig, client } = await asked('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n', withRule(RETRY));
  for (let i = 0; i < 4; i++) {
    client.deliver('x'.repeat(50_000));
    rig.backend().take();
    await settled();
  }
  rig.backend().deliver('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n');
  expect(client.take()).toMatch(/^HTTP\/1\.1 503 Busy/);
});

test.each([
  ['GET', 'a reset', 2],
  ['POST', 'a reset', 1],
  ['POST', 'a status', 2],
  ['POST', 'its time', 2],
] as const)('by a rule that names no causes %s after %s is sent %i times', async (method, after, times) => {
  const rule = { retry: { codes: [503], attempts: 1, backoff: 10 }, timeouts: { backendRequest: 1_000 } };
  const { rig, client } = await asked(`${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab`, withRule(rule));
  if (after === 'a reset') close(rig.backend(), 'ECONNRESET');
  else if (after === 'a status') rig.backend().deliver('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n');
  else rig.pass(1_100);
  rig.pass(100);
  await settled();
  if (times === 1) expect(client.take()).toMatch(/^HTTP\/1\.1 502 /);
  else {
    rig.backend().deliver(OK);
    expect(client.take()).toBe(OK);
  }
  expect(rig.accesses.at(-1)).toMatchObject({ attempts: times });
});

test('a connection that is refused is tried at the next endpoint, and the one that refused is passed over', async () => {
  const rig = memoryService({ endpoints: 2 });
  rig.driver.onConnect = (link, { port }) =>
    queueMicrotask(() => (port === FIRST_PORT ? close(link, 'ECONNREFUSED') : link.sink.onOpen()));
  const client = rig.connect();
  for (let i = 0; i < 4; i++) {
    client.deliver(GET);
    await settled();
    const at = rig.driver.opened.findLastIndex(({ target }) => target.port === FIRST_PORT + 1);
    rig.backend(at).deliver(OK);
    expect(client.take()).toBe(OK);
  }
  expect(rig.driver.opened.filter(({ target }) => target.port === FIRST_PORT)).toHaveLength(1);
  expect(rig.accesses[0]).toMatchObject({ attempts: 2, status: 200 });
});

test('a rule without attempts has nothing tried again, not even what got no connection', async () => {
  const rig = memoryService({ endpoints: 2, rule: { retry: { codes: [503], attempts: 0 } } });
  rig.driver.onConnect = (link) => queueMicrotask(() => close(link, 'ECONNREFUSED'));
  const client = rig.connect();
  client.deliver(GET);
  await settled();
  expect(client.take()).toMatch(/^HTTP\/1\.1 502 /);
  expect(rig.driver.opened).toHaveLength(1);
  rig.driver.onConnect = (link) => queueMicrotask(() => link.sink.onOpen());
  client.deliver(GET);
  await settled();
  rig.backend().deliver(OK);
  expect(client.take()).toBe(OK);
  client.deliver(GET);
  rig.backend().sink.onEnd();
  await settled();
  expect(client.take()).toMatch(/^HTTP\/1\.1 502 /);
  expect(rig.accesses.map(({ attempts }) => attempts)).toEqual([1, 1, 1]);
});

test('where all endpoints refuse the answer is 502, and where they do not answer 504', async () => {
  const refusing = memoryService();
  refusing.driver.onConnect = (link) => queueMicrotask(() => close(link, 'ECONNREFUSED'));
  const client = refusing.connect();
  client.deliver(GET);
  await settled();
  expect(client.take()).toMatch(/^HTTP\/1\.1 502 /);
  expect(refusing.accesses).toMatchObject([{ reason: 'connect_refused' }]);
  const silent = memoryService();
  silent.driver.onConnect = () => {};
  const other = silent.connect();
  other.deliver(GET);
  silent.pass(5_100);
  expect(other.take()).toMatch(/^HTTP\/1\.1 504 /);
  expect(silent.accesses).toMatchObject([{ reason: 'connect_timeout' }]);
});

test('what this machine lacks is not held against an endpoint', async () => {
  const rig = memoryService({ endpoints: 2 });
  rig.driver.onConnect = (link, { port }) =>
    queueMicrotask(() => (port === FIRST_PORT ? close(link, 'EMFILE') : link.sink.onOpen()));
  const client = rig.connect();
  for (let i = 0; i < 4; i++) {
    client.deliver(GET);
    await settled();
    const at = rig.driver.opened.findLastIndex(({ target }) => target.port === FIRST_PORT + 1);
    rig.backend(at).deliver(OK);
    expect(client.take()).toBe(OK);
  }
  expect(rig.driver.opened.filter(({ target }) => target.port === FIRST_PORT).length).toBeGreaterThan(1);
});

test.each(['http', 'h2c'] as const)(
  'where this machine lacks what connections need, it says so: %s',
  async (protocol) => {
    const rig = memoryService({ protocol, endpoints: 2 });
    rig.driver.onConnect = (link) => queueMicrotask(() => close(link, 'EMFILE'));
    const client = rig.connect();
    client.deliver(GET);
    await settled();
    expect(client.take()).toMatch(/^HTTP\/1\.1 503 [\s\S]*\r\nRetry-After: 1\r\n/i);
    expect(rig.accesses).toMatchObject([{ reason: 'limit', attempts: 2 }]);
  },
);

test('a kept connection that its backend closes unused costs no request that may be sent again', async () => {
  const { rig, client } = await asked(GET);
  rig.backend(0).deliver(OK);
  client.take();
  client.deliver(GET);
  rig.backend(0).sink.onEnd();
  await settled();
  expect(rig.driver.opened).toHaveLength(2);
  rig.backend(1).deliver(OK);
  expect(client.take()).toBe(OK);
});

test('it is sent again once: where the next kept connection closes as well, the client is told', async () => {
  const { rig, client } = await asked(GET);
  const others = Array.from({ length: 4 }, () => rig.connect());
  for (const other of others) other.deliver(GET);
  await settled();
  expect(rig.driver.opened).toHaveLength(5);
  for (let i = 0; i < 5; i++) rig.backend(i).deliver(OK);
  for (const one of [client, ...others]) expect(one.take()).toBe(OK);
  for (let i = 0; i < 5; i++) rig.backend(i).take();
  client.deliver(GET);
  let sent = 0;
  for (let round = 0; round < 10; round++) {
    const at = rig.driver.opened.findIndex(({ link }) => link.closed === 'no' && link.take().startsWith('GET '));
    if (at === -1) break;
    sent++;
    rig.backend(at).sink.onEnd();
    await settled();
  }
  expect(sent).toBe(2);
  expect(rig.driver.opened).toHaveLength(5);
  expect(client.take()).toMatch(/^HTTP\/1\.1 502 /);
  expect(rig.accesses.at(-1)).toMatchObject({ status: 502, attempts: 2 });
});

test('so does an upgrade on such a connection', async () => {
  const { rig, client } = await asked(GET);
  rig.backend(0).deliver(OK);
  client.take();
  client.deliver(UPGRADE);
  rig.backend(0).sink.onEnd();
  await settled();
  rig.backend(1).deliver(SWITCHED);
  expect(client.take()).toMatch(/^HTTP\/1\.1 101 /);
});

test.each([
  ['a new connection that closes without a word is an answer, where nobody else can be asked', 'GET'],
  ['a method that is not idempotent is not sent again', 'POST'],
])('%s', async (_name, method) => {
  const { rig, client } = await asked(GET);
  if (method === 'POST') {
    rig.backend().deliver(OK);
    client.take();
    client.deliver('POST / HTTP/1.1\r\nHost: a\r\n\r\n');
  }
  rig.backend().sink.onEnd();
  await settled();
  expect(client.take()).toMatch(/^HTTP\/1\.1 502 /);
  expect(rig.driver.opened).toHaveLength(1);
});

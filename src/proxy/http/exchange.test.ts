import { expect, test } from 'vitest';
import type { RouteRule } from '../../config/index.ts';
import type { MemoryLink } from '../listen/index.ts';
import { asked, close, FIRST_PORT, type MemoryOptions, settled } from './memory.suite.ts';

const GET = 'GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const UPGRADE = 'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';

function withRule(rule: Partial<RouteRule>): MemoryOptions {
  return { rule };
}

test('the port that the client used is the one it names, else the one of the listener', async () => {
  const { rig, client } = await asked('GET / HTTP/1.1\r\nHost: a.example:18080\r\n\r\n');
  const answer = 'HTTP/1.1 204 No Content\r\n\r\n';
  expect(rig.backend().take()).toContain('X-Forwarded-Port: 18080\r\n');
  rig.backend().deliver(answer);
  client.deliver('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
  expect(rig.backend().take()).toContain('X-Forwarded-Port: 80\r\n');
});

test('a request goes on with the lines of the proxy, and its answer comes back', async () => {
  const { rig, client } = await asked(
    'GET /x?y=1 HTTP/1.1\r\nHost: a.example\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-Own: 2\r\nX-Forwarded-For: 6.6.6.6\r\nVia: 1.1 x\r\n\r\n',
  );
  const sent = rig.backend().take();
  expect(sent).toMatch(/^GET \/x\?y=1 HTTP\/1\.1\r\nHost: a\.example\r\nX-Own: 2\r\n/);
  expect(sent).toContain('X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 80\r\n');
  expect(sent).toContain('X-Forwarded-Host: a.example\r\n');
  expect(sent).toContain('Via: 1.1 x\r\nCDN-Loop: daemun\r\n');
  expect(sent).toMatch(/X-Request-Id: [0-9a-f]{32}\r\n/);
  expect(sent).not.toMatch(/X-Hop|6\.6\.6\.6|Connection/);
  rig
    .backend()
    .deliver(
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nX-A: b\r\n\r\nok',
    );
  expect(client.take()).toBe('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nok');
  expect(rig.accesses).toMatchObject([
    { status: 200, method: 'GET', path: '/x', attempts: 1, bytesOut: 2, reason: '' },
  ]);
});

test('a trusted hop is believed: its values stay, and its address is added', async () => {
  const request =
    'GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Request-Id: mine\r\n\r\n';
  const { rig } = await asked(request, { trustedHops: ['127.0.0.0/8'] });
  const sent = rig.backend().take();
  expect(sent).toContain('X-Forwarded-For: 1.2.3.4, 127.0.0.1\r\n');
  expect(sent).toContain('X-Forwarded-Proto: https\r\n');
  expect(sent).toContain('X-Request-Id: mine\r\n');
});

test.each([
  ['application/json', '*/*', /^\{"message":".+","request_id":"[0-9a-f]{32}"\}\n$/],
  ['text/plain; charset=utf-8', 'text/plain', /^503 .+\nrequest_id: /],
  ['text/html; charset=utf-8', 'text/html,*/*', /^<!doctype html>/],
])('an answer of the gateway itself is %s where Accept is %s', async (type, accept, body) => {
  const { client } = await asked(`GET / HTTP/1.1\r\nHost: a\r\nAccept: ${accept}\r\n\r\n`, { endpoints: 0 });
  const [head, text] = client.take().split('\r\n\r\n');
  expect(head).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\n/);
  expect(head).toContain(`Content-Type: ${type}`);
  expect(text).toMatch(body);
});

test('HEAD gets the head alone, from the gateway and from the backend', async () => {
  const none = await asked('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n', { endpoints: 0 });
  const head = none.client.take();
  expect(head).toMatch(/^HTTP\/1\.1 503 [\s\S]*\r\nContent-Length: [1-9]\d*\r\n[\s\S]*\r\n\r\n$/);
  expect(head).not.toMatch(/Content-Type/i);
  const { rig, client } = await asked('HEAD / HTTP/1.1\r\nHost: a\r\n\r\nHEAL / HTTP/1.1\r\nHost: a\r\n\r\n');
  rig.backend().deliver('HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n');
  expect(client.take()).toBe('HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n');
  rig.backend().deliver(OK);
  expect(client.take()).toBe(OK);
});

test('pipelined requests are answered in their order', async () => {
  const requests = Array.from(
    { length: 16 },
    (_, i) => `POST /${i} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc`,
  );
  const { rig, client } = await asked(requests.join(''));
  for (let i = 0; i < 16; i++) {
    const sent = rig.backend(0).take();
    expect(sent).toMatch(new RegExp(`^POST /${i} `));
    expect(sent).toMatch(/\r\n\r\nabc$/);
    rig.backend(0).deliver(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-I: ${i}\r\n\r\nok`);
  }
  expect(client.take().match(/X-I: \d+/g)).toEqual(Array.from({ length: 16 }, (_, i) => `X-I: ${i}`));
  expect(rig.driver.opened).toHaveLength(1);
});

test('a client that does not read gets no further answers made for it', async () => {
  const { rig, client } = await asked(GET.repeat(20));
  const body = 'x'.repeat(70_000);
  let answered = 0;
  while (answered < 20 && rig.backend(0).take() !== '') {
    rig.backend(0).deliver(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    answered++;
  }
  expect(answered).toBe(1);
  let read = client.take();
  for (; answered < 20; answered++) {
    rig.backend(0).take();
    rig.backend(0).deliver(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    read += client.take();
  }
  expect(read.length).toBeGreaterThan(20 * body.length);
});

test('a chunked body goes both ways with its trailers, also where the backend is not connected yet', async () => {
  const body = '3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n';
  const { rig, client } = await asked(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`);
  const sent = rig.backend().take();
  expect(sent).toContain('\r\nTransfer-Encoding: chunked\r\n');
  expect(sent.slice(sent.indexOf('\r\n\r\n') + 4)).toBe(body);
  rig.backend().deliver(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}`);
  expect(client.take()).toBe(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}`);
});

test('an HTTP/1.0 client gets the body of unknown length up to the end of the connection', async () => {
  const { rig, client } = await asked('GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n');
  rig.backend().deliver('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n');
  expect(client.take()).toBe('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc');
  expect(client.closed).toBe('end');
});

test('such a body that is cut ends in a reset, so that it does not look whole', async () => {
  const { rig, client } = await asked('GET / HTTP/1.0\r\nHost: a\r\n\r\n');
  rig.backend().deliver('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
  close(rig.backend(), 'ECONNRESET');
  expect(client.closed).toBe('reset');
  expect(rig.accesses).toMatchObject([{ status: 200, reason: 'reset' }]);
});

test('what a backend sends beyond its answer never answers the next request', async () => {
  const { rig, client } = await asked(GET + GET);
  rig.backend(0).deliver(`${OK}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`);
  await settled();
  expect(client.take()).toBe(OK);
  expect(rig.driver.opened).toHaveLength(2);
  rig.backend(1).deliver(OK);
  expect(client.take()).toBe(OK);
});

test('a body over the limit is refused by its length, and while it streams', async () => {
  const limits = { maxBodyBytes: 10 };
  const byLength = await asked('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n', { limits });
  expect(byLength.client.take()).toMatch(/^HTTP\/1\.1 413 /);
  const chunks = '6\r\nabcdef\r\n'.repeat(3);
  const streamed = await asked(
    `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n${GET}`,
    { limits },
  );
  expect(streamed.client.take()).toMatch(/^HTTP\/1\.1 413 /);
  expect(streamed.rig.accesses).toMatchObject([{ status: 413, reason: 'body_too_large' }]);
  // The rest of the body was short enough to be dropped, and the next request is served.
  expect(streamed.rig.backend().take()).toMatch(/^GET \/x /);
});

test('a body over the limit cuts an answer that has begun', async () => {
  const { rig, client } = await asked(
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n',
    {
      limits: { maxBodyBytes: 10 },
    },
  );
  rig.backend().deliver('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
  client.deliver('6\r\nabcdef\r\n6\r\nabcdef\r\n');
  expect(client.take()).toBe('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n');
  expect(client.closed).toBe('end');
  expect(rig.backend().closed).toBe('reset');
  expect(rig.accesses).toMatchObject([{ status: 200, reason: 'body_too_large' }]);
});

test('a chunk that is malformed is answered with 400, and its backend request does not complete', async () => {
  const { rig, client } = await asked('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
  client.deliver('zz\r\n');
  expect(client.take()).toMatch(/^HTTP\/1\.1 400 [\s\S]*Connection: close\r\n/);
  expect(rig.backend().closed).toBe('reset');
  expect(rig.accesses).toMatchObject([{ status: 400, reason: 'malformed_request' }]);
});

test.each<[string, Partial<RouteRule>, number, string]>([
  ['request', { timeouts: { request: 1000 } }, 1000, 'timeout'],
  ['backendRequest', { timeouts: { backendRequest: 1000 } }, 1000, 'timeout'],
  ['stream idle', {}, 300_000, 'timeout'],
])('the %s timeout answers 504', async (_name, rule, after, reason) => {
  const { rig, client } = await asked(GET, withRule(rule));
  rig.pass(after - 100);
  expect(client.take()).toBe('');
  rig.pass(200);
  expect(client.take()).toMatch(/^HTTP\/1\.1 504 /);
  expect(rig.backend().closed).toBe('reset');
  expect(rig.accesses).toMatchObject([{ status: 504, reason }]);
});

test.each([
  ['timeout=5, max=100', 4_000],
  ['max=100, timeout=1', 500],
  ['timeout=600', 60_000],
  ['nonsense', 60_000],
])('an idle connection whose backend says "Keep-Alive: %s" is closed after %i ms', async (value, after) => {
  const { rig } = await asked(GET);
  rig.backend().deliver(`HTTP/1.1 200 OK\r\nKeep-Alive: ${value}\r\nContent-Length: 2\r\n\r\nok`);
  rig.pass(after - 60);
  expect(rig.backend().closed).toBe('no');
  rig.pass(120);
  expect(rig.backend().closed).toBe('end');
});

test.each([
  ['nonsense', 'SSH-2.0-x\r\n\r\n'],
  ['a bare LF', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok'],
  ['both lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['a switch nobody asked for', 'HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'],
])('a backend that answers with %s gives 502', async (_name, answer) => {
  const { rig, client } = await asked(GET);
  rig.backend().deliver(answer);
  expect(client.take()).toMatch(/^HTTP\/1\.1 502 /);
  expect(rig.backend().closed).toBe('reset');
  expect(rig.accesses).toMatchObject([{ reason: 'protocol_error' }]);
});

test('a client that goes away takes its backend request with it', async () => {
  for (const leave of [(link: MemoryLink) => close(link, 'ECONNRESET'), (link: MemoryLink) => close(link)]) {
    const { rig, client } = await asked(GET);
    leave(client);
    expect(rig.backend().closed).toBe('reset');
    expect(rig.accesses).toMatchObject([{ status: 499, reason: expect.stringMatching(/^client_/) }]);
  }
});

test('a tunnel carries what was sent ahead, and each direction ends alone', async () => {
  const { rig, client } = await asked(`${UPGRADE}early`);
  const backend = rig.backend();
  expect(backend.take()).toMatch(/Connection: upgrade\r\nUpgrade: websocket\r\n/);
  backend.deliver(`${SWITCHED}hello`);
  await settled();
  expect(client.take()).toMatch(/^HTTP\/1\.1 101 [\s\S]*Upgrade: websocket\r\n\r\nhello$/);
  expect(backend.take()).toBe('early');
  client.deliver('more');
  backend.sink.onEnd();
  expect(client.closed).toBe('end');
  client.deliver('last');
  expect(backend.take()).toBe('morelast');
  expect(backend.closed).toBe('no');
  client.sink.onEnd();
  expect(backend.closed).toBe('end');
  expect(rig.accesses).toMatchObject([{ status: 101, bytesIn: 13, bytesOut: 5, reason: '' }]);
});

test('the client may end its direction of a tunnel first', async () => {
  const { rig, client } = await asked(UPGRADE);
  const backend = rig.backend();
  backend.deliver(SWITCHED);
  client.sink.onEnd();
  expect(backend.closed).toBe('end');
  backend.deliver('rest');
  expect(client.take()).toMatch(/rest$/);
  backend.sink.onEnd();
  expect(client.closed).toBe('end');
  expect(rig.accesses).toMatchObject([{ status: 101, reason: '' }]);
});

test('mirrors get a whole copy, trailers included, and nobody hears of them again', async () => {
  const mirror = (backend: string) => ({
    type: 'RequestMirror' as const,
    backend,
    fraction: { numerator: 1, denominator: 1 },
  });
  const { rig, client } = await asked(
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n',
    { backends: ['m', 'n'], rule: { filters: [mirror('d/m:80'), mirror('d/n:80')] } },
  );
  const sent = rig.driver.opened.map(({ link }) => link.take());
  expect(sent).toHaveLength(3);
  expect(sent[1]).toBe(sent[0]);
  expect(sent[2]).toBe(sent[0]);
  const main = rig.driver.opened.findIndex(({ target }) => target.port === FIRST_PORT);
  rig.backend(main).deliver(OK);
  expect(client.take()).toBe(OK);
  rig.pass(300_100);
  rig.driver.opened.forEach(({ link }, i) => {
    if (i !== main) expect(link.closed).toBe('reset');
  });
});

test('a head that comes byte by byte is read, and one that does not come whole gets 408', async () => {
  const { rig, client } = await asked('');
  for (const byte of GET) client.deliver(byte);
  await settled();
  rig.backend().deliver(OK);
  expect(client.take()).toBe(OK);
  client.deliver('GET / HTTP/1.1\r\nHost:');
  rig.pass(10_000);
  client.deliver(' a');
  rig.pass(5_100);
  expect(client.take()).toMatch(/^HTTP\/1\.1 408 [\s\S]*Connection: close\r\n/);
  expect(rig.accesses.at(-1)).toMatchObject({ status: 408, reason: 'head_timeout' });
});

test('a drained connection hears that its next answer is the last', async () => {
  const { rig, client } = await asked(GET);
  rig.backend().deliver(OK);
  client.take();
  void rig.service.connections.drain(60_000);
  client.deliver(GET);
  rig.backend().deliver(OK);
  expect(client.take()).toContain('Connection: close\r\n');
  expect(client.closed).toBe('end');
  const idle = rig.connect();
  rig.pass(600);
  expect(idle.closed).toBe('leave');
});

test('a slow reader of the last answer is waited for', async () => {
  const { rig, client } = await asked('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  rig.backend().deliver(OK);
  rig.pass(2_100);
  expect(client.closed).toBe('end');
  client.take();
  rig.pass(2_100);
  expect(client.closed).toBe('leave');
});

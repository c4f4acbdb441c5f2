/** A connection to a backend: when it is used again, and when it is given up. */
import { describe, expect, test, vi } from 'vitest';
import { ARENA, RECV_START } from '../../ground/arena.ts';
import { BODY_LENGTH, BODY_NONE, BODY_OPEN, BODY_TUNNEL, type Failure, type Upstream } from '../../ground/codec.ts';
import { DeadlineWheel, WHEEL_TICK } from '../../ground/deadline.ts';
import type { Head } from '../../ground/head.ts';
import { MemoryDriver, type MemoryLink } from '../../listen/index.ts';
import { BackendState } from '../../state/index.ts';
import { CONNECT_TIMEOUT, type OpenWaiter, UPSTREAM_IDLE_TIMEOUT } from '../../upstream/connection.ts';
import { ConnectionPool } from '../../upstream/pool.ts';
import { H1ClientConnection } from './client.ts';

/** Notes what a request hears. */
class Request implements OpenWaiter {
  readonly heard: string[] = [];
  upstream: Upstream | undefined;
  upstreamReady(upstream: Upstream): void {
    this.upstream = upstream;
  }
  upstreamUnavailable(why: Failure): void {
    this.heard.push(`unavailable ${why}`);
  }
  responseInformational(head: Head): void {
    this.heard.push(`informational ${head.status}`);
  }
  responseHead(head: Head, framing: number): void {
    this.heard.push(`head ${head.status} ${framing}`);
  }
  responseBody(start: number, end: number): void {
    this.heard.push(`body ${ARENA.latin1Slice(start, end)}`);
  }
  responseEnd(): void {
    this.heard.push('end');
  }
  upstreamFailed(why: Failure, sawBytes: boolean): void {
    this.heard.push(`failed ${why} ${sawBytes}`);
  }
  upstreamDrained(): void {
    this.heard.push('drained');
  }
  flushes = 0;
  responseFlush(): void {
    this.flushes++;
  }
}

class Rig {
  readonly #wheel: DeadlineWheel;
  readonly driver = new MemoryDriver();
  readonly pool: ConnectionPool;
  #time = 0;

  constructor() {
    this.#wheel = new DeadlineWheel(() => this.#time);
    this.driver.onConnect = () => {};
    const health = new BackendState(this.#wheel).endpoints.hold('');
    const target = { address: '10.0.0.1', port: 80, tls: undefined, health };
    const world = { driver: this.driver, wheel: this.#wheel };
    this.pool = new ConnectionPool(world, target, (pool) => new H1ClientConnection(pool));
  }

  link(index = 0): MemoryLink {
    return this.driver.opened[index]!.link;
  }

  pass(milliseconds: number): void {
    this.#time += milliseconds;
    this.#wheel.advance();
  }

  /** A request on a connection that is idle, or on a new one that opens now. */
  request(head = 'GET / HTTP/1.1\r\n'): Request {
    const request = new Request();
    const upstream = this.pool.open(request);
    if (upstream !== null) request.upstream = upstream;
    else this.link(this.driver.opened.length - 1).sink.onOpen();
    request.upstream!.sendHead(head, BODY_NONE);
    request.upstream!.sendEnd(0, 0);
    return request;
  }
}

const EMPTY = 'HTTP/1.1 204 No Content\r\n\r\n';

test('is used again after a whole answer, and told of as it comes', () => {
  const rig = new Rig();
  const first = rig.request();
  rig.link().deliver('HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n');
  rig.link().deliver('HTTP/1.1 200 OK\r\ncontent-len');
  rig.link().deliver('gth: 4\r\n\r\nab');
  rig.link().deliver('cd');
  expect(first.heard).toEqual(['informational 103', `head 200 ${BODY_LENGTH}`, 'body ab', 'body cd', 'end']);
  // After each read but the last, with which it went on to the next.
  expect(first.flushes).toBe(3);
  const second = rig.request();
  rig.link().deliver('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n');
  expect(second.heard).toEqual([`head 200 ${BODY_OPEN}`, 'body x', 'end']);
  expect(rig.driver.opened).toHaveLength(1);
});

test.each([
  ['a length', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n'],
  ['chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\nHTTP/1.1'],
  ['no body', `${EMPTY}x`],
  ['an empty body', 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nx'],
])('is not used again where bytes follow an answer with %s', (_, answer) => {
  const rig = new Rig();
  const request = rig.request();
  rig.link().deliver(answer);
  expect(request.heard.at(-1)).toBe('end');
  expect(rig.link().closed).toBe('end');
  rig.request();
  expect(rig.driver.opened).toHaveLength(2);
});

test.each([
  ['a length', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nxy'],
  ['chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nxy\r\n0\r\n\r\n'],
  ['chunks in a row', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n1\r\ny\r\n0\r\n\r\n'],
  ['no length', 'HTTP/1.1 200 OK\r\n\r\nxy'],
])('may be aborted by whoever takes a body with %s', (_, answer) => {
  const rig = new Rig();
  const request = rig.request();
  request.responseBody = () => {
    request.heard.push('aborts');
    request.upstream!.abort('closed_early');
  };
  rig.link().deliver(answer);
  expect(request.heard.slice(1)).toEqual(['aborts']);
  expect(rig.link().closed).toBe('reset');
  rig.link().sink.onEnd();
  rig.link().sink.onClose(undefined);
  rig.request();
  expect(rig.driver.opened).toHaveLength(2);
});

test('is given up where the backend speaks unasked', () => {
  const rig = new Rig();
  rig.request();
  rig.link().deliver(EMPTY);
  rig.link().deliver('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
  expect(rig.link().closed).toBe('reset');
  const next = rig.request();
  expect([rig.driver.opened.length, next.heard]).toEqual([2, []]);
});

test('an answer to HEAD has no body, whatever it says', () => {
  const rig = new Rig();
  const request = rig.request('HEAD / HTTP/1.1\r\n');
  rig.link().deliver('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
  expect(request.heard).toEqual([`head 200 ${BODY_NONE}`, 'end']);
  const other = rig.request();
  rig.link().deliver('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
  expect(other.heard).toEqual([`head 200 ${BODY_LENGTH}`, 'end']);
  expect(rig.link().closed).toBe('no');
});

test('ends politely where the backend asks for it, and by force where its end does not come', () => {
  const rig = new Rig();
  rig.request();
  rig.link().deliver('HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n');
  expect(rig.link().closed).toBe('end');
  rig.pass(4_900);
  expect(rig.link().closed).toBe('end');
  rig.pass(200);
  expect(rig.link().closed).toBe('reset');
});

test('rests for the idle timeout, or for less where the backend says when it closes', () => {
  const rig = new Rig();
  rig.request();
  rig.link().deliver(EMPTY);
  rig.pass(UPSTREAM_IDLE_TIMEOUT - WHEEL_TICK);
  expect(rig.link().closed).toBe('no');
  rig.pass(2 * WHEEL_TICK);
  expect(rig.link().closed).toBe('end');
  const second = rig.request();
  rig.link(1).deliver('HTTP/1.1 204 No Content\r\nkeep-alive: max=9, timeout=5\r\n\r\n');
  rig.pass(3_900);
  expect([second.heard.at(-1), rig.link(1).closed]).toEqual(['end', 'no']);
  rig.pass(200);
  expect(rig.link(1).closed).toBe('end');
});

test('ends when its pool retires: at once where it is idle, else after its answer', () => {
  const rig = new Rig();
  const busy = rig.request();
  rig.request();
  rig.link(1).deliver(EMPTY);
  rig.pool.retire();
  expect([rig.link(0).closed, rig.link(1).closed]).toEqual(['no', 'end']);
  rig.link(0).deliver(EMPTY);
  expect([busy.heard.at(-1), rig.link(0).closed]).toEqual(['end', 'end']);
});

test('takes idle ones with it that are as silent as it is, after a timeout', () => {
  const rig = new Rig();
  const first = rig.request();
  const second = rig.request();
  rig.link(0).deliver(EMPTY);
  rig.link(1).deliver(EMPTY);
  expect([first.heard.length, second.heard.length]).toEqual([2, 2]);
  rig.pass(1_000);
  const lost = rig.request();
  rig.pass(1_000);
  lost.upstream!.abort('timeout');
  expect([rig.link(0).closed, rig.link(1).closed].sort()).toEqual(['end', 'reset']);
});

test('leaves idle ones alone where the answer had begun before the timeout', () => {
  const rig = new Rig();
  rig.request();
  rig.request();
  rig.link(0).deliver(EMPTY);
  rig.link(1).deliver(EMPTY);
  rig.pass(1_000);
  const slow = rig.request();
  rig.link(1).deliver('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n');
  slow.upstream!.abort('timeout');
  expect([rig.link(0).closed, rig.link(1).closed]).toEqual(['no', 'reset']);
});

test.each([100, 20_000])(
  'says when it takes no more of a body, in pieces of %d bytes, and when it does again',
  (size) => {
    const rig = new Rig();
    const request = new Request();
    rig.pool.open(request);
    rig.link().sink.onOpen();
    request.upstream!.sendHead('POST / HTTP/1.1\r\n', BODY_OPEN);
    let sent = 0;
    let more = true;
    while (more && sent < 4_000_000) {
      more = request.upstream!.sendBody(RECV_START, RECV_START + size);
      request.upstream!.flush();
      sent += size;
    }
    expect(more).toBe(false);
    expect(request.heard).toEqual([]);
    rig.link().take();
    expect(request.heard).toEqual(['drained']);
    expect(request.upstream!.sendBody(RECV_START, RECV_START + 100)).toBe(true);
  },
);

test('gives up where it does not come about, and makes room for others', () => {
  const rig = new Rig();
  const first = new Request();
  rig.pool.open(first);
  rig.pass(CONNECT_TIMEOUT + WHEEL_TICK);
  expect([first.heard, rig.link().closed]).toEqual([['unavailable connect_timeout'], 'reset']);
  rig.link().sink.onClose(undefined);
  expect([first.heard.length, rig.pool.load]).toEqual([1, 0]);
});

test('a close in the middle of an answer fails its request, once, and leaves no connection behind', () => {
  const rig = new Rig();
  const request = rig.request();
  rig.link().deliver('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab');
  rig.link().sink.onClose(Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
  expect(request.heard.at(-1)).toBe('failed reset true');
  expect(rig.pool.load).toBe(0);
  const closed = rig.request();
  rig.link(1).deliver('HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n');
  rig.link(1).sink.onClose(undefined);
  expect([closed.heard.at(-1), rig.pool.load]).toEqual(['end', 0]);
});

test('sends the head, the body in chunks and the end as they are given', () => {
  const rig = new Rig();
  const request = new Request();
  rig.pool.open(request);
  rig.link().sink.onOpen();
  request.upstream!.sendHead('POST / HTTP/1.1\r\nhost: a\r\n', BODY_OPEN);
  const end = RECV_START + ARENA.latin1Write('abc', RECV_START);
  request.upstream!.sendBody(RECV_START, end);
  request.upstream!.sendEnd(0, 0);
  expect(rig.link().take()).toBe('POST / HTTP/1.1\r\nhost: a\r\n\r\n3\r\nabc\r\n0\r\n\r\n');
  rig.link().deliver(EMPTY);
  const next = new Request();
  next.upstream = rig.pool.open(next)!;
  next.upstream.sendHead('POST / HTTP/1.1\r\ncontent-length: 3\r\n', BODY_LENGTH);
  next.upstream.sendBody(RECV_START, RECV_START + ARENA.latin1Write('xyz', RECV_START));
  next.upstream.sendEnd(0, 0);
  expect(rig.link().take()).toBe('POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nxyz');
});

test('is not used again where the answer comes before the request is sent', () => {
  const rig = new Rig();
  const request = new Request();
  rig.pool.open(request);
  rig.link().sink.onOpen();
  request.upstream!.sendHead('POST / HTTP/1.1\r\ncontent-length: 3\r\n', BODY_LENGTH);
  request.upstream!.flush();
  rig.link().deliver(EMPTY);
  expect([request.heard.at(-1), rig.link().closed]).toEqual(['end', 'reset']);
});

test('an answer without a length ends with the connection, and one with a length is cut short by its end', () => {
  const rig = new Rig();
  const whole = rig.request();
  rig.link().deliver('HTTP/1.1 200 OK\r\n\r\nab');
  rig.link().sink.onEnd();
  expect(whole.heard).toEqual([`head 200 ${BODY_OPEN}`, 'body ab', 'end']);
  expect(rig.link().closed).toBe('end');
  const cut = rig.request();
  rig.link(1).deliver('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab');
  rig.link(1).sink.onEnd();
  expect(cut.heard.at(-1)).toBe('failed closed_early true');
  expect(rig.link(1).closed).toBe('reset');
});

test.each([
  ['one byte at a time', 1],
  ['seven bytes at a time', 7],
])('reads an answer that comes %s', (_, size) => {
  const rig = new Rig();
  const request = rig.request();
  const answer = 'HTTP/1.1 200 OK\r\nserver: a\r\ncontent-length: 2\r\n\r\nab';
  for (let at = 0; at < answer.length; at += size) rig.link().deliver(answer.slice(at, at + size));
  expect(request.heard.filter((one) => !one.startsWith('body'))).toEqual([`head 200 ${BODY_LENGTH}`, 'end']);
  const body = request.heard.filter((one) => one.startsWith('body ')).map((one) => one.slice('body '.length));
  expect(body.join('')).toBe('ab');
  expect(rig.link().closed).toBe('no');
});

test('what is no answer fails the request and ends the connection', () => {
  const rig = new Rig();
  const request = rig.request();
  rig.link().deliver('SSH-2.0-OpenSSH\r\n\r\n');
  expect([request.heard, rig.link().closed]).toEqual([['failed protocol_error true'], 'reset']);
});

test('a 304 has no body, whatever length it tells', () => {
  const rig = new Rig();
  const request = rig.request();
  rig.link().deliver('HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n');
  expect([request.heard, rig.link().closed]).toEqual([[`head 304 ${BODY_NONE}`, 'end'], 'no']);
});

test('takes those with it that answered last before the request was sent', () => {
  const rig = new Rig();
  const [first, second] = [rig.request(), rig.request()];
  rig.pass(1_000);
  rig.link(0).deliver(EMPTY);
  rig.link(1).deliver(EMPTY);
  expect([first.heard.length, second.heard.length]).toEqual([2, 2]);
  rig.pass(1_000);
  const lost = rig.request();
  rig.pass(1_000);
  lost.upstream!.abort('timeout');
  expect([rig.link(0).closed, rig.link(1).closed].sort()).toEqual(['end', 'reset']);
});

test('sends each byte once, however often it is told to send what there is', () => {
  const rig = new Rig();
  const request = new Request();
  rig.pool.open(request);
  rig.link().sink.onOpen();
  request.upstream!.sendHead('POST / HTTP/1.1\r\n', BODY_OPEN);
  request.upstream!.flush();
  request.upstream!.flush();
  const start = RECV_START + 100;
  request.upstream!.sendBody(start, start + ARENA.latin1Write('abc', start));
  request.upstream!.flush();
  request.upstream!.sendEnd(0, 0);
  expect(rig.link().take()).toBe('POST / HTTP/1.1\r\n\r\n3\r\nabc\r\n0\r\n\r\n');
});

test('spares idle ones that have answered since the request was sent that timed out', () => {
  const rig = new Rig();
  const [lost, answered] = [rig.request(), rig.request()];
  rig.pass(1_000);
  rig.link(1).deliver(EMPTY);
  expect(answered.heard.at(-1)).toBe('end');
  lost.upstream!.abort('timeout');
  expect([rig.link(0).closed, rig.link(1).closed]).toEqual(['reset', 'no']);
});

describe('a tunnel', () => {
  /** Its request also hears when only the backend has ended. */
  function tunnel(): { rig: Rig; request: Request } {
    const rig = new Rig();
    const request = new Request();
    Object.assign(request, {
      tunnelHalfEnded: () => {
        request.heard.push('half');
        return true;
      },
    });
    rig.pool.open(request);
    rig.link().sink.onOpen();
    request.upstream!.sendHead('GET / HTTP/1.1\r\nupgrade: x\r\n', BODY_TUNNEL);
    request.upstream!.flush();
    rig.link().deliver('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nhello');
    expect(request.heard).toEqual([`head 101 ${BODY_TUNNEL}`, 'body hello']);
    return { rig, request };
  }

  test('that the client ends first is over with the backend, and its connection is not used again', () => {
    const { rig, request } = tunnel();
    request.upstream!.sendEnd(0, 0);
    expect([request.heard.length, rig.link().closed]).toEqual([2, 'end']);
    rig.link().sink.onEnd();
    expect(request.heard.slice(2)).toEqual(['end']);
    rig.request();
    expect(rig.driver.opened).toHaveLength(2);
  });

  test('that the backend ends first goes on the other way until the client ends it', () => {
    const { rig, request } = tunnel();
    rig.link().sink.onEnd();
    expect([request.heard.slice(2), rig.link().closed]).toEqual([['half'], 'no']);
    request.upstream!.sendBody(RECV_START, RECV_START + ARENA.latin1Write('more', RECV_START));
    request.upstream!.flush();
    expect(rig.link().take()).toContain('more');
    request.upstream!.sendEnd(0, 0);
    expect([rig.link().closed, rig.pool.load]).toEqual(['end', 0]);
  });
});

test('one that could not be opened in time is told of once, whatever comes of it', () => {
  const rig = new Rig();
  const refused = vi.spyOn(rig.pool, 'refused');
  rig.pool.open(new Request());
  rig.pass(CONNECT_TIMEOUT + WHEEL_TICK);
  rig.link().sink.onClose(undefined);
  expect(refused).toHaveBeenCalledTimes(1);
});

test('100 is no answer, and 304 has no body, though it tells a length', () => {
  const rig = new Rig();
  const request = rig.request();
  rig.link().deliver('HTTP/1.1 100 Continue\r\n\r\n');
  rig.link().deliver('HTTP/1.1 304 Not Modified\r\ncontent-length: 0\r\n\r\n');
  expect(request.heard).toEqual(['informational 100', `head 304 ${BODY_NONE}`, 'end']);
});

test('answers in chunks follow one another', () => {
  const rig = new Rig();
  for (let i = 0; i < 3; i++) {
    const request = rig.request();
    rig.link().deliver('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n');
    expect(request.heard).toEqual([`head 200 ${BODY_OPEN}`, 'body x', 'end']);
  }
  expect(rig.driver.opened).toHaveLength(1);
});

test('bytes that come after it was closed change nothing', () => {
  const rig = new Rig();
  rig.request();
  rig.link().deliver('HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n');
  rig.link().deliver(EMPTY);
  expect([rig.link().closed, rig.pool.load]).toEqual(['end', 0]);
});

test.each([
  [undefined, 'closed_early'],
  ['ECONNREFUSED', 'connect_refused'],
  ['ETIMEDOUT', 'connect_timeout'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls_failed'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls_failed'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls_failed'],
  ['CERT_HAS_EXPIRED', 'tls_failed'],
])('where it cannot be opened because of %s, its request hears %s', (code, why) => {
  const rig = new Rig();
  const request = new Request();
  rig.pool.open(request);
  rig.link().sink.onClose(code === undefined ? undefined : Object.assign(new Error(code), { code }));
  expect(request.heard).toEqual([`unavailable ${why}`]);
});

/** What a request hears when its connection to a backend ends, and what of it is used again: found by the mutation run. */
import { expect, test } from 'vitest';
import { ARENA, RECV_START } from '../../ground/arena.ts';
import {
  BODY_LENGTH,
  BODY_NONE,
  BODY_OPEN,
  type BodyFraming,
  type Failure,
  type Upstream,
} from '../../ground/codec.ts';
import { DeadlineWheel } from '../../ground/deadline.ts';
import { MemoryDriver, type MemoryLink } from '../../listen/index.ts';
import { BackendState } from '../../state/index.ts';
import type { EndpointTarget, OpenWaiter } from '../../upstream/connection.ts';
import { ConnectionPool } from '../../upstream/pool.ts';
import { H1ClientConnection } from './client.ts';

class Request {
  readonly heard: string[] = [];
  upstream: Upstream | undefined;
  upstreamReady(upstream: Upstream): void {
    this.upstream = upstream;
  }
  upstreamUnavailable(why: Failure): void {
    this.heard.push(`unavailable ${why}`);
  }
  responseHead(): void {}
  responseBody(): void {}
  responseFlush(): void {}
  responseEnd(trailersStart: number, trailersEnd: number): void {
    this.heard.push(`end ${ARENA.latin1Slice(trailersStart, trailersEnd)}`);
  }
  upstreamFailed(why: Failure): void {
    this.heard.push(`failed ${why}`);
  }
}

function rigOf(more: Partial<EndpointTarget> = {}) {
  const wheel = new DeadlineWheel(() => 0);
  const driver = new MemoryDriver();
  driver.onConnect = () => {};
  const health = new BackendState(wheel).endpoints.hold('');
  const target = { address: '10.0.0.1', port: 80, tls: undefined, health, ...more };
  const pool = new ConnectionPool({ driver, wheel }, target, (own, link) => new H1ClientConnection(own, link));
  const link = (index = 0): MemoryLink => driver.opened[index]!.link;
  const open = (): Request => {
    const request = new Request();
    const upstream = pool.open(request as unknown as OpenWaiter);
    if (upstream !== null) request.upstream = upstream;
    return request;
  };
  /** A request whose head was sent, and of whose body there is more to come unless it has none. */
  const begun = (framing: BodyFraming = BODY_NONE): Request => {
    const request = open();
    if (request.upstream === undefined) link(driver.opened.length - 1).sink.onOpen();
    request.upstream!.sendHead('POST / HTTP/1.1\r\n', framing);
    if (framing === BODY_NONE) request.upstream!.sendEnd(0, 0);
    return request;
  };
  return { driver, pool, link, open, begun };
}

const WHOLE = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

test.each<[what: string, framing: BodyFraming]>([
  ['a length', BODY_LENGTH],
  ['chunks', BODY_OPEN],
])('an answer before all of a request with %s has left is the last of its connection', (_, framing) => {
  const { driver, link, begun } = rigOf();
  const early = begun(framing);
  link().deliver(WHOLE);
  expect([early.heard, link().closed]).toEqual([['end '], 'reset']);
  begun();
  expect(driver.opened).toHaveLength(2);
});

test('a request hears once that its backend ended before an answer, whatever else comes of the connection', () => {
  const { link, begun } = rigOf();
  const request = begun();
  link().sink.onEnd();
  link().sink.onClose(undefined);
  expect(request.heard).toEqual(['failed closed_early']);
});

test('who waits hears where a backend ends a connection that is not open yet', () => {
  const { link, open } = rigOf();
  const request = open();
  link().sink.onEnd();
  link().sink.onClose(undefined);
  expect(request.heard).toEqual(['unavailable closed_early']);
});

test('an answer without trailers ends with none, and one with some with these', () => {
  const { link, begun } = rigOf();
  ARENA.latin1Write('left over', 0);
  const plain = begun();
  link().deliver(WHOLE);
  const trailed = begun();
  link().deliver('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-sum: 1\r\n\r\n');
  expect(plain.heard).toEqual(['end ']);
  expect(trailed.heard[0]).toMatch(/^end x-sum: 1\r\n/i);
});

test('a connection that is closed in good order is read to its end, though its last answer was held back', () => {
  const { link, begun } = rigOf();
  const request = begun();
  link().deliver('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n');
  request.upstream!.pauseBody();
  // What had been read before it was held back.
  link().sink.onBytes(RECV_START, RECV_START + ARENA.latin1Write('ok', RECV_START));
  expect([request.heard, link().closed, link().paused]).toEqual([['end '], 'end', false]);
});

test('where the other version may be agreed on, one that agrees on this one serves', () => {
  const { link, open } = rigOf({ otherwise: () => true });
  const request = open();
  link().tls = { alpn: 'http/1.1' } as never;
  link().sink.onOpen();
  request.upstream!.sendHead('GET / HTTP/1.1\r\n', BODY_NONE);
  request.upstream!.sendEnd(0, 0);
  link().deliver(WHOLE);
  expect(request.heard).toEqual(['end ']);
});

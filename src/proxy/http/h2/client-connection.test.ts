/** What connections to HTTP/2 backends do at their edges: found by the mutation run (docs/mutation.md). */
import { describe, expect, test, vi } from 'vitest';
import { BODY_NONE, BODY_TUNNEL } from '../../ground/codec.ts';
import { UPSTREAM_IDLE_TIMEOUT } from '../../upstream/connection.ts';
import { RawBackend, Waiter } from './backend.fixture.ts';
import * as frame from './frame.ts';
import { turn, word } from './wire.fixture.ts';

const GET = 'GET / HTTP/1.1\r\nHost: b.example\r\n';
const OK: Array<[string, string]> = [[':status', '200']];

async function opened(): Promise<RawBackend> {
  const backend = new RawBackend();
  new Waiter(GET, BODY_NONE).open(backend.pool);
  await turn();
  backend.send(frame.SETTINGS, 0, 0);
  backend.send(frame.SETTINGS, frame.ACK, 0);
  backend.respond(1, OK);
  await backend.said();
  return backend;
}

/** Time, in which the backend answers PINGs. */
function pass(backend: RawBackend, milliseconds: number): void {
  for (let at = 0; at <= milliseconds; at += 500) {
    backend.now += 500;
    backend.wheel.advance();
    if (backend.link().closed === 'no') backend.send(frame.PING, frame.ACK, 0, 'alive?  ');
  }
}

describe('a connection that takes no more', () => {
  test('ends with its last stream, also where that is given up', async () => {
    const backend = await opened();
    const waiter = new Waiter(GET, BODY_NONE).open(backend.pool);
    backend.pool.retire();
    expect(backend.link().closed).toBe('no');
    waiter.up!.abort('closed_early');
    await turn();
    expect(backend.link().closed).not.toBe('no');
  });

  test('ends when its PING is answered, where that was the last that was waited for', async () => {
    const backend = await opened();
    const slow = new Waiter(GET, BODY_NONE).open(backend.pool);
    slow.up!.abort('timeout');
    await turn();
    expect(backend.link().closed).toBe('no');
    backend.send(frame.PING, frame.ACK, 0, 'alive?  ');
    expect(backend.link().closed).not.toBe('no');
  });
});

test('an idle connection says so, counts from its last request, and ends', async () => {
  const backend = await opened();
  pass(backend, UPSTREAM_IDLE_TIMEOUT / 2);
  new Waiter(GET, BODY_NONE).open(backend.pool);
  backend.respond(3, OK);
  pass(backend, UPSTREAM_IDLE_TIMEOUT * 0.7);
  expect(backend.link().closed).toBe('no');
  await backend.said();
  pass(backend, UPSTREAM_IDLE_TIMEOUT);
  expect((await backend.said()).at(-1)).toBe(
    `${frame.GOAWAY} 0 0 ${Buffer.concat([word(0), word(frame.NO_ERROR)]).toString('latin1')}idle`,
  );
  expect(backend.link().closed).not.toBe('no');
});

/** Must not be sent twice. */
class OnceWaiter extends Waiter {
  readonly once = true;
}

describe('a connection that was used before', () => {
  test('is told as such to who gets it', async () => {
    const backend = new RawBackend();
    const waiters = Array.from({ length: 3 }, () => {
      const waiter = new Waiter(GET, BODY_NONE);
      return { waiter, ready: vi.spyOn(waiter, 'upstreamReady') };
    });
    for (const { waiter } of waiters) waiter.open(backend.pool);
    await turn();
    expect(backend.driver.opened).toHaveLength(1);
    expect(waiters.map(({ ready }) => (ready.mock.calls as unknown[][])[0]![1])).toEqual([false, true, true]);
  });

  /** How many connections there are once a request was sent that must not be sent twice. */
  async function afterOnce(backend: RawBackend, ended: boolean): Promise<number> {
    Object.assign(backend.link(), { hasEnded: () => ended });
    new OnceWaiter(GET, BODY_NONE).open(backend.pool);
    await turn();
    return backend.driver.opened.length;
  }

  test('has nothing sent on it twice where its backend has closed it', async () => {
    expect(await afterOnce(await opened(), true)).toBe(2);
    expect(await afterOnce(await opened(), false)).toBe(1);
  });

  test('is not asked for its end while requests are under way, whose answers may be there', async () => {
    const backend = await opened();
    new Waiter(GET, BODY_NONE).open(backend.pool);
    expect(await afterOnce(backend, true)).toBe(1);
  });

  test('and not before its first, when the backend says how it is', async () => {
    const backend = new RawBackend();
    const waiter = new Waiter(GET, BODY_NONE).open(backend.pool);
    backend.pool.cancel(waiter);
    await turn();
    expect(await afterOnce(backend, true)).toBe(1);
  });
});

test('a request that cannot be sent fails after its call, and leaves nothing; one that is given up hears nothing', async () => {
  const upgrade = 'Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
  // Its SETTINGS allow no tunnel.
  const backend = await opened();
  const waiter = new Waiter(`${GET}${upgrade}`, BODY_TUNNEL).open(backend.pool);
  expect([waiter.events, backend.pool.load]).toEqual([[], 1]);
  await turn();
  expect([waiter.events, backend.pool.load]).toEqual([['failed protocol_error false'], 0]);
  const left = new Waiter(`${GET}${upgrade}`, BODY_TUNNEL).open(backend.pool);
  left.up!.abort('closed_early');
  await turn();
  expect([left.events, backend.pool.load]).toEqual([[], 0]);
});

describe('a connection of so many requests', () => {
  const linksOf = async (most: number, count: number): Promise<number> => {
    const backend = new RawBackend({ requestsPerConnection: most });
    for (let i = 0; i < count; i++) {
      const waiter = new Waiter(GET, BODY_NONE).open(backend.pool);
      await turn();
      waiter.up!.abort('closed_early');
      await turn();
    }
    return backend.driver.opened.length;
  };

  test.each([
    [0, 6, 1],
    [1, 3, 3],
    [2, 4, 2],
    [2, 5, 3],
    [3, 3, 1],
    [3, 4, 2],
  ])('%j: %j requests go over %j connections', async (most, count, links) => {
    expect(await linksOf(most, count)).toBe(links);
  });
});

describe('a backend that cannot be connected to', () => {
  test('that ends the connection before it is open closed early, and is told of once', async () => {
    const backend = new RawBackend();
    backend.driver.onConnect = () => undefined;
    const waiter = new Waiter(GET, BODY_NONE).open(backend.pool);
    backend.link().sink.onClose(undefined);
    await turn();
    expect(waiter.events).toEqual(['unavailable closed_early']);
  });

  test('and one whose TLS speaks no HTTP/2 breaks the protocol', async () => {
    const backend = new RawBackend();
    backend.driver.onConnect = () => undefined;
    const waiter = new Waiter(GET, BODY_NONE).open(backend.pool);
    const link = backend.link();
    link.tls = { serverName: '', alpn: 'http/1.1', version: '', cipher: '', peerVerified: false };
    link.sink.onOpen();
    const evictions = backend.pool.health.evictedUntil;
    link.sink.onClose(undefined);
    await turn();
    expect(waiter.events).toEqual(['unavailable protocol_error']);
    expect(backend.pool.health.evictedUntil).toBe(evictions);
  });
});

describe('heads of a backend', () => {
  test('on the stream that would be opened next end the connection', async () => {
    const backend = await opened();
    const waiter = new Waiter(GET, BODY_NONE).open(backend.pool);
    await backend.said();
    backend.respond(5, OK);
    expect((await backend.said()).at(-1)).toContain('HEADERS on a stream that was not opened');
    expect(waiter.events.at(-1)).toMatch(/^failed protocol_error/);
  });

  test('that end a stream short of its length fail it', async () => {
    const backend = await opened();
    const waiter = new Waiter(GET, BODY_NONE).open(backend.pool);
    backend.respond(3, [...OK, ['content-length', '5']], false);
    backend.send(frame.DATA, 0, 3, 'abc');
    backend.respond(3, [['x-sum', '1']]);
    expect(waiter.events.at(-1)).toBe('failed protocol_error true');
  });
});

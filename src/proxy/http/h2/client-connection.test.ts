/** What connections to HTTP/2 backends do at their edges: found by the mutation run (docs/mutation.md). */
import { describe, expect, test } from 'vitest';
import { BODY_NONE } from '../../ground/codec.ts';
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

/** Connections of HTTP/2 to one endpoint: how many there are, who waits for them, and when they go. */
import { expect, test } from 'vitest';
import { BODY_NONE } from '../../ground/codec.ts';
import { BackendState, FIRST_EVICTION } from '../../state/index.ts';
import { CONNECT_TIMEOUT, DEFAULT_ENDPOINT_LIMITS } from '../../upstream/index.ts';
import { RawBackend, Waiter } from './backend.fixture.ts';
import { FIRST_STREAMS } from './client-connection.ts';
import * as frame from './frame.ts';
import { H2Pool, MAX_H2_CONNECTIONS, MAX_SHUT_CONNECTIONS, SHUT_PATIENCE } from './pool.ts';
import { block, frameBytes, setting, turn } from './wire.fixture.ts';

const GET = 'GET / HTTP/1.1\r\nHost: b.example\r\n';
const OK: Array<[string, string]> = [[':status', '200']];
const ONE_STREAM = setting(3, 1);

function ask(backend: RawBackend): Waiter {
  return new Waiter(GET, BODY_NONE).open(backend.pool);
}

/** The connection that was opened last may have so many streams at a time. */
function settle(backend: RawBackend, settings: Buffer = Buffer.alloc(0)): void {
  backend.send(frame.SETTINGS, 0, 0, settings);
  backend.send(frame.SETTINGS, frame.ACK, 0);
}

function pass(backend: RawBackend, milliseconds: number): void {
  for (let at = 0; at < milliseconds; at += 500) {
    backend.now += 500;
    backend.wheel.advance();
  }
}

test('it says where its endpoint is', () => {
  const { pool } = new RawBackend();
  expect(pool).toMatchObject({ address: '127.0.0.1', port: 80, label: '127.0.0.1:80' });
});

test('its load is requests under way and those who wait', async () => {
  const backend = new RawBackend();
  ask(backend);
  const cancelled = ask(backend);
  expect(backend.pool.load).toBe(2);
  backend.pool.cancel(cancelled);
  expect(backend.pool.load).toBe(1);
  await turn();
  settle(backend);
  expect([cancelled.up, backend.pool.load]).toEqual([null, 1]);
  backend.respond(1, OK);
  expect(backend.pool.load).toBe(0);
});

test('further connections are opened one at a time, up to so many as there may be', async () => {
  const backend = new RawBackend();
  for (let count = 1; count <= MAX_H2_CONNECTIONS; count++) {
    ask(backend);
    expect(backend.driver.opened).toHaveLength(count);
    await turn();
    settle(backend, ONE_STREAM);
  }
  expect([ask(backend).up, backend.driver.opened.length]).toEqual([null, MAX_H2_CONNECTIONS]);
});

test('fewer where the endpoint may have fewer', async () => {
  const backend = new RawBackend();
  const health = new BackendState(backend.wheel).endpoints.hold('');
  const target = {
    address: '127.0.0.1',
    port: 80,
    tls: undefined,
    health,
    limits: { ...DEFAULT_ENDPOINT_LIMITS, connections: 1, pending: 10 },
  };
  const pool = new H2Pool(backend, target);
  new Waiter(GET, BODY_NONE).open(pool);
  await turn();
  settle(backend, ONE_STREAM);
  expect([new Waiter(GET, BODY_NONE).open(pool).up, backend.driver.opened.length]).toEqual([null, 1]);
});

test('a connection that opens clears what refusals said of the endpoint, and the time for opening it', async () => {
  const backend = new RawBackend();
  backend.pool.health.refused();
  expect(backend.pool.health.evictedUntil).toBe(FIRST_EVICTION);
  const waiter = ask(backend);
  await turn();
  expect(backend.pool.health.evictedUntil).toBe(0);
  settle(backend);
  pass(backend, CONNECT_TIMEOUT + 1_000);
  expect([waiter.events, backend.link(0).closed]).toEqual([[], 'no']);
});

test('one that does not open in its time fails who waits, once, whatever comes of it later', () => {
  const backend = new RawBackend();
  backend.driver.onConnect = () => {};
  const [waiter, other] = [ask(backend), ask(backend)];
  pass(backend, CONNECT_TIMEOUT + 500);
  expect([waiter.events, backend.link(0).closed]).toEqual([['unavailable connect_timeout'], 'reset']);
  expect(other.events).toEqual(waiter.events);
  const evicted = backend.pool.health.evictedUntil;
  pass(backend, CONNECT_TIMEOUT + 500);
  expect([waiter.events.length, backend.pool.health.evictedUntil]).toEqual([1, evicted]);
  const next = ask(backend);
  expect(backend.driver.opened).toHaveLength(2);
  backend.link(0).sink.onClose(undefined);
  expect(next.events).toEqual([]);
});

test('one that is refused beside others sends one who waits elsewhere, and the others stay', async () => {
  const backend = new RawBackend();
  ask(backend);
  await turn();
  settle(backend, ONE_STREAM);
  backend.driver.onConnect = () => {};
  const [second, third] = [ask(backend), ask(backend)];
  backend.link(1).sink.onClose(Object.assign(new Error('no'), { code: 'ECONNREFUSED' }));
  expect([second.events, third.events]).toEqual([['unavailable connect_refused'], []]);
});

test('a pool that retires ends what is idle, and what opens for those who wait once they are served', async () => {
  const backend = new RawBackend();
  ask(backend);
  await turn();
  settle(backend);
  backend.respond(1, OK);
  backend.pool.retire();
  expect(backend.link(0).closed).toBe('end');
  const late = new RawBackend();
  const waiter = ask(late);
  late.pool.retire();
  await turn();
  settle(late);
  expect(waiter.up).not.toBeNull();
  late.respond(1, OK);
  expect([waiter.events.at(-1), late.link(0).closed]).toEqual(['end ', 'end']);
});

test('requests share a connection to the endpoint', async () => {
  const backend = new RawBackend();
  ask(backend);
  await turn();
  settle(backend);
  expect(ask(backend).up).not.toBeNull();
  expect(backend.driver.opened).toMatchObject([{ target: { address: '127.0.0.1', port: 80 } }]);
});

test('one that ended makes room for another, which is opened for who waits', async () => {
  const backend = new RawBackend();
  const health = new BackendState(backend.wheel).endpoints.hold('');
  const target = {
    address: '127.0.0.1',
    port: 80,
    tls: undefined,
    health,
    limits: { ...DEFAULT_ENDPOINT_LIMITS, connections: 1, pending: 10 },
  };
  const pool = new H2Pool(backend, target);
  new Waiter(GET, BODY_NONE).open(pool);
  await turn();
  settle(backend, ONE_STREAM);
  const waiting = new Waiter(GET, BODY_NONE).open(pool);
  backend.link(0).sink.onClose(undefined);
  expect(backend.driver.opened).toHaveLength(2);
  await turn();
  settle(backend, ONE_STREAM);
  expect(waiting.up).not.toBeNull();
});

test('one that goes away and then ends takes no other with it', async () => {
  const backend = new RawBackend();
  ask(backend);
  await turn();
  settle(backend, ONE_STREAM);
  ask(backend);
  await turn();
  settle(backend);
  backend.link(0).deliver(frameBytes(frame.GOAWAY, 0, 0, Buffer.alloc(8)));
  backend.link(0).sink.onClose(undefined);
  expect(ask(backend).up).not.toBeNull();
  expect(backend.driver.opened).toHaveLength(2);
});

test.each([
  [FIRST_STREAMS, 1],
  [FIRST_STREAMS + 1, 2],
])(
  'where %d wait for the first connection, %d are opened before its backend says how many it takes',
  async (count, opened) => {
    const backend = new RawBackend();
    for (let i = 0; i < count; i++) ask(backend);
    await turn();
    expect(backend.driver.opened).toHaveLength(opened);
  },
);

test('a backend that allows no stream has few connections, and those who wait for it go elsewhere after a moment', async () => {
  const backend = new RawBackend();
  for (let i = 0; i < MAX_SHUT_CONNECTIONS; i++) {
    ask(backend);
    await turn();
    settle(backend, setting(3, 0));
  }
  const waiting = ask(backend);
  await turn();
  expect([waiting.up, backend.driver.opened.length]).toEqual([null, MAX_SHUT_CONNECTIONS]);
  pass(backend, SHUT_PATIENCE - 500);
  expect(waiting.events).toEqual([]);
  pass(backend, 1_000);
  expect(waiting.events).toEqual(['unavailable overloaded']);
  // Whoever comes now does not wait.
  const late = ask(backend);
  await turn();
  expect(late.events).toEqual(['unavailable overloaded']);
  settle(backend, setting(3, 10));
  expect(ask(backend).up).not.toBeNull();
});

test('one that allows none later serves what is under way, and others again when it allows them', async () => {
  const backend = new RawBackend();
  const first = ask(backend);
  await turn();
  const say = (type: number, id: number, payload: Buffer, flags = 0): void =>
    backend.link(0).deliver(frameBytes(type, flags, id, payload));
  settle(backend, setting(3, 10));
  say(frame.SETTINGS, 0, setting(3, 0));
  const waiting = ask(backend);
  expect(waiting.up).toBeNull();
  say(frame.HEADERS, 1, block(OK), frame.END_HEADERS | frame.END_STREAM);
  expect(first.events.at(-1)).toBe('end ');
  expect(waiting.up).toBeNull();
  say(frame.SETTINGS, 0, setting(3, 10));
  expect(waiting.up).not.toBeNull();
  pass(backend, 2 * SHUT_PATIENCE);
  expect(waiting.events).toEqual([]);
});

test('one that allows none on one connection serves on another', async () => {
  const backend = new RawBackend();
  ask(backend);
  await turn();
  settle(backend, setting(3, 0));
  const waiting = ask(backend);
  await turn();
  settle(backend, setting(3, 10));
  expect(waiting.up).not.toBeNull();
});

test('what a connection says that takes no more requests shuts nothing: the next request has a new one', async () => {
  const backend = new RawBackend();
  ask(backend);
  await turn();
  settle(backend, setting(3, 10));
  const goaway = Buffer.alloc(8);
  goaway.writeUInt32BE(1);
  backend.send(frame.GOAWAY, 0, 0, goaway);
  backend.send(frame.SETTINGS, 0, 0, setting(3, 0));
  pass(backend, 2 * SHUT_PATIENCE);
  const next = ask(backend);
  await turn();
  settle(backend, setting(3, 10));
  expect([next.events, backend.driver.opened.length]).toEqual([[], 2]);
  expect(next.up).not.toBeNull();
});

test('one that allows as many again as are under way is shut no more', async () => {
  const backend = new RawBackend();
  ask(backend);
  await turn();
  settle(backend, setting(3, 1));
  backend.send(frame.SETTINGS, 0, 0, setting(3, 0));
  pass(backend, 2 * SHUT_PATIENCE);
  backend.send(frame.SETTINGS, 0, 0, setting(3, 1));
  const next = ask(backend);
  await turn();
  expect([next.events, backend.driver.opened.length]).toEqual([[], 2]);
});

import { describe, expect, test } from 'vitest';
import { BODY_NONE } from '../../ground/codec.ts';
import { RawBackend, Waiter } from './backend.fixture.ts';
import * as frame from './frame.ts';
import { IDLE_PING_INTERVAL, PING_INTERVAL, PING_TIMEOUT } from './keep-alive.ts';
import { turn } from './wire.fixture.ts';

const GET = 'GET / HTTP/1.1\r\nHost: b.example\r\n';
const OK: Array<[string, string]> = [[':status', '200']];
const PING = `${frame.PING} 0 0 alive?  `;

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

/** Second by second, as connections look after themselves that often. */
function pass(backend: RawBackend, milliseconds: number): void {
  for (let at = 0; at <= milliseconds; at += 500) {
    backend.now += 500;
    backend.wheel.advance();
  }
}

async function pings(backend: RawBackend): Promise<number> {
  return (await backend.said()).filter((line) => line === PING).length;
}

function pong(backend: RawBackend): void {
  backend.send(frame.PING, frame.ACK, 0, 'alive?  ');
}

describe('a connection that says nothing', () => {
  test('is asked while requests wait, and where it does not answer they fail and the endpoint is passed over', async () => {
    const backend = await opened();
    const waiter = new Waiter(GET, BODY_NONE).open(backend.pool);
    pass(backend, PING_INTERVAL);
    expect(await pings(backend)).toBe(1);
    expect(waiter.events).toEqual([]);
    pass(backend, PING_TIMEOUT + 1000);
    expect(waiter.events).toEqual(['failed timeout false']);
    expect(backend.link(0).closed).not.toBe('no');
    expect(backend.pool.health.evictedUntil).toBeGreaterThan(0);
    new Waiter(GET, BODY_NONE).open(backend.pool);
    expect(backend.driver.opened).toHaveLength(2);
  });

  test('is asked while idle, too', async () => {
    const backend = await opened();
    pass(backend, IDLE_PING_INTERVAL);
    expect(await pings(backend)).toBe(1);
    pass(backend, PING_TIMEOUT + 1000);
    expect(backend.link(0).closed).not.toBe('no');
    expect(backend.pool.health.evictedUntil).toBeGreaterThan(0);
  });

  test('lives on where it answers, and is not asked more often than servers of gRPC bear', async () => {
    const backend = await opened();
    const waiter = new Waiter(GET, BODY_NONE).open(backend.pool);
    const asked: number[] = [];
    for (let second = 0; second < 1200; second++) {
      pass(backend, 500);
      if ((await pings(backend)) === 0) continue;
      asked.push(backend.now);
      pong(backend);
    }
    expect(waiter.events).toEqual([]);
    const waits = asked.map((at, i) => at - (asked[i - 1] ?? 0));
    expect(waits.length).toBeGreaterThan(3);
    expect(waits.filter((wait, i) => i > 0 && wait < 300_000)).toHaveLength(1);
    backend.respond(3, OK, false);
    pass(backend, PING_INTERVAL);
    expect(await pings(backend)).toBe(1);
  });
});

describe('a request without an answer in its time', () => {
  test('takes its connection out of use where nothing else came, and a PING tells whether it is dead', async () => {
    const backend = await opened();
    const [timedOut, other] = [
      new Waiter(GET, BODY_NONE).open(backend.pool),
      new Waiter(GET, BODY_NONE).open(backend.pool),
    ];
    timedOut.up!.abort('timeout');
    expect(await pings(backend)).toBe(1);
    new Waiter(GET, BODY_NONE).open(backend.pool);
    expect(backend.driver.opened).toHaveLength(2);
    pass(backend, PING_TIMEOUT + 1000);
    expect(other.events).toEqual(['failed timeout false']);
    expect(backend.pool.health.evictedUntil).toBeGreaterThan(0);
  });

  test('leaves a connection in use over which others were answered', async () => {
    const backend = await opened();
    const slow = new Waiter(GET, BODY_NONE).open(backend.pool);
    new Waiter(GET, BODY_NONE).open(backend.pool);
    backend.respond(5, OK);
    slow.up!.abort('timeout');
    expect(await pings(backend)).toBe(0);
    new Waiter(GET, BODY_NONE).open(backend.pool);
    expect(backend.driver.opened).toHaveLength(1);
  });

  test('on a connection that answers the PING: it ends when the others are done', async () => {
    const backend = await opened();
    const [slow, other] = [
      new Waiter(GET, BODY_NONE).open(backend.pool),
      new Waiter(GET, BODY_NONE).open(backend.pool),
    ];
    slow.up!.abort('timeout');
    pong(backend);
    expect(backend.link(0).closed).toBe('no');
    backend.respond(5, OK);
    expect([other.events.at(-1), backend.link(0).closed]).toEqual(['end ', 'end']);
    expect(backend.pool.health.evictedUntil).toBe(0);
  });
});

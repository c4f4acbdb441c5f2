import { describe, expect, test } from 'vitest';
import { BODY_OPEN } from '../../ground/codec.ts';
import { RawClient, respond, sendText } from './client.fixture.ts';
import { STALL_TIMEOUT } from './connection.ts';
import * as frame from './frame.ts';
import { DEPARTURE_TIMEOUT } from './server-connection.ts';
import { POST, setting, turn, word } from './wire.fixture.ts';

const ANY_STREAM = 0x7fff_ffff;

test('draining says GOAWAY twice, the second time with the last stream, once its own PING has come back', async () => {
  const client = await new RawClient().begin();
  client.request(1, POST, false);
  await client.said();
  client.connection.drain();
  expect((await client.said())[0]).toMatch(new RegExp(`^GOAWAY ${ANY_STREAM} ${frame.NO_ERROR}`));
  client.request(3, POST, false);
  client.send(frame.PING, frame.ACK, 0, 'a number');
  expect((await client.said()).filter((line) => line.startsWith('GOAWAY'))).toEqual([]);
  client.send(frame.PING, frame.ACK, 0, 'draining');
  expect((await client.said())[0]).toMatch(new RegExp(`^GOAWAY 3 ${frame.NO_ERROR}`));
  expect(client.isClosed).toBe(false);
});

test('one that has nothing under way is gone half a second after its PING, and one that has is waited for', async () => {
  for (const busy of [false, true]) {
    const client = await new RawClient().begin();
    if (busy) client.request(1, POST, false);
    client.pass(300);
    client.connection.drain();
    await client.said();
    client.pass(400);
    expect(await client.said()).toEqual([]);
    client.pass(200);
    expect(await client.said()).toEqual(busy ? [] : [`GOAWAY 0 ${frame.NO_ERROR}`]);
    expect(client.link.closed).toBe(busy ? 'no' : 'end');
  }
});

test('told to drain again, it says nothing more, and takes no more time', async () => {
  const client = await new RawClient().begin();
  client.connection.drain();
  expect(await client.said()).toEqual([
    expect.stringMatching(new RegExp(`^GOAWAY ${ANY_STREAM} `)),
    expect.stringMatching(/^PING /),
  ]);
  client.pass(400);
  client.connection.drain();
  expect(await client.said()).toEqual([]);
  client.pass(200);
  expect(await client.said()).toEqual([`GOAWAY 0 ${frame.NO_ERROR}`]);
  expect(client.link.closed).toBe('end');
  client.connection.drain();
  expect(await client.said()).toEqual([]);
});

describe('after its last answer a client that drains', () => {
  const PIECE = 16 * 1024;

  /** One that takes all at once, and has room for it; a request of its own is under way. */
  async function asking(): Promise<RawClient> {
    const client = await new RawClient().begin(setting(4, 1_000_000));
    client.send(frame.WINDOW_UPDATE, 0, 0, word(1_000_000));
    client.request(1);
    client.link.onSent = () => client.link.take();
    return client;
  }

  async function answer(client: RawClient, bytes: number): Promise<void> {
    const { down } = client.exchanges[0]!;
    respond(down, 'HTTP/1.1 200 OK\r\n', BODY_OPEN);
    for (let left = bytes; left > 0; left -= PIECE) sendText(down, 'x'.repeat(Math.min(left, PIECE)));
    down.sendEnd(0, 0);
    await turn();
  }

  /** Milliseconds until it is let go of, although it does not close; and until it hears that we end. */
  function lingered(client: RawClient): { ended: number; left: number } {
    let [time, ended] = [0, 0];
    for (; client.link.closed !== 'leave' && time < 2 * STALL_TIMEOUT; time += 50) {
      if (client.link.closed === 'no') ended = time + 50;
      client.pass(50);
    }
    expect(client.link.closed).toBe('leave');
    return { ended, left: time };
  }

  /** As far as the wheel and the looks are fine. */
  function expectAbout(time: number, expected: number): void {
    expect(time).toBeGreaterThanOrEqual(expected);
    expect(time).toBeLessThan(expected + 500);
  }

  test.each([true, false])('is let go of at once where it was idle: its PING came back: %s', async (answers) => {
    const client = await asking();
    await answer(client, 5);
    client.connection.drain();
    if (answers) client.send(frame.PING, frame.ACK, 0, 'draining');
    else client.pass(600);
    expect(lingered(client).left).toBeLessThan(500);
  });

  test('closes first where its last stream ended before its PING came back, and where it says GOAWAY', async () => {
    const client = await asking();
    client.connection.drain();
    await answer(client, 5);
    client.pass(400);
    client.send(frame.PING, frame.ACK, 0, 'draining');
    client.send(frame.GOAWAY, 0, 0, word(0, 0));
    expect(client.link.closed).toBe('no');
    expectAbout(lingered(client).ended, DEPARTURE_TIMEOUT - 400);
  });

  test('takes no request while it is to close', async () => {
    const client = await asking();
    client.connection.drain();
    client.send(frame.PING, frame.ACK, 0, 'draining');
    await answer(client, 5);
    client.link.onSent = undefined;
    client.request(3);
    expect(await client.said()).toEqual([`RST_STREAM 3 ${frame.REFUSED_STREAM}`]);
    client.connection.onEnd();
    expect(client.link.closed).toBe('end');
  });

  test.each([
    ['a little of it', 5, 0, false],
    ['as much as any client holds', 64 * 1024, 0, false],
    ['more than that', 64 * 1024 + 1, STALL_TIMEOUT, false],
    ['more than that, and answers a PING behind it', 64 * 1024 + 1, 0, true],
  ])('has time to close first, and more where it may not have %s', async (_, bytes, patience, answers) => {
    const client = await asking();
    client.connection.drain();
    client.send(frame.PING, frame.ACK, 0, 'draining');
    await answer(client, bytes);
    if (answers) client.send(frame.PING, frame.ACK, 0, 'departed');
    const { ended, left } = lingered(client);
    expectAbout(ended, DEPARTURE_TIMEOUT);
    expect(left - ended).toBeGreaterThanOrEqual(patience);
    expect(left - ended).toBeLessThan(patience + 1_500);
  });

  test('whose time for draining is over meanwhile keeps what was sent', async () => {
    const client = await asking();
    client.connection.drain();
    client.send(frame.PING, frame.ACK, 0, 'draining');
    await answer(client, 5);
    client.connection.cut();
    expect(client.link.closed).toBe('leave');
  });
});

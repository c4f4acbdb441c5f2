import { describe, expect, test } from 'vitest';
import { BODY_OPEN } from '../../ground/codec.ts';
import { RawClient, respond, sendText } from './client.fixture.ts';
import { LINGER_TIMEOUT, STALL_TIMEOUT } from './connection.ts';
import * as frame from './frame.ts';
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

  /** Milliseconds until it is let go of, although it does not close. */
  function lingered(client: RawClient): number {
    let time = 0;
    for (; client.link.closed === 'end' && time < 2 * STALL_TIMEOUT; time += 50) client.pass(50);
    expect(client.link.closed).toBe('leave');
    return time;
  }

  test.each([true, false])('is let go of at once where it has all of it: its PING came back: %s', async (answers) => {
    const client = await asking();
    await answer(client, 5);
    client.connection.drain();
    if (answers) client.send(frame.PING, frame.ACK, 0, 'draining');
    else client.pass(600);
    expect(lingered(client)).toBeLessThan(500);
  });

  test.each([
    ['a little of it', 5, LINGER_TIMEOUT],
    ['as much as any client holds', 64 * 1024, LINGER_TIMEOUT],
    ['more than that', 64 * 1024 + 1, STALL_TIMEOUT],
  ])('has its time where it may not have %s', async (_, bytes, patience) => {
    const client = await asking();
    client.connection.drain();
    client.send(frame.PING, frame.ACK, 0, 'draining');
    await answer(client, bytes);
    const time = lingered(client);
    expect(time).toBeGreaterThanOrEqual(patience);
    expect(time).toBeLessThan(patience + 1_500);
  });
});

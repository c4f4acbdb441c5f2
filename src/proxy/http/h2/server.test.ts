import { describe, expect, test } from 'vitest';
import { ARENA } from '../../ground/arena.ts';
import { BODY_LENGTH, BODY_NONE, BODY_OPEN, BODY_TUNNEL, type Downstream } from '../../ground/codec.ts';
import { WHEEL_TICK } from '../../ground/deadline.ts';
import { abuseCounts } from './abuse.ts';
import { composed, RawClient, respond, sendText } from './client.fixture.ts';
import * as frame from './frame.ts';
import { AFTER_ANSWER_TIMEOUT, STOP_GRACE } from './server-connection.ts';
import { MAX_AFTER_ANSWER } from './server-stream.ts';
import { block, POST, word } from './wire.fixture.ts';

const OK = 'HTTP/1.1 200 OK\r\n';

/** Answers every request at once with `answer`, or each event by name. */
function answering(client: RawClient, on: Record<string, (down: Downstream) => void>): void {
  client.onEvent = (event, down) => on[event.split(' ')[0]!]?.(down);
}

describe('requests and answers', () => {
  test('a request without body, answered with a length', async () => {
    const client = await new RawClient().begin();
    answering(client, {
      head: (down) => {
        respond(down, `${OK}Content-Length: 5\r\nServer: x\r\nConnection: close\r\n`, BODY_LENGTH, 'hello');
        down.sendEnd(0, 0);
      },
    });
    client.request(1);
    expect(client.exchanges[0]!.events).toEqual(['head GET / HTTP/1.1\r\nhost: a.example\r\n\r\n complete']);
    expect(await client.said()).toEqual([
      'HEADERS 1 HTTP/1.1 200 OK|content-length: 5|server: x||',
      'DATA 1 hello end',
    ]);
  });

  test('frames of many streams leave in one write', async () => {
    const client = await new RawClient().begin();
    answering(client, {
      head: (down) => {
        respond(down, `${OK}Content-Length: 5\r\n`, BODY_LENGTH, 'hello');
        down.sendEnd(0, 0);
        down.flush();
      },
    });
    let writes = 0;
    client.link.onSent = () => writes++;
    for (let id = 1; id < 40; id += 2) client.request(id);
    expect((await client.frames()).length).toBe(40);
    expect(writes).toBe(1);
  });

  test('an answer without body ends with its head', async () => {
    const client = await new RawClient().begin();
    answering(client, {
      head: (down) => {
        respond(down, 'HTTP/1.1 204 No Content\r\n', BODY_NONE);
        down.sendEnd(0, 0);
      },
    });
    client.request(1);
    expect(await client.said()).toEqual(['HEADERS 1 HTTP/1.1 204 No Content|| end']);
    expect(client.connection.streams.size).toBe(0);
  });

  test('a body, trailers, and a 1xx answer before', async () => {
    const client = await new RawClient().begin();
    answering(client, {
      end: (down) => {
        down.sendInformational(composed(down, 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n'));
        respond(down, OK, BODY_OPEN, 'a');
        sendText(down, 'b');
        const trailers = 'grpc-status: 0\r\n';
        down.sendEnd(0, Buffer.from(trailers).copy(ARENA, 0));
      },
    });
    client.request(1, [...POST, ['te', 'trailers']], false);
    client.send(frame.DATA, 0, 1, 'one');
    client.send(frame.DATA, frame.PADDED, 1, '\x04two\0\0\0\0');
    client.send(frame.HEADERS, frame.END_HEADERS | frame.END_STREAM, 1, block([['x-sum', '7']]));
    expect(client.exchanges[0]!.events.slice(1)).toEqual(['body one', 'body two', 'end x-sum: 7\r\n']);
    expect(await client.said()).toEqual([
      'HEADERS 1 HTTP/1.1 103 Early Hints|link: </a>||',
      'HEADERS 1 HTTP/1.1 200 OK||',
      'DATA 1 a',
      'DATA 1 b',
      'HEADERS 1 grpc-status: 0| end',
    ]);
  });

  /** 413 to a request whose body is still to come. */
  async function answeredEarly(head = POST): Promise<RawClient> {
    const client = await new RawClient().begin();
    answering(client, {
      head: (down) => {
        down.discardBody();
        respond(down, 'HTTP/1.1 413 Content Too Large\r\n', BODY_NONE);
        down.sendEnd(0, 0);
      },
    });
    client.request(1, head, false);
    return client;
  }

  test('an answer before the end of the request asks the client to stop, but not in the same breath', async () => {
    const client = await answeredEarly();
    client.send(frame.DATA, 0, 1, 'late');
    client.send(frame.WINDOW_UPDATE, 0, 1, word(5));
    expect(await client.said()).toEqual(['HEADERS 1 HTTP/1.1 413 Payload Too Large|| end']);
    client.pass(STOP_GRACE + WHEEL_TICK);
    expect(await client.said()).toEqual([`RST_STREAM 1 ${frame.NO_ERROR}`]);
    client.send(frame.DATA, frame.END_STREAM, 1, 'later');
    expect(await client.said()).toEqual([]);
    expect(client.exchanges[0]!.events).toHaveLength(1);
    expect(client.connection.streams.size).toBe(0);
  });

  test('nobody is asked to stop who ended the request meanwhile', async () => {
    const client = await answeredEarly();
    client.send(frame.DATA, frame.END_STREAM, 1, 'late');
    client.request(3, POST, false);
    client.send(frame.RST_STREAM, 0, 3, word(frame.CANCEL));
    expect(client.connection.streams.size).toBe(0);
    client.pass(STOP_GRACE + WHEEL_TICK);
    expect((await client.said()).filter((said) => said.startsWith('RST_STREAM'))).toEqual([]);
    expect(client.exchanges[0]!.events).toHaveLength(1);
  });

  test('an upload that ends short of its length after its answer is no malformed message', async () => {
    const client = await answeredEarly([...POST, ['content-length', '100']]);
    const before = abuseCounts.malformed_message;
    client.send(frame.DATA, frame.END_STREAM, 1, 'short');
    expect(await client.said()).toEqual(['HEADERS 1 HTTP/1.1 413 Payload Too Large|| end']);
    expect(abuseCounts.malformed_message).toBe(before);
    expect(client.connection.streams.size).toBe(0);
  });

  test('each is asked in its own time, also when answers come one after another', async () => {
    const client = await answeredEarly();
    for (let id = 3; id < 21; id += 2) {
      client.pass(WHEEL_TICK);
      client.request(id, POST, false);
    }
    const resets = (await client.said()).filter((said) => said.startsWith('RST_STREAM'));
    expect(resets.length).toBeGreaterThanOrEqual(5);
    client.pass(2 * STOP_GRACE);
    expect(await client.said()).toHaveLength(10 - resets.length);
    expect(client.connection.streams.size).toBe(0);
  });

  test('after the answer the window of the stream grows until its request is at its end', async () => {
    const client = await answeredEarly();
    const piece = 'x'.repeat(16_384);
    const windows = 20;
    let credit = client.connection.streamWindow;
    for (let sent = 0; sent < windows * client.connection.streamWindow; sent += piece.length) {
      expect(credit).toBeGreaterThanOrEqual(piece.length);
      client.send(frame.DATA, 0, 1, piece);
      client.pass(WHEEL_TICK);
      credit -= piece.length;
      for (const said of await client.said()) {
        expect(said).not.toContain('RST_STREAM');
        if (said.startsWith('WINDOW_UPDATE 1 ')) credit += Number(said.split(' ')[2]);
      }
    }
    client.send(frame.DATA, frame.END_STREAM, 1, 'end');
    client.pass(2 * STOP_GRACE);
    expect(await client.said()).toEqual([]);
    expect(client.connection.streams.size).toBe(0);
    expect(client.exchanges[0]!.events).toHaveLength(1);
  });

  test('what waited while the request was held is given back with its answer', async () => {
    const client = await new RawClient().begin();
    answering(client, { head: (down) => down.pauseBody() });
    client.request(1, POST, false);
    for (let sent = 0; sent < client.connection.streamWindow; sent += 16_384)
      client.send(frame.DATA, 0, 1, 'x'.repeat(16_384));
    const down = client.exchanges[0]!.down;
    respond(down, 'HTTP/1.1 401 Unauthorized\r\n', BODY_NONE);
    down.sendEnd(0, 0);
    expect((await client.said()).some((said) => said.startsWith('WINDOW_UPDATE 1 '))).toBe(true);
  });

  test('a request that goes on and on after its answer is stopped', async () => {
    const client = await answeredEarly();
    const resets: string[] = [];
    let passed = 0;
    for (; resets.length === 0 && passed < 2 * AFTER_ANSWER_TIMEOUT; passed += STOP_GRACE / 2) {
      client.send(frame.DATA, 0, 1, 'x');
      client.pass(STOP_GRACE / 2);
      resets.push(...(await client.said()).filter((said) => said.startsWith('RST_STREAM')));
    }
    expect(resets).toEqual([`RST_STREAM 1 ${frame.NO_ERROR}`]);
    expect(passed).toBeGreaterThanOrEqual(AFTER_ANSWER_TIMEOUT);
    expect(passed).toBeLessThan(AFTER_ANSWER_TIMEOUT + 4 * STOP_GRACE);
  });

  test('a request whose length nobody knows gets no more windows than the most that is taken', async () => {
    const client = await answeredEarly();
    const piece = 'x'.repeat(16_384);
    const { streamWindow } = client.connection;
    let credit = streamWindow;
    let sent = 0;
    for (; credit >= piece.length && sent < 2 * MAX_AFTER_ANSWER; sent += piece.length) {
      client.send(frame.DATA, 0, 1, piece);
      credit -= piece.length;
      for (const said of await client.said())
        if (said.startsWith('WINDOW_UPDATE 1 ')) credit += Number(said.split(' ')[2]);
    }
    expect(sent).toBeGreaterThanOrEqual(MAX_AFTER_ANSWER);
    expect(sent).toBeLessThanOrEqual(MAX_AFTER_ANSWER + 2 * streamWindow);
    client.pass(STOP_GRACE + WHEEL_TICK);
    expect(await client.said()).toEqual([`RST_STREAM 1 ${frame.NO_ERROR}`]);
  });

  test('a gateway that drains does not wait for the end of what is answered', async () => {
    const client = await answeredEarly();
    client.connection.drain();
    const said: string[] = [];
    for (let passed = 0; passed < 3 * STOP_GRACE; passed += STOP_GRACE / 2) {
      client.send(frame.DATA, 0, 1, 'x');
      client.pass(STOP_GRACE / 2);
      said.push(...(await client.said()));
    }
    expect(said).toContain(`RST_STREAM 1 ${frame.NO_ERROR}`);
  });

  test('after the answer to a request that says it is too long the window of the stream does not grow', async () => {
    const client = await answeredEarly([...POST, ['content-length', String(MAX_AFTER_ANSWER + 1)]]);
    const piece = 'x'.repeat(16_384);
    for (let sent = 0; sent < client.connection.streamWindow; sent += piece.length)
      client.send(frame.DATA, 0, 1, piece);
    const said = await client.said();
    expect(said.filter((line) => line.startsWith('WINDOW_UPDATE 1 '))).toEqual([]);
    client.send(frame.DATA, 0, 1, piece);
    expect(await client.said()).toEqual([`RST_STREAM 1 ${frame.FLOW_CONTROL_ERROR}`]);
  });

  test('an abort resets the stream only', async () => {
    const client = await new RawClient().begin();
    answering(client, { head: (down) => down.abort('closed_early') });
    client.request(1);
    expect(await client.said()).toEqual([`RST_STREAM 1 ${frame.INTERNAL_ERROR}`]);
    expect(client.isClosed).toBe(false);
  });

  test.each([
    ['GET', 'has a body', /^HEADERS 1 HTTP\/1\.1 400 Bad Request\|content-length: \d+\|date: [^|]+\|\|$/, 2],
    ['HEAD', 'has none', /^HEADERS 1 HTTP\/1\.1 400 Bad Request\|content-length: \d+\|date: [^|]+\|\| end$/, 1],
  ])(
    'a path that is not taken is answered with 400 to %s, which %s, and others go on',
    async (method, _, said, frames) => {
      const client = await new RawClient().begin();
      const fields = (path: string): Array<[string, string]> => [
        [':method', method],
        [':scheme', 'https'],
        [':path', path],
        [':authority', 'a.example'],
      ];
      client.request(1, [...fields('/a/../b'), ['x', 'y'.repeat(300)]]);
      const answer = await client.said();
      expect(answer).toHaveLength(frames);
      expect(answer[0]).toMatch(said);
      expect(client.exchanges).toHaveLength(0);
      client.request(3, fields('/b'));
      await client.said();
      expect(client.exchanges).toHaveLength(1);
    },
  );

  test('CONNECT is answered with 501', async () => {
    const client = await new RawClient().begin();
    client.request(
      1,
      [
        [':method', 'CONNECT'],
        [':authority', 'a.example:443'],
      ],
      false,
    );
    expect(await client.said()).toEqual([
      expect.stringMatching(/^HEADERS 1 HTTP\/1\.1 501 Not Implemented\|content-length: 0\|date: [^|]+\|\| end$/),
    ]);
    client.pass(STOP_GRACE + WHEEL_TICK);
    expect(await client.said()).toEqual(['RST_STREAM 1 0']);
  });

  test('a client that resets or leaves aborts its exchanges', async () => {
    const client = await new RawClient().begin();
    client.request(1);
    client.request(3);
    client.send(frame.RST_STREAM, 0, 1, word(frame.CANCEL));
    expect(client.exchanges[0]!.events.at(-1)).toBe('aborted reset');
    client.connection.onClose(undefined);
    expect(client.exchanges[1]!.events.at(-1)).toBe('aborted closed_early');
    expect(client.isClosed).toBe(true);
  });

  test('a paused body waits within the window, and comes on when it is resumed', async () => {
    const client = await new RawClient().begin();
    answering(client, { head: (down) => down.pauseBody() });
    client.request(1, POST, false);
    client.send(frame.DATA, 0, 1, 'one');
    client.send(frame.DATA, frame.END_STREAM, 1, 'two');
    expect(client.exchanges[0]!.events).toHaveLength(1);
    client.exchanges[0]!.down.resumeBody();
    await client.frames();
    expect(client.exchanges[0]!.events.slice(1)).toEqual(['body one', 'body two', 'end ']);
  });

  test('windows are given back in steps, and only for what was delivered', async () => {
    const client = await new RawClient().begin();
    client.request(1, POST, false);
    const piece = 'x'.repeat(16_384);
    for (let i = 0; i < 4; i++) client.send(frame.DATA, 0, 1, piece);
    expect(await client.said()).toEqual(['WINDOW_UPDATE 1 65536']);
    client.exchanges[0]!.down.pauseBody();
    for (let i = 0; i < 4; i++) client.send(frame.DATA, 0, 1, piece);
    expect(await client.said()).toEqual([]);
    client.exchanges[0]!.down.resumeBody();
    expect(await client.said()).toEqual(['WINDOW_UPDATE 1 65536']);
  });

  test('data that nobody reads any more leaves the window of the connection whole', async () => {
    const client = await new RawClient().begin();
    answering(client, { head: (down) => down.abort('timeout') });
    const piece = 'x'.repeat(16_384);
    let given = 0;
    for (let id = 1; id < 400; id += 2) {
      client.request(id, POST, false);
      client.send(frame.DATA, frame.PADDED, id, `\x05${piece.slice(6)}`);
      for (const line of await client.said()) {
        if (line.startsWith('WINDOW_UPDATE 0')) given += Number(line.split(' ')[2]);
      }
    }
    expect(200 * 16_379 - given).toBeLessThan(524_288);
    expect(client.isClosed).toBe(false);
  });

  test('a WebSocket is an Upgrade for the exchange, and its data waits for the tunnel', async () => {
    const client = await new RawClient().begin();
    const fields: Array<[string, string]> = [
      [':method', 'CONNECT'],
      [':protocol', 'websocket'],
      [':scheme', 'http'],
      [':path', '/chat'],
      [':authority', 'a.example'],
      ['sec-websocket-version', '13'],
    ];
    client.request(1, fields, false);
    client.send(frame.DATA, 0, 1, 'early');
    const { events, down } = client.exchanges[0]!;
    expect(events).toHaveLength(1);
    expect(events[0]).toMatch(/^head GET \/chat HTTP.*upgrade: websocket.* complete$/s);
    const accepted = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n';
    respond(down, accepted, BODY_TUNNEL);
    expect(await client.said()).toEqual(['HEADERS 1 HTTP/1.1 200 OK||']);
    expect(events.slice(1)).toEqual(['body early']);
    client.send(frame.DATA, frame.END_STREAM, 1, 'bye');
    expect(events.slice(2)).toEqual(['body bye', 'end ']);
    sendText(down, 'bye too');
    down.sendEnd(0, 0);
    expect(await client.said()).toEqual(['DATA 1 bye too end']);
  });
});

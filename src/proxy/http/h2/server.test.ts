import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ARENA } from '../arena.ts';
import { BODY_LENGTH, BODY_NONE, BODY_OPEN, BODY_TUNNEL, type Downstream } from '../codec.ts';
import { LINGER_TIMEOUT, PARTIAL_TIMEOUT } from './connection.ts';
import { SETTINGS_ACK_TIMEOUT } from './controlframes.ts';
import * as frame from './frame.ts';
import { block, frameBytes, GET, POST, RawClient, respond, sendText, setting, word } from './peer.fixture.ts';

const OK = 'HTTP/1.1 200 OK\r\n';

/** Answers every request at once with `answer`, or each event by name. */
function answering(client: RawClient, on: Record<string, (down: Downstream) => void>): void {
  client.onEvent = (event, down) => on[event.split(' ')[0]!]?.(down);
}

describe('the beginning of a connection', () => {
  test('the server says its settings at once, and acknowledges those of the client', async () => {
    const client = new RawClient();
    expect(await client.said()).toEqual(['SETTINGS 0', 'WINDOW_UPDATE 0 983041']);
    client.link.deliver(frame.PREFACE);
    client.send(frame.SETTINGS, 0, 0);
    expect(await client.said()).toEqual(['SETTINGS 1']);
  });

  test.each([
    ['another preface', Buffer.from('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n')],
    ['another first frame', Buffer.concat([Buffer.from(frame.PREFACE), frameBytes(frame.PING, 0, 0, '12345678')])],
    [
      'HEADERS as the first frame',
      Buffer.concat([Buffer.from(frame.PREFACE), frameBytes(frame.HEADERS, 5, 1, block(GET))]),
    ],
    ['DATA as the first frame', Buffer.concat([Buffer.from(frame.PREFACE), frameBytes(frame.DATA, 0, 1, 'x')])],
  ])('%s is a connection error', async (_, bytes) => {
    const client = new RawClient();
    client.link.deliver(bytes);
    expect((await client.said()).at(-1)).toMatch(new RegExp(`^GOAWAY 0 ${frame.PROTOCOL_ERROR} `));
    expect([client.link.closed, client.isClosed]).toEqual(['end', true]);
    client.now += LINGER_TIMEOUT + 1500;
    client.wheel.advance();
    expect(client.link.closed).toBe('reset');
  });
});

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
        const at = down.beginHead();
        const hint = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n';
        down.sendInformational(at, at + Buffer.from(hint).copy(ARENA, at));
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

  test('an answer before the end of the request asks the client to stop', async () => {
    const client = await new RawClient().begin();
    answering(client, {
      head: (down) => {
        down.discardBody();
        respond(down, 'HTTP/1.1 413 Content Too Large\r\n', BODY_NONE);
        down.sendEnd(0, 0);
      },
    });
    client.request(1, POST, false);
    client.send(frame.DATA, 0, 1, 'late');
    client.send(frame.WINDOW_UPDATE, 0, 1, word(5));
    client.send(frame.DATA, frame.END_STREAM, 1, 'later');
    expect(await client.said()).toEqual([
      'HEADERS 1 HTTP/1.1 413 Payload Too Large|| end',
      `RST_STREAM 1 ${frame.NO_ERROR}`,
    ]);
    expect(client.exchanges[0]!.events).toHaveLength(1);
  });

  test('an abort resets the stream only', async () => {
    const client = await new RawClient().begin();
    answering(client, { head: (down) => down.abort('closed_early') });
    client.request(1);
    expect(await client.said()).toEqual([`RST_STREAM 1 ${frame.INTERNAL_ERROR}`]);
    expect(client.isClosed).toBe(false);
  });

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
      'HEADERS 1 HTTP/1.1 501 Not Implemented|content-length: 0|| end',
      'RST_STREAM 1 0',
    ]);
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

describe('reading', () => {
  const session = Buffer.concat([
    Buffer.from(frame.PREFACE),
    frameBytes(frame.SETTINGS, 0, 0, setting(4, 70_000)),
    frameBytes(frame.HEADERS, 4, 1, block(POST)),
    frameBytes(frame.DATA, 8, 1, '\x03one\0\0\0'),
    frameBytes(frame.PING, 0, 0, '12345678'),
    frameBytes(frame.HEADERS, 1, 3, block(GET).subarray(0, 10)),
    frameBytes(frame.CONTINUATION, 0, 3, block(GET).subarray(10, 30)),
    frameBytes(frame.CONTINUATION, 4, 3, block(GET).subarray(30)),
    frameBytes(frame.DATA, 0, 1, 'two'),
    frameBytes(frame.WINDOW_UPDATE, 0, 1, word(7)),
    frameBytes(frame.HEADERS, 5, 1, block([['x-trailer', 'yes']])),
    frameBytes(frame.SETTINGS, 1, 0),
  ]);

  test('comes to the same whatever the pieces', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 40 }), async (sizes) => {
        const client = new RawClient();
        for (let at = 0, i = 0; at < session.length; i++) {
          const end = Math.min(session.length, at + sizes[i % sizes.length]!);
          client.link.deliver(session.subarray(at, end));
          at = end;
        }
        expect(await client.said()).toEqual(['SETTINGS 0', 'WINDOW_UPDATE 0 983041', 'SETTINGS 1', 'PING 1 12345678']);
        const [first, second] = client.exchanges;
        expect(
          first!.events
            .filter((event) => event.startsWith('body'))
            .map((event) => event.slice(5))
            .join(''),
        ).toBe('onetwo');
        expect(first!.events.at(-1)).toBe('end x-trailer: yes\r\n');
        expect(second!.events).toEqual(['head GET / HTTP/1.1\r\nhost: a.example\r\n\r\n complete']);
      }),
      { numRuns: 60 },
    );
  });

  test('never throws, whatever the bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(10), fc.nat(255), fc.nat(6), fc.uint8Array({ maxLength: 40 })), { maxLength: 30 }),
        async (frames) => {
          const client = await new RawClient().begin();
          answering(client, { head: (down) => respond(down, OK, BODY_OPEN, 'x'), end: (down) => down.sendEnd(0, 0) });
          for (const [type, flags, id, payload] of frames) client.send(type, flags, id, Buffer.from(payload));
          await client.frames();
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('the end of a connection', () => {
  test('drain takes what was on its way, then closes after the last answer', async () => {
    const client = await new RawClient().begin();
    client.request(1);
    client.connection.drain();
    expect(await client.said()).toEqual(['GOAWAY 2147483647 0', 'PING 0 draining']);
    client.request(3);
    client.send(frame.PING, frame.ACK, 0, 'draining');
    client.request(5);
    expect(await client.said()).toEqual(['GOAWAY 3 0', `RST_STREAM 5 ${frame.REFUSED_STREAM}`]);
    expect(client.exchanges).toHaveLength(2);
    for (const { down } of client.exchanges) {
      expect(client.link.closed).toBe('no');
      respond(down, OK, BODY_NONE);
      down.sendEnd(0, 0);
    }
    expect(client.link.closed).toBe('end');
    expect(await client.said()).toEqual(['HEADERS 1 HTTP/1.1 200 OK|| end', 'HEADERS 3 HTTP/1.1 200 OK|| end']);
  });

  test('drain of an idle connection closes it when its PING is back, or does not come', async () => {
    for (const answers of [true, false]) {
      const client = await new RawClient().begin();
      client.connection.drain();
      if (answers) client.send(frame.PING, frame.ACK, 0, 'draining');
      else {
        client.now += 3500;
        client.wheel.advance();
      }
      expect(client.link.closed).toBe('end');
    }
  });

  test('an idle connection ends after its time', async () => {
    const client = await new RawClient().begin();
    client.now += client.keepAliveTimeout + 1500;
    client.wheel.advance();
    expect(await client.said()).toEqual(['GOAWAY 0 0 idle']);
    expect(client.link.closed).toBe('end');
  });

  test('a frame that does not become whole ends it', async () => {
    const client = await new RawClient().begin();
    client.request(1, POST, false);
    client.link.deliver(frameBytes(frame.HEADERS, 5, 3, block(GET)).subarray(0, 20));
    client.now += PARTIAL_TIMEOUT + 2500;
    client.wheel.advance();
    expect((await client.said()).at(-1)).toMatch(/^GOAWAY 1 1 a frame or header block/);
  });

  test('frames that come in pieces do not, as long as they come', async () => {
    const client = await new RawClient().begin();
    client.request(1, POST, false);
    const piece = frameBytes(frame.DATA, 0, 1, 'x'.repeat(100));
    client.link.deliver(piece.subarray(0, 5));
    for (let i = 0; i < 10; i++) {
      client.now += PARTIAL_TIMEOUT / 2;
      client.wheel.advance();
      client.link.deliver(Buffer.concat([piece.subarray(5), piece.subarray(0, 5)]));
    }
    expect(client.isClosed).toBe(false);
  });

  test('settings that are not acknowledged end it', async () => {
    const client = new RawClient();
    client.link.deliver(frame.PREFACE);
    client.send(frame.SETTINGS, 0, 0);
    client.now += SETTINGS_ACK_TIMEOUT + 1500;
    client.wheel.advance();
    expect((await client.said()).at(-1)).toBe(
      `GOAWAY 0 ${frame.SETTINGS_TIMEOUT} SETTINGS were not acknowledged in time`,
    );
  });

  test('back-pressure of the link stops the exchange, and its end lets it go on', async () => {
    const client = await new RawClient().begin(setting(4, 10_000_000));
    client.send(frame.WINDOW_UPDATE, 0, 0, word(10_000_000));
    let flowing = true;
    answering(client, { head: (down) => (flowing = respond(down, OK, BODY_OPEN, 'x')) });
    client.request(1);
    const { down, events } = client.exchanges[0]!;
    let sent = 1;
    for (; flowing && sent < 100; sent++) flowing = sendText(down, 'y'.repeat(30_000));
    expect(sent).toBeLessThan(10);
    expect(events).not.toContain('drained');
    const first = await client.frames();
    const rest = await client.frames();
    const bytes = [...first, ...rest]
      .filter((one) => one.type === frame.DATA)
      .reduce((sum, one) => sum + one.payload.length, 0);
    expect(bytes).toBe(1 + (sent - 1) * 30_000);
    expect(events).toContain('drained');
  });
});

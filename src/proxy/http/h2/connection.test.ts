import { describe, expect, test } from 'vitest';
import { BODY_NONE, BODY_OPEN, type Downstream } from '../../ground/codec.ts';
import { MemoryLink } from '../../listen/memory-link.ts';
import { RawClient, respond, sendText } from './client.fixture.ts';
import { LINGER_TIMEOUT, PARTIAL_TIMEOUT } from './connection.ts';
import { SETTINGS_ACK_TIMEOUT } from './control-frames.ts';
import * as frame from './frame.ts';
import { H2ServerConnection } from './server-connection.ts';
import { block, frameBytes, GET, POST, setting, word } from './wire.fixture.ts';

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

describe('HEADERS of a stream that is over', () => {
  test.each([
    ['was answered', 1, `GOAWAY 5 ${frame.STREAM_CLOSED} HEADERS on a closed stream`],
    ['was passed over', 3, `GOAWAY 5 ${frame.PROTOCOL_ERROR} the number of a new stream is not above all before it`],
    ['is not one of a client', 2, `GOAWAY 5 ${frame.PROTOCOL_ERROR} HEADERS on a stream that is not the client's`],
  ])('that %s end the connection', async (_, streamId, goaway) => {
    const client = await new RawClient().begin();
    answering(client, {
      head: (down) => {
        respond(down, OK, BODY_NONE);
        down.sendEnd(0, 0);
      },
    });
    client.request(1);
    client.request(5);
    await client.said();
    client.request(streamId);
    expect(await client.said()).toEqual([goaway]);
    expect(client.exchanges).toHaveLength(2);
  });

  test('that we have reset are dropped: the client did not know', async () => {
    const client = await new RawClient().begin();
    answering(client, { head: (down) => down.abort('closed_early') });
    client.request(1, POST, false);
    client.request(1);
    expect(await client.said()).toEqual([`RST_STREAM 1 ${frame.INTERNAL_ERROR}`]);
    expect(client.link.closed).toBe('no');
  });
});

test.each([
  ['http', undefined],
  ['https', { serverName: 'a.example', alpn: 'h2', version: 'TLSv1.3', cipher: '', peerVerified: false }],
])('a connection over %s tells that, and the addresses of its link', (scheme, tls) => {
  const link = new MemoryLink();
  link.tls = tls;
  const { remoteAddress, remotePort, localAddress, localPort } = link;
  const told = { scheme, tls, remoteAddress, remotePort, localAddress, localPort };
  expect(new H2ServerConnection(link, new RawClient())).toMatchObject(told);
});

describe('the end of a connection', () => {
  test('its host is told that it ends, and that it is gone, each once', async () => {
    const client = await new RawClient().begin();
    client.connection.drain();
    client.send(frame.PING, frame.ACK, 0, 'draining');
    expect([client.isClosed, client.timesGone]).toEqual([true, 0]);
    client.connection.onClose(undefined);
    expect(client.timesGone).toBe(1);
  });

  test('drain takes what was on its way, then closes after the client or its time', async () => {
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
    expect(await client.said()).toEqual([
      ...['HEADERS 1 HTTP/1.1 200 OK|| end', 'HEADERS 3 HTTP/1.1 200 OK|| end'],
      'PING 0 departed',
    ]);
    expect(client.link.closed).toBe('no');
    client.connection.onEnd();
    expect(client.link.closed).toBe('end');
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

  test('an idle connection ends after its time, and not earlier', async () => {
    const client = await new RawClient().begin();
    client.now += client.keepAliveTimeout - 1500;
    client.wheel.advance();
    expect(client.link.closed).toBe('no');
    client.now += 3000;
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

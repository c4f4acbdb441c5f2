import { describe, expect, test } from 'vitest';
import { BODY_OPEN, type Downstream } from '../../ground/codec.ts';
import { RawClient, respond, sendText } from './client.fixture.ts';
import * as frame from './frame.ts';
import { CONNECTION_WINDOW, STREAM_WINDOW } from './settings.ts';
import { POST, setting, word } from './wire.fixture.ts';

describe('window games are errors of flow control', () => {
  test('a window above 2^31-1, of the connection, of a stream, and by SETTINGS', async () => {
    const client = await new RawClient().begin();
    client.request(1, POST, false);
    client.send(frame.WINDOW_UPDATE, 0, 1, word(0x7fff_ffff));
    expect(await client.said()).toEqual([`RST_STREAM 1 ${frame.FLOW_CONTROL_ERROR}`]);
    client.send(frame.WINDOW_UPDATE, 0, 0, word(0x7fff_ffff));
    expect(await client.said()).toEqual([`GOAWAY 1 ${frame.FLOW_CONTROL_ERROR} the connection window overflows`]);
    const other = await new RawClient().begin();
    other.request(1, POST, false);
    other.send(frame.WINDOW_UPDATE, 0, 1, word(0x7000_0000));
    other.send(frame.SETTINGS, 0, 0, setting(4, 0x7fff_ffff));
    expect((await other.said()).at(-1)).toContain(`GOAWAY 1 ${frame.FLOW_CONTROL_ERROR}`);
  });

  test('more data than the window of a stream', async () => {
    const client = await new RawClient().begin();
    client.onEvent = (event, down) => {
      if (event.startsWith('head')) down.pauseBody();
    };
    client.request(1, POST, false);
    const piece = 'x'.repeat(16_384);
    for (let sent = 0; sent < STREAM_WINDOW; sent += piece.length) client.send(frame.DATA, 0, 1, piece);
    expect(await client.said()).toEqual([]);
    client.send(frame.DATA, 0, 1, 'x');
    expect(await client.said()).toEqual([`RST_STREAM 1 ${frame.FLOW_CONTROL_ERROR}`]);
    expect(client.exchanges[0]!.events).toHaveLength(2);
  });

  test('more data than the window of the connection, whatever streams it is for', async () => {
    const client = await new RawClient().begin();
    client.onEvent = (event, down) => {
      if (event.startsWith('head')) down.pauseBody();
    };
    const piece = 'x'.repeat(16_384);
    let id = 1;
    for (let sent = 0; sent < CONNECTION_WINDOW; sent += piece.length) {
      if (sent % STREAM_WINDOW === 0) client.request((id += 2), POST, false);
      client.send(frame.DATA, 0, id, piece);
    }
    expect(await client.said()).toEqual([]);
    client.request((id += 2), POST, false);
    client.send(frame.DATA, 0, id, 'x');
    expect((await client.said()).at(-1)).toContain(`GOAWAY ${id} ${frame.FLOW_CONTROL_ERROR}`);
  });

  test('a window that goes below zero by SETTINGS is waited for', async () => {
    const client = await new RawClient().begin(setting(4, 10));
    let down: Downstream | undefined;
    client.onEvent = (event, from) => {
      down = from;
      if (event.startsWith('head')) respond(from, 'HTTP/1.1 200 OK\r\n', BODY_OPEN, '0123456789');
    };
    client.request(1);
    await client.frames();
    client.send(frame.SETTINGS, 0, 0, setting(4, 5));
    expect(sendText(down!, 'abcdef')).toBe(false);
    client.send(frame.WINDOW_UPDATE, 0, 1, word(5));
    expect(await client.said()).toEqual(['SETTINGS 1']);
    client.send(frame.WINDOW_UPDATE, 0, 1, word(4));
    expect(await client.said()).toEqual(['DATA 1 abcd']);
    client.send(frame.WINDOW_UPDATE, 0, 1, word(9));
    expect(await client.said()).toEqual(['DATA 1 ef']);
    expect(client.exchanges[0]!.events.at(-1)).toBe('drained');
  });
});

import { describe, expect, test } from 'vitest';
import { BODY_LENGTH } from '../../ground/codec.ts';
import { abuseCounts } from './abuse.ts';
import { RawClient, respond } from './client.fixture.ts';
import * as frame from './frame.ts';
import { block, frameBytes, POST } from './wire.fixture.ts';

describe('messages that could smuggle', () => {
  test.each<[string, Buffer[]]>([
    ['more data than content-length', [frameBytes(frame.DATA, frame.END_STREAM, 1, 'abcd')]],
    ['less data than content-length', [frameBytes(frame.DATA, frame.END_STREAM, 1, 'ab')]],
    ['an end with trailers before content-length', [frameBytes(frame.HEADERS, 5, 1, block([['x', 'y']]))]],
    [
      'trailers that do not end the stream',
      [frameBytes(frame.DATA, 0, 1, 'abc'), frameBytes(frame.HEADERS, 4, 1, block([['x', 'y']]))],
    ],
    [
      'a pseudo-header in trailers',
      [frameBytes(frame.DATA, 0, 1, 'abc'), frameBytes(frame.HEADERS, 5, 1, block([[':path', '/']]))],
    ],
    [
      'transfer-encoding in trailers',
      [frameBytes(frame.DATA, 0, 1, 'abc'), frameBytes(frame.HEADERS, 5, 1, block([['transfer-encoding', 'chunked']]))],
    ],
    [
      'content-length in trailers',
      [frameBytes(frame.DATA, 0, 1, 'abc'), frameBytes(frame.HEADERS, 5, 1, block([['content-length', '3']]))],
    ],
    ...['authorization', 'x-request-id', 'client-cert', 'x-real-ip', 'x-forwarded-groups', 'cookie', 'via'].map(
      (name): [string, Buffer[]] => [
        `${name} in trailers`,
        [frameBytes(frame.DATA, 0, 1, 'abc'), frameBytes(frame.HEADERS, 5, 1, block([[name, 'x']]))],
      ],
    ),
  ])('%s is a stream error, and the exchange is aborted', async (_, frames) => {
    const before = abuseCounts.malformed_message;
    const client = await new RawClient().begin();
    client.request(1, [...POST, ['content-length', '3']], false);
    for (const bytes of frames) client.link.deliver(bytes);
    expect(await client.said()).toEqual([`RST_STREAM 1 ${frame.PROTOCOL_ERROR}`]);
    expect(client.exchanges[0]!.events.at(-1)).toBe('aborted protocol_error');
    expect(client.exchanges[0]!.events.join()).not.toContain('abcd');
    expect(abuseCounts.malformed_message - before).toBe(1);
    client.request(3);
    client.onEvent = () => undefined;
    respond(client.exchanges[1]!.down, 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n', BODY_LENGTH);
    client.exchanges[1]!.down.sendEnd(0, 0);
    expect(await client.said()).toEqual(['HEADERS 3 HTTP/1.1 200 OK|content-length: 0|| end']);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RawClient } from './client.fixture.ts';
import * as frame from './frame.ts';
import { block, frameBytes, GET, POST, setting, word } from './wire.fixture.ts';

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
});

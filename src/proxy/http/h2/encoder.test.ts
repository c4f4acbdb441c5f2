import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ARENA, COMPOSE_START, DECODE_START, JOIN_START } from '../../ground/arena.ts';
import { HpackDecoder } from './decoder.ts';
import { HpackEncoder } from './encoder.ts';
import { RESPONSE_SECTION, RESPONSE_TRAILER_SECTION } from './field-section.ts';
import { decodeBytes, head, literal, section } from './hpack.fixture.ts';
import { huffmanDecode, huffmanEncode, huffmanLength } from './huffman.ts';
import { SOUND } from './section-fault.ts';

describe('the Huffman code', () => {
  test('decodes what it encodes, for all octets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
        ARENA.set(octets, COMPOSE_START);
        const end =
          JOIN_START + huffmanEncode(COMPOSE_START, COMPOSE_START + octets.length, ARENA.subarray(JOIN_START));
        expect(end - JOIN_START).toBe(huffmanLength(COMPOSE_START, COMPOSE_START + octets.length));
        const stop = huffmanDecode(JOIN_START, end, DECODE_START);
        expect(Buffer.from(ARENA.subarray(DECODE_START, stop))).toEqual(Buffer.from(octets));
      }),
    );
  });
});

describe('HPACK encoding', () => {
  const name = fc.constantFrom('server', 'Content-Type', 'x-custom', 'date', 'set-cookie', 'etag', 'x-other-name');
  const value = fc.oneof(
    fc.constantFrom('a', 'text/html; charset=utf-8', 'nginx', ''),
    fc.stringMatching(/^[!-~]{1,200}$/),
  );
  const lines = fc.array(fc.tuple(name, value), { maxLength: 20 });

  test('is read back by the decoder, whatever the table sizes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(lines, fc.option(fc.nat(5000), { freq: 3 })), { maxLength: 12 }), (blocks) => {
        const encoder = new HpackEncoder();
        const decoder = new HpackDecoder();
        const target = Buffer.alloc(64 * 1024);
        for (const [fields, size] of blocks) {
          if (size !== null) encoder.peerTableSize = size;
          const text = fields.map(([n, v]) => `${n}: ${v}\r\n`).join('');
          ARENA.latin1Write(text, COMPOSE_START);
          encoder.begin(target, 0);
          encoder.lines(COMPOSE_START, COMPOSE_START + text.length);
          const end = encoder.end();
          expect(end).toBeLessThanOrEqual(2 * text.length + 64);
          expect(decodeBytes(decoder, target.subarray(0, end), RESPONSE_TRAILER_SECTION)).toBe(true);
          expect(section.finish(true)).toBe(SOUND);
          const wanted = fields.map(([n, v]) => `${n.toLowerCase()}: ${v}\r\n`).join('');
          expect(ARENA.latin1Slice(DECODE_START, section.out)).toBe(wanted);
        }
      }),
    );
  });

  const encode = (encoder: HpackEncoder, text: string): Buffer => {
    const target = Buffer.alloc(1000);
    ARENA.latin1Write(text, COMPOSE_START);
    encoder.begin(target, 0);
    encoder.lines(COMPOSE_START, COMPOSE_START + text.length);
    return target.subarray(0, encoder.end());
  };

  test('enters a line in the table when it comes again, and refers to it from then on', () => {
    const encoder = new HpackEncoder();
    const line = 'Server: Apache-Coyote/1.1\r\n';
    expect(encode(encoder, line)[0]! & 0xf0).toBe(0x00);
    expect(encode(encoder, line)[0]! & 0xc0).toBe(0x40);
    expect(encode(encoder, line)).toEqual(Buffer.from([0xbe]));
  });

  test('never enters secrets', () => {
    const encoder = new HpackEncoder();
    for (const secret of ['authorization', 'proxy-authorization', 'cookie', 'set-cookie']) {
      for (let i = 0; i < 3; i++) expect(encode(encoder, `${secret}: a\r\n`)[0]! & 0xf0).toBe(0x10);
    }
  });

  test('leaves out connection-specific fields', () => {
    const text = 'Connection: upgrade\r\nUpgrade: websocket\r\nKeep-Alive: 5\r\nTransfer-Encoding: chunked\r\n';
    expect(encode(new HpackEncoder(), text)).toHaveLength(0);
  });

  test('trims white space around values', () => {
    expect(encode(new HpackEncoder(), 'x:  a \t\r\n')).toEqual(literal('x', 'a'));
    expect(encode(new HpackEncoder(), 'x:a\r\n')).toEqual(literal('x', 'a'));
  });

  test('writes all statuses', () => {
    for (const status of [100, 200, 204, 206, 304, 400, 404, 500, 599]) {
      const target = Buffer.alloc(10);
      const encoder = new HpackEncoder();
      encoder.begin(target, 0);
      encoder.status(status);
      decodeBytes(new HpackDecoder(), target.subarray(0, encoder.end()), RESPONSE_SECTION);
      expect(section.finish(true)).toBe(SOUND);
      expect(head.status).toBe(status);
    }
  });
});

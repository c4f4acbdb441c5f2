import { describe, expect, test } from 'vitest';
import { ARENA, DECODE_START } from '../../ground/arena.ts';
import { MAX_FIELDS } from '../../ground/head.ts';
import { HpackDecoder } from './decoder.ts';
import { REQUEST_SECTION, RESPONSE_SECTION, type SectionRole, TRAILER_SECTION } from './field-section.ts';
import { decodeBytes, head, literal, long, START, section } from './hpack.fixture.ts';
import { SOUND, TOO_LARGE } from './section-fault.ts';

function decode(decoder: HpackDecoder, hex: string, role: SectionRole): string {
  expect(decodeBytes(decoder, Buffer.from(hex.replaceAll(' ', ''), 'hex'), role)).toBe(true);
  expect(section.finish(true)).toBe(SOUND);
  return ARENA.latin1Slice(head.start, head.end);
}

function get(path: string, rest: string): string {
  return `GET ${path} HTTP/1.1\r\nhost: www.example.com\r\n${rest}\r\n`;
}

describe('HPACK decoding', () => {
  test('decodes the requests of RFC 7541 C.3 with one table', () => {
    const decoder = new HpackDecoder();
    const plain = '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d';
    expect(decode(decoder, plain, REQUEST_SECTION)).toBe(get('/', ''));
    expect(decoder.table.size).toBe(57);
    expect(decode(decoder, '8286 84be 5808 6e6f 2d63 6163 6865', REQUEST_SECTION)).toBe(
      get('/', 'cache-control: no-cache\r\n'),
    );
    expect(decoder.table.size).toBe(110);
    const custom = '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65';
    expect(decode(decoder, custom, REQUEST_SECTION)).toBe(get('/index.html', 'custom-key: custom-value\r\n'));
    expect(decoder.table.size).toBe(164);
  });

  test('decodes the Huffman-coded requests of RFC 7541 C.4', () => {
    const decoder = new HpackDecoder();
    expect(decode(decoder, '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', REQUEST_SECTION)).toBe(get('/', ''));
    expect(decode(decoder, '8286 84be 5886 a8eb 1064 9cbf', REQUEST_SECTION)).toBe(
      get('/', 'cache-control: no-cache\r\n'),
    );
    const custom = '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf';
    expect(decode(decoder, custom, REQUEST_SECTION)).toBe(get('/index.html', 'custom-key: custom-value\r\n'));
    expect(decoder.table.size).toBe(164);
  });

  const date = (second: number): string => `date: Mon, 21 Oct 2013 20:13:${second} GMT\r\n`;
  const location = 'location: https://www.example.com\r\n';
  const cookie = 'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1\r\n';
  const first = `HTTP/1.1 302 Found\r\ncache-control: private\r\n${date(21)}${location}\r\n`;
  const second = `HTTP/1.1 307 Temporary Redirect\r\ncache-control: private\r\n${date(21)}${location}\r\n`;
  const third = `HTTP/1.1 200 OK\r\ncache-control: private\r\n${date(22)}${location}content-encoding: gzip\r\n${cookie}\r\n`;

  test.each([
    [
      'C.5',
      '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '4803 3330 37c1 c0bf',
      '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31',
    ],
    [
      'C.6',
      '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
      '4883 640e ffc1 c0bf',
      '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
    ],
  ])('decodes the responses of RFC 7541 %s with evictions from a table of 256 bytes', (_, one, two, three) => {
    const decoder = new HpackDecoder();
    decoder.table.maxSize = 256;
    expect(decode(decoder, one, RESPONSE_SECTION)).toBe(first);
    expect(decoder.table.size).toBe(222);
    expect(decode(decoder, two, RESPONSE_SECTION)).toBe(second);
    expect(decode(decoder, three, RESPONSE_SECTION)).toBe(third);
    expect(decoder.table.size).toBe(215);
    expect(decoder.table.count).toBe(3);
  });

  test.each([
    ['an index of 0', '80'],
    ['an index beyond both tables', 'be'],
    ['a name index beyond both tables', '7f00' + '0161'],
    ['an integer of more than 28 bits', 'ffffffffffff01'],
    ['an integer that is cut short', 'ff80'],
    ['a string longer than the block', '00056162'],
    ['a literal without value', '000161'],
    ['a size update after a field', '8220'],
    ['a size update above the limit', '3fe2ff03'],
    ['three size updates', '202020'],
    ['EOS in a Huffman string', '000161' + '84ffffffff'],
    ['Huffman padding of more than seven bits', '000161' + '82' + '1fff'],
    ['Huffman padding of zeros', '000161' + '81' + '18'],
  ])('refuses %s as a compression error', (_, hex) => {
    expect(decodeBytes(new HpackDecoder(), Buffer.from(hex, 'hex'), TRAILER_SECTION)).toBe(false);
  });

  test('empties the table for an entry that is larger than the table', () => {
    const decoder = new HpackDecoder();
    expect(decodeBytes(decoder, literal('a', 'b', 0x40), TRAILER_SECTION)).toBe(true);
    expect(decoder.table.count).toBe(1);
    expect(decodeBytes(decoder, literal('a', 'b'.repeat(5000), 0x40), TRAILER_SECTION)).toBe(true);
    expect(decoder.table.count).toBe(0);
    expect(section.fault).toBe(SOUND);
  });

  test('keeps the table right while entries are evicted many times over', () => {
    const decoder = new HpackDecoder();
    for (let i = 0; i < 2000; i++) {
      const value = `${i}-`.repeat(1 + (i % 60));
      expect(decodeBytes(decoder, literal('x', value, 0x40), TRAILER_SECTION)).toBe(true);
      expect(decoder.table.size).toBeLessThanOrEqual(4096);
      const oldest = 61 + decoder.table.count;
      const index = oldest < 127 ? [0x80 | oldest] : [0xff, ...long(oldest - 127).slice(1)];
      expect(decodeBytes(decoder, Buffer.from([0xbe, ...index]), TRAILER_SECTION)).toBe(true);
      expect(ARENA.latin1Slice(DECODE_START, section.out)).toContain(`x: ${value}\r\n`);
    }
  });

  test('a block of references to one large entry stops at the limit of the section', () => {
    const decoder = new HpackDecoder();
    const bomb = Buffer.concat([START, literal('a', 'b'.repeat(4000), 0x40), Buffer.alloc(60_000, 0xbe)]);
    expect(decodeBytes(decoder, bomb, REQUEST_SECTION)).toBe(true);
    expect(section.finish(true)).toBe(TOO_LARGE);
  });

  test.each([128, MAX_FIELDS])('more fields than %i, where no more are taken, are too large', (most) => {
    section.table.most = most;
    const fields = Buffer.concat(Array.from({ length: most }, () => literal('a', 'b')));
    expect(decodeBytes(new HpackDecoder(), Buffer.concat([START, fields]), REQUEST_SECTION)).toBe(true);
    expect(section.finish(true)).toBe(TOO_LARGE);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ARENA, COMPOSE_START, DECODE_START, JOIN_START } from '../arena.ts';
import { Head } from '../head.ts';
import { HpackDecoder } from './decoder.ts';
import { HpackEncoder } from './encoder.ts';
import { FieldSection, REQUEST_SECTION, RESPONSE_SECTION, type SectionRole, TRAILER_SECTION } from './fieldsection.ts';
import { huffmanDecode, huffmanEncode, huffmanLength } from './huffman.ts';
import { BROKEN, SOUND, TOO_LARGE, UNSUPPORTED } from './sectionfault.ts';

const LIMIT = 48 * 1024;
const head = new Head();
const section = new FieldSection(head);

function decodeBytes(decoder: HpackDecoder, block: Uint8Array, role: SectionRole, limit = LIMIT): boolean {
  ARENA.set(block, JOIN_START);
  section.begin(role, limit);
  return decoder.decode(JOIN_START, JOIN_START + block.length, section);
}

function decode(decoder: HpackDecoder, hex: string, role: SectionRole): string {
  expect(decodeBytes(decoder, Buffer.from(hex.replaceAll(' ', ''), 'hex'), role)).toBe(true);
  expect(section.finish(true)).toBe(SOUND);
  return ARENA.latin1Slice(head.start, head.end);
}

function get(path: string, rest: string): string {
  return `GET ${path} HTTP/1.1\r\nhost: www.example.com\r\n${rest}\r\n`;
}

function literal(name: string, value: string, first = 0x00): Buffer {
  expect(name.length).toBeLessThan(127);
  const length = value.length < 127 ? [value.length] : long(value.length - 127);
  return Buffer.concat([
    Buffer.from([first, name.length]),
    Buffer.from(name, 'latin1'),
    Buffer.from(length),
    Buffer.from(value, 'latin1'),
  ]);
}

function long(rest: number): number[] {
  const bytes = [127];
  for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128);
  return [...bytes, rest];
}

const START = Buffer.from('8286844101' + '61', 'hex');

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

  test('more fields than a head holds are too large', () => {
    const fields = Buffer.concat(Array.from({ length: 128 }, () => literal('a', 'b')));
    expect(decodeBytes(new HpackDecoder(), Buffer.concat([START, fields]), REQUEST_SECTION)).toBe(true);
    expect(section.finish(true)).toBe(TOO_LARGE);
  });
});

describe('request sections', () => {
  const request = (fields: Array<[string, string]>, complete = true): number => {
    const block = Buffer.concat(fields.map(([name, value]) => literal(name, value)));
    expect(decodeBytes(new HpackDecoder(), block, REQUEST_SECTION)).toBe(true);
    return section.finish(complete);
  };
  const usual: Array<[string, string]> = [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':path', '/a?b=c'],
    [':authority', 'Example.com:8443'],
  ];
  const websocket: Array<[string, string]> = [
    [':method', 'CONNECT'],
    [':protocol', 'websocket'],
    [':scheme', 'https'],
    [':path', '/chat'],
    [':authority', 'example.com'],
  ];

  test('fill the head', () => {
    expect(request([...usual, ['content-length', '12'], ['te', 'trailers'], ['x', 'y']], false)).toBe(SOUND);
    expect([head.method(), head.path(), head.host(), head.hostPort]).toEqual(['GET', '/a', 'example.com', 8443]);
    expect(ARENA.latin1Slice(head.queryStart, head.queryEnd)).toBe('b=c');
    expect(head.contentLength).toBe(12);
    expect(head.acceptsTrailers).toBe(true);
    expect(Array.from(head.drop.subarray(0, 4))).toEqual([2, 0, 1, 0]);
    expect(head.value(3)).toBe('y');
  });

  test('are chunked where a body of unknown length follows', () => {
    expect(request(usual, false)).toBe(SOUND);
    expect([head.chunked, head.contentLength]).toEqual([true, -1]);
  });

  test('take Host where there is no :authority', () => {
    expect(
      request([...usual.slice(0, 3), ['host', 'b.example'], ['cookie', 'a=b'], ['x', '1'], ['cookie', 'c=d']]),
    ).toBe(SOUND);
    expect(head.host()).toBe('b.example');
  });

  test('join cookie crumbs, neighbours or not', () => {
    const crumbs: Array<[string, string]> = [
      ['cookie', 'a=b'],
      ['cookie', 'c=d'],
      ['x', '1'],
      ['host', 'Example.com:8443'],
      ['cookie', 'e=f'],
      ['y', '2'],
    ];
    expect(request([...usual, ...crumbs])).toBe(SOUND);
    const lines = 'host: Example.com:8443\r\ncookie: a=b; c=d; e=f\r\nx: 1\r\ny: 2\r\n\r\n';
    expect(ARENA.latin1Slice(head.fields[0]!, head.end)).toBe(lines);
    expect([head.count, head.value(1), head.value(2), head.value(3)]).toEqual([4, 'a=b; c=d; e=f', '1', '2']);
    expect(request([...usual.slice(0, 3), ['cookie', 'a=b'], ['host', 'b.example'], ['cookie', 'c=d']])).toBe(SOUND);
    expect([head.host(), head.value(0), head.value(1)]).toEqual(['b.example', 'a=b; c=d', 'b.example']);
  });

  test('turn an extended CONNECT into an Upgrade', () => {
    expect(request([...websocket, ['sec-websocket-version', '13']], false)).toBe(SOUND);
    const text = ARENA.latin1Slice(head.start, head.end);
    expect(text).toMatch(
      /^GET \/chat HTTP\/1\.1\r\nhost: example\.com\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: [\w+/]{22}==\r\nsec-websocket-version: 13\r\n\r\n$/,
    );
    expect(ARENA.latin1Slice(head.upgradeStart, head.upgradeEnd)).toBe('websocket');
    expect(head.find('sec-websocket-version', head.fields[4 * 5 + 4]!)).toBe(4);
  });

  const without = (name: string): Array<[string, string]> => usual.filter((field) => field[0] !== name);
  const having = (name: string, value: string): Array<[string, string]> => [...without(name), [name, value]];
  test.each<[string, Array<[string, string]>]>([
    ['no :method', without(':method')],
    ['no :scheme', without(':scheme')],
    ['no :path', without(':path')],
    ['no :authority and no Host', without(':authority')],
    ['an empty :path', having(':path', '')],
    ['a :path that is a URL', having(':path', 'http://example.com/')],
    ['a :path with a fragment', having(':path', '/a#b')],
    ['a :path with a space', having(':path', '/a b HTTP/1.1')],
    ['a :path with dots', having(':path', '/a/../b')],
    ['an asterisk for GET', having(':path', '*')],
    ['a :scheme of another kind', having(':scheme', 'ftp')],
    ['a :method that is no token', having(':method', 'G T')],
    ['an :authority with user information', having(':authority', 'a@example.com')],
    ['a repeated pseudo-header', [...usual, [':path', '/']]],
    ['an unknown pseudo-header', [...usual, [':other', '/']]],
    ['a response pseudo-header', [...usual, [':status', '200']]],
    ['a pseudo-header after a field', [...without(':path'), ['x', 'y'], [':path', '/']]],
    ['an upper-case name', [...usual, ['X-Up', 'y']]],
    ['an empty name', [...usual, ['', 'y']]],
    ['a name with a space', [...usual, ['a b', 'y']]],
    ['a name with a colon', [...usual, ['a:b', 'y']]],
    ['a name that imitates a known one', [...usual, ['content_length', '1']]],
    ['a value with CR', [...usual, ['x', 'a\rb']]],
    ['a value with LF', [...usual, ['x', 'a\nb']]],
    ['a value with NUL', [...usual, ['x', 'a\0b']]],
    ['a value that starts with a space', [...usual, ['x', ' a']]],
    ['a value that ends with a tab', [...usual, ['x', 'a\t']]],
    ['connection', [...usual, ['connection', 'close']]],
    ['keep-alive', [...usual, ['keep-alive', '1']]],
    ['proxy-connection', [...usual, ['proxy-connection', 'close']]],
    ['transfer-encoding', [...usual, ['transfer-encoding', 'chunked']]],
    ['upgrade', [...usual, ['upgrade', 'h2c']]],
    ['te other than trailers', [...usual, ['te', 'trailers, gzip']]],
    ['another Host than :authority', [...usual, ['host', 'other.example']]],
    ['two Hosts', [...without(':authority'), ['host', 'a.example'], ['host', 'a.example']]],
    ['two Content-Lengths', [...usual, ['content-length', '0'], ['content-length', '0']]],
    ['a Content-Length that is no number', [...usual, ['content-length', '+1']]],
    ['a Content-Length and no body', [...usual, ['content-length', '1']]],
    [':protocol without CONNECT', [...usual, [':protocol', 'websocket']]],
    ['an extended CONNECT without :path', websocket.filter((field) => field[0] !== ':path')],
  ])('with %s are malformed', (_, fields) => {
    expect(request(fields)).toBe(BROKEN);
  });

  test('for CONNECT and for unknown protocols are unsupported', () => {
    expect(
      request([
        [':method', 'CONNECT'],
        [':authority', 'example.com:443'],
      ]),
    ).toBe(UNSUPPORTED);
    expect(
      request(
        websocket.map(([n, v]) => [n, n === ':protocol' ? 'connect-udp' : v]),
        false,
      ),
    ).toBe(UNSUPPORTED);
  });

  test('a malformed field in the dynamic table stays malformed when it is referred to', () => {
    const decoder = new HpackDecoder();
    expect(decodeBytes(decoder, Buffer.concat([START, literal('x-a', 'a\nb', 0x40)]), REQUEST_SECTION)).toBe(true);
    expect(section.finish(true)).toBe(BROKEN);
    expect(
      decodeBytes(decoder, Buffer.concat([START.subarray(0, 3), Buffer.from([0xbf, 0xbe])]), REQUEST_SECTION),
    ).toBe(true);
    expect(section.finish(true)).toBe(BROKEN);
    // Its name alone is sound.
    expect(decodeBytes(decoder, Buffer.from([0x0f, 0x2f, 0x01, 0x62]), TRAILER_SECTION)).toBe(true);
    expect(section.finish(true)).toBe(SOUND);
    expect(ARENA.latin1Slice(DECODE_START, section.out)).toBe('x-a: b\r\n');
  });
});

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
          expect(decodeBytes(decoder, target.subarray(0, end), TRAILER_SECTION)).toBe(true);
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

import { describe, expect, test } from 'vitest';
import { ARENA, DECODE_START } from '../../ground/arena.ts';
import { requestError } from '../h1/fault.ts';
import { HpackDecoder } from './decoder.ts';
import { REQUEST_SECTION, TRAILER_SECTION } from './field-section.ts';
import { decodeBytes, head, literal, START, section } from './hpack.fixture.ts';
import { BROKEN, REFUSED, SOUND, UNSUPPORTED } from './section-fault.ts';

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
    ['a :scheme of another kind', having(':scheme', 'ftp')],
    ['a :method that is no token', having(':method', 'G T')],
    ['a repeated pseudo-header', [...usual, [':path', '/']]],
    ['an unknown pseudo-header', [...usual, [':other', '/']]],
    ['a response pseudo-header', [...usual, [':status', '200']]],
    ['a pseudo-header after a field', [...without(':path'), ['x', 'y'], [':path', '/']]],
    ['an upper-case name', [...usual, ['X-Up', 'y']]],
    ['an empty name', [...usual, ['', 'y']]],
    ['a name with a space', [...usual, ['a b', 'y']]],
    ['a name with NUL', [...usual, ['a\0b', 'y']]],
    ['a name of NUL', [...usual, ['\0', 'y']]],
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
    ['two Hosts', [...without(':authority'), ['host', 'a.example'], ['host', 'a.example']]],
    ['two Content-Lengths', [...usual, ['content-length', '0'], ['content-length', '0']]],
    ['a Content-Length that is no number', [...usual, ['content-length', '+1']]],
    ['a Content-Length and no body', [...usual, ['content-length', '1']]],
    [':protocol without CONNECT', [...usual, [':protocol', 'websocket']]],
    ['an extended CONNECT without :path', websocket.filter((field) => field[0] !== ':path')],
  ])('with %s are malformed', (_, fields) => {
    expect(request(fields)).toBe(BROKEN);
  });

  test.each<[string, Array<[string, string]>, RegExp]>([
    ['a :path with a fragment', having(':path', '/a#b'), /'#'/],
    ['a :path with a space', having(':path', '/a b HTTP/1.1'), /space/],
    ['a :path with dots', having(':path', '/a/../b'), /'\.\.' segment/],
    ['a :path with %00', having(':path', '/a%00'), /%00/],
    ['a :path with half an escape', having(':path', '/a%2'), /hexadecimal/],
    ['a :path with a backslash', having(':path', '/a\\b'), /backslash/],
    ['an asterisk for GET', having(':path', '*'), /OPTIONS/],
    ['an :authority with user information', having(':authority', 'a@example.com'), /host name/],
    ['a Host with user information', [...without(':authority'), ['host', 'a@example.com']], /host name/],
    ['another Host than :authority', [...usual, ['host', 'other.example']], /differ/],
  ])('with %s are refused as in HTTP/1.1', (_, fields, why) => {
    expect(request(fields)).toBe(REFUSED);
    expect(requestError(section.refusedFor).message).toMatch(why);
    expect(section.refusesHead).toBe(false);
    expect(request(fields.map(([name, value]) => [name, name === ':method' ? 'HEAD' : value]))).toBe(REFUSED);
    expect(section.refusesHead).toBe(true);
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

import { describe, expect, test } from 'vitest';
import { ARENA } from '../../ground/arena.ts';
import {
  FIELD_HOP_BY_HOP,
  FIELD_KEPT,
  FIELD_MANAGED,
  FIELD_STRIDE,
  fieldHash,
  HeadTable,
  MAX_FIELDS,
  NAME_END,
  NAME_HASH,
  NAME_START,
  nameHash,
  SCHEME_HTTPS,
} from '../../ground/head.ts';
import { MAX_NAMED_OPTIONS } from './connection-option.ts';
import { CONNECTION_INVALID, HEAD_TOO_LARGE, LINE_TOO_LONG, TOO_MANY_FIELDS } from './fault.ts';
import { endOf } from './outcome.fixture.ts';
import { MAX_REQUEST_HEAD_BYTES, MAX_REQUEST_LINE_BYTES, parseRequestHead, requestError } from './parse.ts';

const AT = 32;

function outcomeOf(text: string, head: HeadTable = new HeadTable()): number {
  return endOf(parseRequestHead(AT, AT + ARENA.latin1Write(text, AT), head));
}

/** A request for which `lines` follow the Host line. */
function parsed(lines: string[], line = 'GET /a/b?c=d HTTP/1.1', host = 'Host: a.example'): HeadTable {
  const head = new HeadTable();
  const text = `${[line, host, ...lines].filter((each) => each !== '').join('\r\n')}\r\n\r\n`;
  expect(outcomeOf(text, head)).toBe(AT + text.length);
  expect(head.end).toBe(AT + text.length);
  return head;
}

function slice(start: number, end: number): string {
  return ARENA.latin1Slice(start, end);
}

function dropOf(head: HeadTable, name: string): number {
  const index = Array.from({ length: head.count }, (_, at) => at * FIELD_STRIDE).findIndex(
    (at) => slice(head.fields[at + NAME_START]!, head.fields[at + NAME_END]!).toLowerCase() === name,
  );
  expect(index).toBeGreaterThanOrEqual(0);
  return head.drop[index]!;
}

describe('the request line', () => {
  test('gives method, target, path and query', () => {
    const head = parsed([]);
    expect(head.method()).toBe('GET');
    expect(slice(head.targetStart, head.targetEnd)).toBe('/a/b?c=d');
    expect(head.path()).toBe('/a/b');
    expect(slice(head.queryStart, head.queryEnd)).toBe('c=d');
    expect(head.minorVersion).toBe(1);
    expect(head.status).toBe(0);
  });

  test('without a query leaves the query offsets at 0, with an empty one not', () => {
    expect(parsed([], 'GET /a HTTP/1.1').queryEnd).toBe(0);
    const head = parsed([], 'GET /a? HTTP/1.1');
    expect(head.queryStart).toBe(head.queryEnd);
    expect(head.queryStart).toBeGreaterThan(0);
  });

  test('with a URL gives its host and path', () => {
    const head = parsed([], 'GET HTTPS://A.Example:443/x?y HTTP/1.1');
    expect(head.path()).toBe('/x');
    expect(slice(head.authorityStart, head.authorityEnd)).toBe('A.Example:443');
    expect(head.host()).toBe('a.example');
    expect(head.hostPort).toBe(443);
    expect(head.scheme).toBe(SCHEME_HTTPS);
    expect(head.pathStart).not.toBe(head.targetStart);
  });

  test("with a URL without a path has the path '/'", () => {
    expect(parsed([], 'GET http://a.example HTTP/1.1').path()).toBe('/');
    const head = parsed([], 'GET http://a.example?q HTTP/1.1');
    expect(head.path()).toBe('/');
    expect(slice(head.queryStart, head.queryEnd)).toBe('q');
  });

  test('with a URL in HTTP/1.0 needs no Host', () => {
    expect(parsed([], 'GET http://b.example/ HTTP/1.0', '').host()).toBe('b.example');
  });

  test("has the path '*' for OPTIONS *", () => {
    expect(parsed([], 'OPTIONS * HTTP/1.1').path()).toBe('*');
  });

  test('may come after one empty line, which is no part of the head', () => {
    const head = new HeadTable();
    const text = '\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n';
    expect(outcomeOf(text, head)).toBe(AT + text.length);
    expect(head.start).toBe(AT + 2);
  });
});

describe('the host', () => {
  test('is hashed without port and final dot, whatever its case', () => {
    for (const host of ['Host: A.example', 'Host: a.Example:80', 'Host: a.example.', 'Host: a.example.:8080']) {
      const head = parsed([], 'GET / HTTP/1.1', host);
      expect(head.host()).toBe('a.example');
      expect(head.hostHash).toBe(nameHash('a.example'));
    }
    expect(parsed([], 'GET / HTTP/1.1', 'Host: a.example.:8080').hostPort).toBe(8080);
  });

  test('may be an address', () => {
    const six = parsed([], 'GET / HTTP/1.1', 'Host: [2001:DB8::1]:8443');
    expect(six.host()).toBe('[2001:db8::1]');
    expect(six.hostHash).toBe(nameHash('[2001:db8::1]'));
    expect(six.hostPort).toBe(8443);
    expect(parsed([], 'GET / HTTP/1.1', 'Host: [::ffff:192.0.2.1]').hostPort).toBe(0);
    expect(parsed([], 'GET / HTTP/1.1', 'Host: 192.0.2.1').host()).toBe('192.0.2.1');
  });

  test('may be absent in HTTP/1.0', () => {
    const head = parsed([], 'GET / HTTP/1.0', '');
    expect(head.hostEnd).toBe(0);
    expect(head.hostField).toBe(-1);
  });

  test('longer than DNS allows is refused', () => {
    expect(outcomeOf(`GET / HTTP/1.1\r\nHost: ${'a'.repeat(253)}\r\n\r\n`)).toBeGreaterThan(0);
    expect(outcomeOf(`GET / HTTP/1.1\r\nHost: ${'a'.repeat(254)}\r\n\r\n`)).toBeLessThan(0);
  });
});

describe('field lines', () => {
  test('are listed with offsets of name and value, white space around the value left out', () => {
    const head = parsed(['X-One:  1 \t', 'X-Two:', 'x_three: \t3\x80 and\tmore']);
    expect(head.count).toBe(4);
    expect(head.value(1)).toBe('1');
    expect(head.value(2)).toBe('');
    expect(head.value(3)).toBe('3\x80 and\tmore');
    expect(head.find('x-one', nameHash('x-one'))).toBe(1);
    expect(head.fields[3 * FIELD_STRIDE + NAME_HASH]).toBe(fieldHash('x_three'));
  });

  test('of this hop are marked', () => {
    const head = parsed([
      'Connection: keep-alive, X-Own',
      'Keep-Alive: timeout=5',
      'Proxy-Connection: keep-alive',
      'TE: gzip;q=0.5, trailers',
      'x-own: 1',
      'Upgrade: websocket',
      'Accept: */*',
    ]);
    for (const name of ['connection', 'keep-alive', 'proxy-connection', 'te', 'x-own', 'upgrade']) {
      expect(dropOf(head, name)).toBe(FIELD_HOP_BY_HOP);
    }
    // Whoever decides by it would decide by what the backend does not get.
    expect(head.find('x-own', fieldHash('x-own'))).toBe(-1);
    expect(dropOf(head, 'accept')).toBe(FIELD_KEPT);
    expect(head.acceptsTrailers).toBe(true);
    expect(head.upgradeEnd).toBe(0);
  });

  test('that a Connection line names are marked wherever they stand', () => {
    const head = parsed(['X-A: 1', 'Connection: x-a', 'X-B: 2', 'Connection: x-b', 'X-A: 3']);
    expect([...head.drop.subarray(0, head.count)]).toEqual([
      FIELD_MANAGED,
      FIELD_HOP_BY_HOP,
      FIELD_HOP_BY_HOP,
      FIELD_HOP_BY_HOP,
      FIELD_HOP_BY_HOP,
      FIELD_HOP_BY_HOP,
    ]);
  });

  test('that the proxy writes itself are marked and found', () => {
    const head = parsed(
      [
        'X-Forwarded-For: 192.0.2.1',
        'X-Forwarded-Proto: https',
        'X-Forwarded-Host: b',
        'X-Forwarded-Port: 1',
        'X-Request-Id: r',
        'Via: 1.1 x',
        'Expect: 100-Continue',
        'Content-Length: 12',
        'X-Forwarded-For: 192.0.2.2',
      ],
      'PUT / HTTP/1.1',
    );
    expect([...head.drop.subarray(0, head.count)]).toEqual([
      ...Array.from({ length: 6 }, () => FIELD_MANAGED),
      // Via tells a way that goes on.
      FIELD_KEPT,
      FIELD_MANAGED,
      FIELD_KEPT,
      FIELD_MANAGED,
    ]);
    expect(head.hostField).toBe(0);
    expect(head.forwardedForField).toBe(1);
    expect(head.requestIdField).toBe(5);
    expect(head.contentLengthField).toBe(8);
    expect(head.contentLength).toBe(12);
    expect(head.expectContinue).toBe(true);
  });

  test('may hold any octet but controls, wherever it stands in the value', () => {
    for (let octet = 0; octet < 256; octet++) {
      const sound = octet === 9 || (octet >= 32 && octet !== 127);
      for (let at = 1; at < 10; at++) {
        const value = `${'a'.repeat(at)}${String.fromCharCode(octet)}${'b'.repeat(10)}`;
        const outcome = outcomeOf(`GET / HTTP/1.1\r\nHost: a\r\nX: ${value}\r\n\r\n`);
        expect([octet, at, outcome > 0]).toEqual([octet, at, sound]);
      }
    }
  });

  test('ask for 100-continue only in HTTP/1.1 and with a body', () => {
    const expects = (line: string, length: number) =>
      parsed(['Expect: 100-continue', `Content-Length: ${length}`], line).expectContinue;
    expect(expects('PUT / HTTP/1.1', 1)).toBe(true);
    expect(expects('PUT / HTTP/1.1', 0)).toBe(false);
    expect(expects('PUT / HTTP/1.0', 1)).toBe(false);
  });

  test('leave nothing behind for the next head', () => {
    const head = new HeadTable();
    outcomeOf('PUT http://a/x?y HTTP/1.0\r\nHost: a:80\r\nContent-Length: 5\r\nX-Request-Id: 1\r\n\r\n', head);
    const text = 'GET / HTTP/1.1\r\nHost: b\r\nTE: x\r\n\r\n';
    outcomeOf(text, head);
    const fresh = new HeadTable();
    outcomeOf(text, fresh);
    const known = ({ fields, drop, ...rest }: HeadTable) => ({
      ...rest,
      fields: fields.subarray(0, rest.count * FIELD_STRIDE),
      drop: drop.subarray(0, rest.count),
    });
    expect(known(head)).toEqual(known(fresh));
  });
});

describe('the connection', () => {
  test.each([
    ['GET / HTTP/1.1', '', true],
    ['GET / HTTP/1.1', 'Connection: close', false],
    ['GET / HTTP/1.1', 'Connection: ,Keep-Alive ,\t CLOSE,', false],
    ['GET / HTTP/1.0', '', false],
    ['GET / HTTP/1.0', 'Connection: Keep-Alive', true],
    ['GET / HTTP/1.0', 'Connection: keep-alive, close', false],
  ])('after %s with "%s" stays open: %s', (line, field, keepAlive) => {
    expect(parsed([field], line).keepAlive).toBe(keepAlive);
  });

  test('is upgraded only where Connection, version and body allow it', () => {
    const head = parsed(['Connection: Upgrade', 'Upgrade: websocket']);
    expect(slice(head.upgradeStart, head.upgradeEnd)).toBe('websocket');
    const refused: Array<[string, string[]]> = [
      ['GET / HTTP/1.1', ['Upgrade: websocket']],
      ['GET / HTTP/1.0', ['Connection: upgrade', 'Upgrade: websocket']],
      ['GET / HTTP/1.1', ['Connection: upgrade', 'Upgrade: h2c']],
      ['GET / HTTP/1.1', ['Connection: upgrade', 'Upgrade: websocket, h2c']],
      ['GET / HTTP/1.1', ['Connection: upgrade', 'Upgrade: websocket', 'Upgrade: h2c']],
      ['GET / HTTP/1.1', ['Connection: upgrade', 'Upgrade: websocket', 'Content-Length: 1']],
      ['GET / HTTP/1.1', ['Connection: upgrade', 'Upgrade:']],
    ];
    for (const [line, lines] of refused) expect(parsed(lines, line).upgradeEnd).toBe(0);
  });

  test('may name only so many fields', () => {
    const options = (count: number) => `Connection: ${Array.from({ length: count }, (_, i) => `x-${i}`).join(',')}`;
    parsed([options(MAX_NAMED_OPTIONS)]);
    expect(outcomeOf(`GET / HTTP/1.1\r\nHost: a\r\n${options(MAX_NAMED_OPTIONS + 1)}\r\n\r\n`)).toBe(
      CONNECTION_INVALID,
    );
  });
});

describe('limits', () => {
  test('a request line may have so many bytes, and one more is 414', () => {
    const line = (bytes: number) => `GET /${'x'.repeat(bytes - 16)} HTTP/1.1\r\n`;
    expect(line(MAX_REQUEST_LINE_BYTES)).toHaveLength(MAX_REQUEST_LINE_BYTES);
    expect(outcomeOf(`${line(MAX_REQUEST_LINE_BYTES)}Host: a\r\n\r\n`)).toBeGreaterThan(0);
    expect(outcomeOf(`${line(MAX_REQUEST_LINE_BYTES + 1)}Host: a\r\n\r\n`)).toBe(LINE_TOO_LONG);
    expect(outcomeOf(`GET /${'x'.repeat(MAX_REQUEST_LINE_BYTES - 5)}`)).toBe(LINE_TOO_LONG);
    expect(outcomeOf(`GET /${'x'.repeat(MAX_REQUEST_LINE_BYTES - 6)}`)).toBe(0);
    expect(requestError(LINE_TOO_LONG).status).toBe(414);
  });

  test('a head may have so many bytes, and one more is 431', () => {
    const start = 'GET / HTTP/1.1\r\nHost: a\r\nX: ';
    const text = (bytes: number) => `${start}${'x'.repeat(bytes - start.length - 4)}\r\n\r\n`;
    expect(outcomeOf(text(MAX_REQUEST_HEAD_BYTES))).toBe(AT + MAX_REQUEST_HEAD_BYTES);
    expect(outcomeOf(text(MAX_REQUEST_HEAD_BYTES + 1))).toBe(HEAD_TOO_LARGE);
    expect(outcomeOf(text(MAX_REQUEST_HEAD_BYTES).slice(0, -1))).toBe(0);
    expect(requestError(HEAD_TOO_LARGE).status).toBe(431);
  });

  test('a head may have so many fields, and one more is 431', () => {
    const text = (count: number) => `GET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(count - 1)}\r\n`;
    const head = new HeadTable();
    expect(outcomeOf(text(MAX_FIELDS), head)).toBeGreaterThan(0);
    expect(head.count).toBe(MAX_FIELDS);
    expect(outcomeOf(text(MAX_FIELDS + 1))).toBe(TOO_MANY_FIELDS);
    expect(requestError(TOO_MANY_FIELDS).status).toBe(431);
  });
});

test('a name with the hash of a known field is not taken for it', () => {
  // A made collision: FNV-1a of both is the same.
  const collision = findCollision('te');
  const head = parsed([`${collision}: trailers`]);
  expect(head.fields[FIELD_STRIDE + NAME_HASH]).toBe(nameHash('te'));
  expect(head.acceptsTrailers).toBe(false);
  expect(head.drop[1]).toBe(FIELD_KEPT);
});

/** Another name with the hash of `name`: two halves that meet, since each step of FNV can be undone. */
function findCollision(name: string): string {
  const letters = Array.from('abcdefghijklmnopqrstuvwxyz0123456789');
  const triples = letters.flatMap((a) => letters.flatMap((b) => letters.map((c) => a + b + c)));
  const byHash = new Map(triples.flatMap((t) => letters.map((d) => [nameHash(t + d), t + d] as const)));
  const inverse = 0x359c449b;
  for (const tail of triples) {
    let hash = nameHash(name);
    for (let i = tail.length - 1; i >= 0; i--) hash = (Math.imul(hash, inverse) ^ tail.charCodeAt(i)) >>> 0;
    const start = byHash.get(hash);
    if (start !== undefined) return start + tail;
  }
  throw new Error('no collision found');
}

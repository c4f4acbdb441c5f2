import { describe, expect, test } from 'vitest';
import { ARENA } from '../../ground/arena.ts';
import { FIELD_HOP_BY_HOP, FIELD_KEPT, HeadTable } from '../../ground/head.ts';
import { HEAD_TOO_LARGE } from './fault.ts';
import { endOf } from './outcome.fixture.ts';
import { MAX_RESPONSE_HEAD_BYTES, parseResponseHead } from './response.ts';

const AT = 32;

function outcomeOf(text: string, head: HeadTable = new HeadTable()): number {
  return endOf(parseResponseHead(AT, AT + ARENA.latin1Write(text, AT), head));
}

function parsed(...lines: string[]): HeadTable {
  const head = new HeadTable();
  const text = `${lines.join('\r\n')}\r\n\r\n`;
  expect(outcomeOf(text, head)).toBe(AT + text.length);
  return head;
}

describe('a status line', () => {
  test.each([
    ['HTTP/1.1 200 OK', 200, 'OK'],
    ['HTTP/1.1 404 Not  F\xf6und\t!', 404, 'Not  F\xf6und\t!'],
    ['HTTP/1.1 299 ', 299, ''],
    ['HTTP/1.1 100', 100, ''],
    ['HTTP/1.0 999 x', 999, 'x'],
  ])('%s is read', (line, status, reason) => {
    const head = parsed(line);
    expect(head.status).toBe(status);
    expect(ARENA.latin1Slice(head.reasonStart, head.reasonEnd)).toBe(reason);
  });

  test.each([
    'HTTP/2.0 200 OK',
    'HTTP/1.2 200 OK',
    'HTTP/1.1  200 OK',
    'HTTP/1.1 20 OK',
    'HTTP/1.1 2000 OK',
    'HTTP/1.1 099 OK',
    'HTTP/1.1 +20 OK',
    'HTTP/1.1 200\tOK',
    'HTTP/1.1 200 O\x00K',
    'HTTP/1.1 200 OK\rX: y',
    'ICY 200 OK',
    ' HTTP/1.1 200 OK',
    '\r\nHTTP/1.1 200 OK',
    '',
  ])('%j is refused', (line) => {
    expect(outcomeOf(`${line}\r\n\r\n`)).toBeLessThan(0);
  });
});

describe('a response head', () => {
  test('keeps fields that only a request gives a meaning', () => {
    const head = parsed('HTTP/1.1 200 OK', 'Host: a', 'Host: b', 'Via: x', 'X-Request-Id: y', 'Expect: z');
    expect([...head.drop.subarray(0, 5)]).toEqual(Array.from({ length: 5 }, () => FIELD_KEPT));
  });

  test('marks fields of this hop, but keeps an end-to-end field that Connection names', () => {
    const head = parsed('HTTP/1.1 200 OK', 'Connection: x-a, content-length', 'X-A: 1', 'Content-Length: 3');
    expect([...head.drop.subarray(0, 3)]).toEqual([FIELD_HOP_BY_HOP, FIELD_HOP_BY_HOP, FIELD_KEPT]);
    expect(head.contentLength).toBe(3);
    expect(head.contentLengthField).toBe(2);
  });

  test('is not touched by the Connection options of the one before', () => {
    parsed('HTTP/1.1 200 OK', 'Connection: x-a', 'X-A: 1');
    expect(parsed('HTTP/1.1 200 OK', 'X-A: 1').drop[0]).toBe(FIELD_KEPT);
  });

  test('keeps its connection by version and option', () => {
    expect(parsed('HTTP/1.1 200 OK').keepAlive).toBe(true);
    expect(parsed('HTTP/1.1 200 OK', 'Connection: close').keepAlive).toBe(false);
    expect(parsed('HTTP/1.0 200 OK').keepAlive).toBe(false);
    expect(parsed('HTTP/1.0 200 OK', 'Connection: keep-alive').keepAlive).toBe(true);
  });

  test('tells an upgrade', () => {
    const head = parsed('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket');
    expect(ARENA.latin1Slice(head.upgradeStart, head.upgradeEnd)).toBe('websocket');
    expect(parsed('HTTP/1.1 426 Upgrade Required', 'Upgrade: websocket').upgradeEnd).toBe(0);
  });

  test.each([
    ['length and coding', 'Content-Length: 3\r\nTransfer-Encoding: chunked'],
    ['two equal lengths', 'Content-Length: 3\r\nContent-Length: 3'],
    ['a list of lengths', 'Content-Length: 3, 3'],
    ['another coding', 'Transfer-Encoding: gzip, chunked'],
    ['identity coding', 'Transfer-Encoding: identity'],
    ['a coding twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked'],
    ['a folded line', 'X: a\r\n b'],
    ['white space before the colon', 'X : a'],
    ['a bare LF', 'X: a\nY: b'],
    ['an empty name', ': a'],
    ['a NUL', 'X: \x00'],
  ])('with %s is refused', (_, lines) => {
    expect(outcomeOf(`HTTP/1.1 200 OK\r\n${lines}\r\n\r\n`)).toBeLessThan(0);
  });

  test('with a coding in HTTP/1.0 is refused', () => {
    expect(outcomeOf('HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')).toBeLessThan(0);
  });

  test('may have so many bytes, and no more', () => {
    const start = 'HTTP/1.1 200 OK\r\nX: ';
    const text = (bytes: number) => `${start}${'x'.repeat(bytes - start.length - 4)}\r\n\r\n`;
    expect(outcomeOf(text(MAX_RESPONSE_HEAD_BYTES))).toBeGreaterThan(0);
    expect(outcomeOf(text(MAX_RESPONSE_HEAD_BYTES + 1))).toBe(HEAD_TOO_LARGE);
  });
});

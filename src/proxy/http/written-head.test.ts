import { expect, test } from 'vitest';
import { HeaderPatch } from '../filter/index.ts';
import { ARENA, RECV_START } from '../ground/arena.ts';
import { FIELD_KEPT, FIELD_WRITTEN, type Head, HeadTable, MAX_FIELDS, nameHash } from '../ground/head.ts';
import { HELD } from '../ground/region.ts';
import { parseRequestHead } from './h1/parse.ts';
import { HeldHead } from './held-head.ts';
import { PAIRS } from './kept-head.ts';

/** Of HTTP/1.0 without a line. */
function parsed(...lines: string[]): Head {
  const text = `PUT /a%20b?c=d HTTP/1.${lines.length === 0 ? 0 : 1}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
  const end = RECV_START + ARENA.write(text, RECV_START, 'latin1');
  const head = parseRequestHead(RECV_START, end, new HeadTable());
  if (typeof head === 'number') throw new Error(`not a head: ${text}`);
  return head;
}

const set = (name: string, value: string): HeaderPatch =>
  HeaderPatch.of({ set: [{ name, value }], add: [], remove: [] });
const add = (name: string, value: string): HeaderPatch =>
  HeaderPatch.of({ set: [], add: [{ name, value }], remove: [] });

function textOf(head: Head): string {
  return ARENA.latin1Slice(head.start, head.end);
}

const AROUND = ['X-Tenant: forged', 'Host: a.example:81', 'X.Tenant: too', 'Content-Length: 3', 'X-B: b'];

test('what is set stands in the place of the client’s lines, in whatever spelling, and nothing else moves', () => {
  const head = new HeldHead(parsed(...AROUND)).written(set('X-Tenant', 'one'))!.restore();
  const kept = ['Host: a.example:81', 'Content-Length: 3', 'X-B: b', 'X-Tenant: one', '', ''].join('\r\n');
  expect(textOf(head)).toBe(`PUT /a%20b?c=d HTTP/1.1\r\n${kept}`);
  expect([head.host(), head.hostPort, head.path(), head.query(), head.method()]).toEqual([
    'a.example',
    81,
    '/a%20b',
    'c=d',
    'PUT',
  ]);
  expect([head.hostField, head.contentLengthField, head.contentLength, head.count]).toEqual([0, 1, 3, 4]);
  expect(head.value(head.find('x-tenant', nameHash('x-tenant')))).toBe('one');
  expect([...head.drop.subarray(1, head.count)]).toEqual([FIELD_KEPT, FIELD_KEPT, FIELD_WRITTEN]);
});

test('it is as a client would have sent it', () => {
  const written = new HeldHead(parsed(...AROUND)).written(add('X-C', 'c c'))!.restore();
  const texts = (head: Head): unknown => [
    textOf(head),
    PAIRS.map(([from, to]) => ARENA.latin1Slice(head[from], head[to])),
    Array.from({ length: head.count }, (_, i) => head.value(i)),
    [head.find('x-c', nameHash('x-c')), head.find('x-b', nameHash('x-b')), head.hostField, head.hostHash],
  ];
  const found = texts(written);
  expect(found).toEqual(texts(parsed(...AROUND, 'X-C: c c')));
});

test('it may be written again, also to a head without a line', () => {
  const bare = new HeldHead(parsed());
  const twice = bare
    .written(add('X-A', '1'))!
    .written(set('x-a', '2').followedBy(add('X-B', '3')))!
    .restore();
  expect(textOf(twice)).toBe('PUT /a%20b?c=d HTTP/1.0\r\nx-a: 2\r\nX-B: 3\r\n\r\n');
  expect(textOf(bare.restore())).toBe('PUT /a%20b?c=d HTTP/1.0\r\n\r\n');
});

test('a path that lies elsewhere comes along', () => {
  const head = parsed(...AROUND);
  head.pathStart = RECV_START + 4096;
  head.pathEnd = head.pathStart + ARENA.write('/a/b', head.pathStart, 'latin1');
  expect(new HeldHead(head).written(set('X-Tenant', 'a longer value than before'))!.restore().path()).toBe('/a/b');
});

test('a head has no more lines and bytes than there is room for', () => {
  const held = new HeldHead(parsed('Host: a'));
  const lines = (count: number) => HeaderPatch.adding(Array.from({ length: count }, () => ({ name: 'A', value: '' })));
  expect(held.written(lines(MAX_FIELDS - 1))?.restore().count).toBe(MAX_FIELDS);
  expect(held.written(lines(MAX_FIELDS))).toBeUndefined();
  const around = new HeldHead(parsed('Host: a')).written(set('X', ''))!.restore();
  const room = HELD.size - (around.end - around.start);
  expect(held.written(set('X', 'x'.repeat(room)))).toBeDefined();
  expect(held.written(set('X', 'x'.repeat(room + 1)))).toBeUndefined();
});

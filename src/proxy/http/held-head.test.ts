import { expect, test } from 'vitest';
import { ARENA, COMPOSE_START, RECV_START } from '../ground/arena.ts';
import { type Head, HeadTable, nameHash } from '../ground/head.ts';
import { parseRequestHead } from './h1/parse.ts';
import { HeldHead } from './held-head.ts';
import { PAIRS } from './kept-head.ts';

const REQUEST = 'GET http://a.example:81/b?c=d HTTP/1.1\r\nHost: a.example:81\r\nX-A:  b \r\nX-A: c\r\n\r\n';

function parsed(text = REQUEST): Head {
  const end = RECV_START + ARENA.write(text, RECV_START, 'latin1');
  const head = parseRequestHead(RECV_START, end, new HeadTable());
  if (typeof head === 'number') throw new Error(`not a head: ${text}`);
  return head;
}

function texts(head: Head): unknown {
  const at = (start: number, end: number) => ARENA.latin1Slice(start, end);
  return {
    pairs: PAIRS.map(([start, end]) => [start, at(head[start], head[end])]),
    values: Array.from({ length: head.count }, (_, i) => head.value(i)),
    found: [
      head.find('x-a', nameHash('x-a')),
      head.hostField,
      head.hostPort,
      head.scheme,
      head.hostHash,
      head.contentLength,
    ],
    whole: at(head.start, head.end),
  };
}

test('every pair of offsets that a head has is known', () => {
  const starts = Object.keys(new HeadTable()).filter((name) => name.endsWith('Start'));
  expect(PAIRS.map(([start]) => start).sort()).toEqual(starts.sort());
});

test('a head that is put back says what it said, wherever its bytes are', () => {
  const head = parsed();
  const before = texts(head);
  const held = new HeldHead(head);
  ARENA.fill(0x2e, RECV_START, RECV_START + 4096);
  head.reset(0);
  expect(texts(held.restore())).toEqual(before);
  expect(texts(held.restore())).toEqual(before);
});

test('what of it lay elsewhere comes along', () => {
  const head = parsed();
  head.pathStart = COMPOSE_START;
  head.pathEnd = COMPOSE_START + ARENA.write('/other/path', COMPOSE_START, 'latin1');
  const held = new HeldHead(head);
  ARENA.fill(0x2e, COMPOSE_START, COMPOSE_START + 100);
  const restored = held.restore();
  expect(restored.path()).toBe('/other/path');
  expect(ARENA.latin1Slice(restored.start, restored.end)).toBe(REQUEST);
});

test('one head leaves nothing of itself in the next', () => {
  const first = new HeldHead(parsed());
  const second = new HeldHead(parsed('GET / HTTP/1.0\r\n\r\n'));
  first.restore();
  const restored = second.restore();
  expect([restored.count, restored.authorityEnd, restored.queryEnd, restored.hostField]).toEqual([0, 0, 0, -1]);
});

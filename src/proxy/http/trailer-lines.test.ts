/** What rule and filters say of header lines holds behind the body, too; and a switch of protocols is what was asked for. */
import { expect, test } from 'vitest';
import type { RouteRule } from '../../config/index.ts';
import { HeaderPatch } from '../filter/index.ts';
import { settled } from './memory.suite.ts';
import { keptTrailers } from './trailer-lines.ts';
import { answerWaiter, asked, GET } from './trial-filter.suite.ts';

const PATCH = HeaderPatch.of({
  set: [{ name: 'X-User', value: 'a' }],
  add: [{ name: 'X-More', value: 'b' }],
  remove: ['x-gone'],
});

test('lines that are set or removed are left out, and only those', () => {
  const lines = 'x-user: me\r\nX_User: me\r\nX-GONE: 1\r\nX-More: 1\r\nX-Users: 1\r\n';
  expect(keptTrailers(lines, PATCH, true)).toBe('X-More: 1\r\nX-Users: 1\r\n');
  expect(keptTrailers(lines, PATCH, false)).toBe('X_User: me\r\nX-More: 1\r\nX-Users: 1\r\n');
  expect(keptTrailers(lines, HeaderPatch.NONE, true)).toBe(lines);
  expect(keptTrailers('X-Gone: 1\r\n', PATCH, true)).toBe('');
});

const RULE: Partial<RouteRule> = {
  filters: [{ type: 'ResponseHeaderModifier', set: [], add: [], remove: ['X-Inner'] }],
};
const ANSWER = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Inner: 1\r\nX-Sum: 1\r\n\r\n';

test.each([
  ['at once', []],
  ['after a filter waited', [answerWaiter()]],
])('trailers of an answer, %s', async (_name, filters) => {
  const { rig, client } = await asked(GET, filters, { rule: RULE });
  rig.backend().deliver(ANSWER);
  await settled();
  filters[0]?.waiting[0]?.proceed();
  let came = '';
  for (let i = 0; i < 5; i++) {
    await settled();
    came += client.take();
  }
  expect(came).toMatch(/\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n$/);
});

test.each([
  ['websocket', 'WebSocket', 101],
  ['WebSocket', 'websocket', 101],
  ['websocket', 'h2c', 502],
  ['websocket', 'websocket, h2c', 502],
])('of %s asked for, a switch to %s is %i', async (asking, answering, status) => {
  const { rig, client } = await asked(
    `GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: ${asking}\r\n\r\n`,
    [],
  );
  rig.backend().deliver(`HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: ${answering}\r\n\r\n`);
  await settled();
  expect(client.take()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
});

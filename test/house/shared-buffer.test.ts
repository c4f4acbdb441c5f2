/** Who writes to the buffer that all connections of a worker share (docs/decisions/bounded-heads.md). */
import { expect, test } from 'vitest';
import { isProduct, textOf, treeFiles } from './tree.ts';

/** Any way to write to ARENA, by its own name or by the one that hot code gives it. */
const WRITES =
  /\b(?:ARENA|bytes)\[[^\]\n]*\](?: [|&^+-]?=(?!=)|\+\+|--)|\bARENA\.(?:write|latin1Write|utf8Write|set|fill|copyWithin|swap)|\bbytes\.(?:latin1Write|copyWithin)|\.copy\(\s*ARENA\b/;

/** Files that do, and what bounds them. */
const WRITERS: Readonly<Record<string, string>> = {
  'src/proxy/ground/cursor.ts': 'its limit',
  'src/proxy/ground/region.ts': 'the region that it loads',
  'src/proxy/ground/path-form.ts': 'the path that it makes shorter, in its place',
  'src/proxy/listen/net-link.ts': 'RECV_SIZE',
  'src/proxy/listen/memory-link.ts': 'RECV_SIZE',
  'src/proxy/http/base64-stream.ts': 'the text that it makes shorter, in its place',
  'src/proxy/http/asked-head.ts': 'RECV_END',
  'src/proxy/http/asked-target.ts': 'MAX_REQUEST_LINE_BYTES',
  'src/proxy/http/h1/parse.ts': 'a stop byte, taken back at once',
  'src/proxy/http/h1/response.ts': 'a stop byte, taken back at once',
  'src/proxy/http/h1/trailer.ts': 'a stop byte behind what was loaded',
  'src/proxy/http/h2/decoder.ts': 'DECODE_END, looked at before each text',
  'src/proxy/http/h2/huffman.ts': "its caller's look at what the text comes to",
  'src/proxy/http/h2/field-kind.ts': 'a name of the static table, when the program starts',
  'src/proxy/route/plain-request.ts': 'RECV_END',
};

/** Where `bytes` is another buffer, writing to it is nobody's concern. */
function ownName(text: string): string {
  return text.includes('const bytes = ARENA;')
    ? text
    : text.replaceAll(/\bbytes(?=\[|\.(?:latin1Write|copyWithin))/g, '');
}

test('composed bytes go through a cursor; the other writers are known', () => {
  const writers = treeFiles()
    .filter((path) => isProduct(path) && path.startsWith('src/proxy/'))
    .filter((path) => WRITES.test(ownName(textOf(path))));
  expect(writers.sort()).toEqual(Object.keys(WRITERS).sort());
});

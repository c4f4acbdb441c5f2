import { expect, test } from 'vitest';
import { ARENA } from '../../ground/arena.ts';
import { HeadTable } from '../../ground/head.ts';
import { ChunkDecoder } from './chunk.ts';
import { parseRequestHead, requestError } from './parse.ts';
import { SMUGGLING_FORMS, type SmugglingForm } from './smuggling.suite.ts';

const AT = 16;

/** What becomes of a form: a status, or 0 where head and body are sound. */
function judge(form: SmugglingForm): { status: number; inBody: boolean } {
  const end = AT + ARENA.latin1Write(form.raw, AT);
  const head = parseRequestHead(AT, end, new HeadTable());
  if (head === 0) throw new Error('the form is not whole');
  if (typeof head === 'number') return { status: requestError(head).status, inBody: false };
  if (!head.chunked) return { status: 0, inBody: false };
  const decoder = new ChunkDecoder();
  const used = decoder.feed(head.end, end, { onData() {} });
  if (used < 0) return { status: requestError(used).status, inBody: true };
  if (!decoder.done) throw new Error('the body is not whole');
  return { status: 0, inBody: false };
}

test.each(SMUGGLING_FORMS)('$name: $verdict', (form) => {
  const { status, inBody } = judge(form);
  expect(status).toBe(form.verdict === 'accepted' ? 0 : form.status);
  expect(inBody).toBe(form.inBody ?? false);
});

test('the table has at least 60 forms, each with a name of its own', () => {
  expect(SMUGGLING_FORMS.length).toBeGreaterThan(60);
  expect(new Set(SMUGGLING_FORMS.map((form) => form.name)).size).toBe(SMUGGLING_FORMS.length);
});

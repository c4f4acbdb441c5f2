import { expect, test } from 'vitest';
import { ARENA } from '../../ground/arena.ts';
import { Head } from '../../ground/head.ts';
import { ChunkDecoder } from './chunk.ts';
import { parseRequestHead, requestError } from './parse.ts';
import { SMUGGLING_FORMS, type SmugglingForm } from './smuggling.suite.ts';

const AT = 16;

/** What becomes of a form: a status, or 0 where head and body are sound. */
function judge(form: SmugglingForm): { status: number; inBody: boolean } {
  const end = AT + ARENA.latin1Write(form.raw, AT);
  const head = new Head();
  const outcome = parseRequestHead(AT, end, head);
  if (outcome < 0) return { status: requestError(outcome).status, inBody: false };
  if (outcome === 0) throw new Error('the form is not whole');
  if (!head.chunked) return { status: 0, inBody: false };
  const decoder = new ChunkDecoder();
  const used = decoder.feed(outcome, end, { onData() {} });
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

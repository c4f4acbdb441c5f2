import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ERROR_CODES } from './error.ts';

test('every error code is described in docs/errors.md, and nothing else is', () => {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  const described = [...page.matchAll(/^## (DMN_[A-Z_]+)$/gm)].map(([, code]) => code);
  expect(described).toEqual(Object.keys(ERROR_CODES));
});

test('every description in docs/errors.md begins with the sentence in the code and says what to do', () => {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  for (const [code, sentence] of Object.entries(ERROR_CODES)) {
    const section = page.split(`## ${code}\n`)[1]!.split('\n## ')[0]!;
    expect(section.trimStart().startsWith(sentence), code).toBe(true);
    expect(section, code).toContain('What to do: ');
  }
});

/** What a guide shows to type is run by a test: by test/guides/, or by the one that it names. */
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { overlooked, stepsOf } from '../guides/page.ts';
import { PAGES } from '../guides/pages.ts';

test.each(PAGES)('%s', (page) => {
  expect(overlooked(page)).toEqual([]);
  const steps = stepsOf(page);
  for (const step of steps) {
    const path = step.type === 'elsewhere' ? /^run by (\S+)/.exec(step.why)?.[1] : undefined;
    if (path !== undefined) expect(existsSync(path), path).toBe(true);
  }
  expect(steps.filter(({ type }) => type !== 'file')).not.toEqual([]);
});

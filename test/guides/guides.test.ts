/** Guides are complete by themselves: their files are written, their commands run, and what they print is what the page says. */
import { existsSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { CLUSTER_GUIDES } from '../cluster/guide-list.ts';
import { treeFiles } from '../house/tree.ts';
import { Machine } from './machine.ts';
import { isShown, overlooked, stepsOf } from './page.ts';

const ELSEWHERE = CLUSTER_GUIDES.map((guide) => `docs/guides/${guide}.md`);
const PAGES = [
  'README.md',
  'examples/README.md',
  ...treeFiles().filter((path) => path.startsWith('docs/guides/')),
].filter((page) => !ELSEWHERE.includes(page));

let machine: Machine | undefined;
afterEach(async () => {
  await machine?.close();
  machine = undefined;
});

describe.each(PAGES)('%s', (page) => {
  const steps = stepsOf(page);

  test('shows nothing to type that no test runs', () => {
    expect(overlooked(page)).toEqual([]);
    const tests = steps.flatMap((step) =>
      step.type === 'elsewhere' ? (/^run by (\S+)/.exec(step.why)?.[1] ?? []) : [],
    );
    for (const path of tests) expect(existsSync(path), path).toBe(true);
    expect(steps.filter(({ type }) => type === 'command' || type === 'elsewhere')).not.toEqual([]);
  });

  if (!steps.some(({ type }) => type === 'command')) return;
  test('does what it says', { timeout: 120_000 }, async () => {
    machine = await Machine.start();
    for (const step of steps) {
      if (step.type === 'file') machine.write(step.name, step.content);
      if (step.type !== 'command') continue;
      const { code, stdout } = await machine.run(step.line);
      const told = `$ ${step.line}\n${stdout}`;
      if (step.shown !== undefined && !isShown(stdout, step.shown)) expect(told).toBe(`$ ${step.line}\n${step.shown}`);
      // A failure shows itself.
      if (step.shown === undefined) expect(code, told).toBe(0);
    }
    await machine.stop();
  });
});

test('what the page shows may leave out lines and parts of them, and nothing else', () => {
  expect(isShown('a\nb\nc\n', 'a\n...\nc\n')).toBe(true);
  expect(isShown('a\nc\n', 'a\n...\nc\n')).toBe(true);
  expect(isShown('a b c\n', 'a … c\n')).toBe(true);
  expect(isShown('17:11:35.612 info  x  pid=1\n', '09:00:00.000 info  x  pid=22\n')).toBe(true);
  expect(isShown('a\nb\n', 'a\n')).toBe(false);
  expect(isShown('a\nb\nc\n', 'a … c\n')).toBe(false);
});

/** Guides are complete by themselves: their files are written, their commands run, and what they print is what the page says. */
import { afterEach, expect, test } from 'vitest';
import { Machine } from './machine.ts';
import { isShown, stepsOf } from './page.ts';
import { PAGES } from './pages.ts';

let machine: Machine | undefined;
afterEach(async () => {
  await machine?.close();
  machine = undefined;
});

const GUIDES = PAGES.map((page) => [page, stepsOf(page)] as const).filter(([, steps]) =>
  steps.some(({ type }) => type === 'command'),
);

test.each(GUIDES)('%s', { timeout: 120_000 }, async (_, steps) => {
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

test('what the page shows may leave out lines and parts of them, and nothing else', () => {
  expect(isShown('a\nb\nc\n', 'a\n...\nc\n')).toBe(true);
  expect(isShown('a\nc\n', 'a\n...\nc\n')).toBe(true);
  expect(isShown('a b c\n', 'a … c\n')).toBe(true);
  expect(isShown('17:11:35.612 info  x  pid=1\n', '09:00:00.000 info  x  pid=22\n')).toBe(true);
  expect(isShown('a\nb\n', 'a\n')).toBe(false);
  expect(isShown('a\nb\nc\n', 'a … c\n')).toBe(false);
});

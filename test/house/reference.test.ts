/** The reference pages say what the code says. `npm run docs` writes them anew. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { annotationsPage, strangers } from './reference/annotations.ts';
import { conditionsPage, PLACES, reasonsInCode, unshownReasons } from './reference/conditions.ts';
import { flagsPage, HELP_WIDTH } from './reference/flags.ts';
import { homelessLimits, limitsPage, undescribedLimits } from './reference/limits.ts';
import { metricsPage } from './reference/metrics.ts';
import { mistakesPage, toldMistakes } from './reference/mistakes.ts';
import { peersPage, unknownSources } from './reference/peers.ts';

const page = (name: string): string => new URL(`../../docs/reference/${name}.md`, import.meta.url).pathname;

test('annotations', async () => {
  expect(strangers()).toEqual([]);
  await expect(annotationsPage()).toMatchFileSnapshot(page('annotations'));
});

test('flags', async () => {
  await expect(await flagsPage()).toMatchFileSnapshot(page('flags'));
});

test('help is as wide as the terminal, and no line ends before, in the middle of a sentence', async () => {
  const blocks = [...(await flagsPage()).matchAll(/```text\n([\s\S]*?)```/g)].map(([, text]) => text!.split('\n'));
  expect(blocks.length).toBeGreaterThan(10);
  for (const lines of blocks) {
    // Command lines are for whoever copies them: they stay whole.
    const prose = lines.filter((line) => !/^ +(?:\$|--)|^Usage:/.test(line));
    expect(prose.filter((line) => line.length > HELP_WIDTH)).toEqual([]);
    const broken = prose.filter((line, at) => {
      const [next = ''] = (prose[at + 1] ?? '').split(' ', 1);
      return /^\S/.test(line) && /^[a-z]/.test(next) && line.length + 1 + next.length <= HELP_WIDTH;
    });
    expect(broken).toEqual([]);
  }
});

test('conditions', async () => {
  await expect(conditionsPage()).toMatchFileSnapshot(page('conditions'));
});

test('the page of conditions has an example of every reason that the code names, and each kind of policy', () => {
  for (const [place, reasons] of reasonsInCode()) expect(reasons.length, place).toBeGreaterThan(1);
  expect(unshownReasons()).toEqual([]);
  const text = readFileSync(page('conditions'), 'utf8');
  const policies = PLACES.filter((place) => place.endsWith('Policy, by ancestor'));
  expect(policies.length).toBeGreaterThan(5);
  for (const place of policies) expect(text).toMatch(new RegExp(`## ${place}\\n\\n(?:\\|.*\\n){4,}`));
});

test('limits, of every folder and also those that are computed from others', async () => {
  expect(homelessLimits()).toEqual([]);
  for (const name of ['MAX_TURN_STEPS', 'MAX_ALL_CACHED_BYTES']) expect(limitsPage()).toContain(`| \`${name}\`<br>`);
  await expect(limitsPage()).toMatchFileSnapshot(page('limits'));
});

test('every limit has a comment that says what it limits', () => {
  expect(undescribedLimits()).toEqual([]);
});

test('metrics', async () => {
  await expect(await metricsPage()).toMatchFileSnapshot(page('metrics'));
});

test('no page says that it does not know', () => {
  for (const name of ['flags', 'conditions', 'limits', 'metrics']) {
    expect(readFileSync(page(name), 'utf8'), name).not.toMatch(/\bNaN\b|\bundefined\b|NOT DESCRIBED/);
  }
});

test('mistakes: each is told, and what has none is not', async () => {
  const told = await toldMistakes();
  const silent = [...told.values()].flat().filter(({ diagnostics }) => diagnostics.length === 0);
  expect(silent.map(({ mistake }) => mistake)).toEqual(['none']);
  await expect(mistakesPage(told)).toMatchFileSnapshot(page('mistakes'));
});

test('peers', async () => {
  expect(unknownSources()).toEqual([]);
  await expect(peersPage()).toMatchFileSnapshot(new URL('../../docs/peers.md', import.meta.url).pathname);
});

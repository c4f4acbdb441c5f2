/** The official conformance suite's questions, put to a standalone gateway. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CASES, NOT_APPLICABLE } from './cases/index.ts';
import { makeMaterial } from './material.ts';
import { type Outcome, outcomeOf, PAGE, page } from './outcome.ts';
import { loadSuite, type Suite, VERSIONS } from './suite.ts';

const material = await makeMaterial();
const suites: Suite[] = [];
for (const version of VERSIONS) {
  const suite = await loadSuite(version);
  if ('missing' in suite) console.log(`the suite's ${version} is not asked: ${suite.missing}`);
  else suites.push(suite);
}
const outcomes: Outcome[] = [];

/** Manifests that both versions have are served once here; document.ts serves all of both. */
const asked = new Map<string, Outcome>();

describe.each(suites)('suite $version', (suite) => {
  test.each(Array.from(suite.tests.keys()))('%s', async (name) => {
    const { manifests, features } = suite.tests.get(name)!;
    const key = `${name}\n${manifests}`;
    const before = asked.get(key);
    const outcome = before ? { ...before, version: suite.version, features } : await outcomeOf(suite, name, material);
    asked.set(key, outcome);
    outcomes.push(outcome);
    expect(outcome).toMatchObject({ result: NOT_APPLICABLE[name] === undefined ? 'passed' : 'not applicable' });
  });
});

test('no case is for a test that the suite does not have', () => {
  if (suites.length < VERSIONS.length) return;
  const known = new Set(suites.flatMap(({ tests }) => Array.from(tests.keys())));
  const ours = [...CASES.map((one) => one.test), ...Object.keys(NOT_APPLICABLE)];
  expect(ours.filter((name) => !known.has(name))).toEqual([]);
});

test('docs/conformance-standalone.md says what came of it', () => {
  if (suites.length < VERSIONS.length) return;
  expect(readFileSync(PAGE, 'utf8')).toBe(page(outcomes));
});

/** Runs every case and writes docs/conformance-standalone.md. Exit code 1 where something failed. */
import { writeFileSync } from 'node:fs';
import { makeMaterial } from './material.ts';
import { type Outcome, outcomeOf, PAGE, page } from './outcome.ts';
import { loadSuite, VERSIONS } from './suite.ts';

const material = await makeMaterial();
const outcomes: Outcome[] = [];
for (const version of VERSIONS) {
  const suite = await loadSuite(version);
  if ('missing' in suite) throw new Error(suite.missing);
  for (const test of suite.tests.keys()) {
    const outcome = await outcomeOf(suite, test, material);
    outcomes.push(outcome);
    console.log(`${version} ${outcome.result.padEnd(14)} ${test}${outcome.note === '' ? '' : `: ${outcome.note}`}`);
  }
}
writeFileSync(PAGE, page(outcomes));
const failed = outcomes.filter(({ result }) => result === 'failed').length;
console.log(`${outcomes.length} outcomes, ${failed} failed; docs/conformance-standalone.md is written`);
process.exitCode = failed === 0 ? 0 : 1;

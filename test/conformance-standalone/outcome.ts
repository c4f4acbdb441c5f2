/** What came of the suite's tests, and the page of the documentation that says so. */
import { type Case, runCase } from './case.ts';
import { CASES, NOT_APPLICABLE } from './cases/index.ts';
import type { Material } from './material.ts';
import type { Suite, Version } from './suite.ts';

export interface Outcome {
  test: string;
  version: Version;
  features: string[];
  result: 'passed' | 'failed' | 'not applicable';
  /** Why it failed or does not apply, or what of the test was left out. */
  note: string;
}

export const PAGE = new URL('../../docs/conformance-standalone.md', import.meta.url);

/** Our cases for a test of the suite's in one version of it. */
export function casesOf(suite: Suite, test: string): Case[] {
  return CASES.filter((one) => one.test === test && (one.only === undefined || one.only === suite.version));
}

/** Never throws: what is thrown on the way is the note. */
export async function outcomeOf(suite: Suite, test: string, material: Material): Promise<Outcome> {
  const features = suite.tests.get(test)!.features;
  const known = { test, version: suite.version, features };
  const reason = NOT_APPLICABLE[test];
  if (reason !== undefined) return { ...known, result: 'not applicable', note: reason };
  const cases = casesOf(suite, test);
  if (cases.length === 0) return { ...known, result: 'failed', note: 'there is no case for it' };
  try {
    for (const one of cases) await runCase(one, { suite, material });
  } catch (error) {
    return { ...known, result: 'failed', note: error instanceof Error ? error.message : String(error) };
  }
  const without = cases.flatMap((one) => one.without ?? []).join('; ');
  return { ...known, result: 'passed', note: without === '' ? '' : `partly: ${without}` };
}

const INTRO = `# Conformance of standalone mode

What the official conformance suite of the Gateway API asks, asked of \`daemun run\` without a cluster: the suite's own
manifests in a folder, every Gateway with a loopback address, \`--echo-backends\` behind the Services (TLS, TCP, UDP and
misbehaving Pods are stand-ins of the test's). What is expected of traffic and of statuses is written in our own words
after reading the suite's tests; its manifests are read from Go's module cache and are not part of this project.

This page is written by \`node test/conformance-standalone/document.ts\`, and a test checks that it is current.
`;

/** The page, from all outcomes. */
export function page(outcomes: ReadonlyArray<Outcome>): string {
  return [INTRO, features(outcomes), tests(outcomes)].join('\n');
}

function features(outcomes: ReadonlyArray<Outcome>): string {
  const names = new Set(outcomes.flatMap((outcome) => outcome.features));
  const rows = Array.from(names)
    .sort()
    .map((name) => {
      const own = outcomes.filter((outcome) => outcome.features.includes(name));
      const count = new Set(own.map(({ test }) => test)).size;
      return `| ${name} | ${count} | ${summary(own)} |`;
    });
  return ['## Features', '', '| Feature | Tests | Result |', '|---|---|---|', ...rows, ''].join('\n');
}

function summary(outcomes: ReadonlyArray<Outcome>): string {
  const failed = named(outcomes, 'failed');
  if (failed.length > 0) return `failed: ${failed.join(', ')}`;
  const skipped = named(outcomes, 'not applicable');
  const passed = named(outcomes, 'passed');
  if (passed.length === 0) return 'not applicable';
  return skipped.length === 0 ? 'passed' : `passed; not applicable: ${skipped.join(', ')}`;
}

function named(outcomes: ReadonlyArray<Outcome>, result: Outcome['result']): string[] {
  return Array.from(new Set(outcomes.filter((one) => one.result === result).map(({ test }) => test))).sort();
}

function tests(outcomes: ReadonlyArray<Outcome>): string {
  const versions = Array.from(new Set(outcomes.map(({ version }) => version))).sort();
  const rows = Array.from(Map.groupBy(outcomes, ({ test }) => test))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([test, own]) => {
      const cells = versions.map((version) => own.find((one) => one.version === version)?.result ?? '');
      const note = own.find((one) => one.note !== '')?.note.replaceAll(/\s+/g, ' ') ?? '';
      return `| ${[test, ...cells, note].join(' | ')} |`;
    });
  const head = ['Test', ...versions.map((version) => `suite ${version}`), 'Note'];
  return ['## Tests', '', `| ${head.join(' | ')} |`, `|${'---|'.repeat(head.length)}`, ...rows, ''].join('\n');
}

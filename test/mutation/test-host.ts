/**
 * Runs the same tests again and again, each time in a fresh process that loads every module once, from one vitest: it
 * starts once, and of all modules only the one that was changed is read again. Begun in the tree, with the test files
 * as arguments.
 */
import { resolve } from 'node:path';
import { BaseSequencer, createVitest, type TestModule, type TestSpecification } from 'vitest/node';

/** A file has changed: how do the tests fare? Those that are left out are so from now on. */
export interface Asked {
  changed: string;
  leftOut: readonly string[];
}

export interface Fared {
  /** The test files that failed, and the first that each of them says of it. */
  failed: readonly { test: string; why: string }[];
}

/** Milliseconds that each took when it last ran to its end. */
const durations = new Map<string, number>();

/** The quickest first: most faults are seen before those that take long begin. */
class QuickestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => durations.get(moduleId) ?? 0;
    return [...files].sort((a, b) => rank(a) - rank(b));
  }
}

const vitest = await createVitest('test', {
  watch: false,
  bail: 1,
  isolate: false,
  maxWorkers: 1,
  sequence: { sequencer: QuickestFirst },
  reporters: [{}],
});
await vitest.standalone();
const tests = await vitest.globTestSpecifications(process.argv.slice(2));

process.on('message', (asked: Asked) => void fare(asked).then((fared) => process.send!(fared)));
process.on('disconnect', () => process.exit(0));
process.send!('ready');

async function fare({ changed, leftOut }: Asked): Promise<Fared> {
  vitest.invalidateFile(resolve(changed));
  const out = new Set(leftOut.map((test) => resolve(test)));
  const asked = tests.filter(({ moduleId }) => !out.has(moduleId));
  const { testModules: all, unhandledErrors } = await vitest.runTestSpecifications(asked);
  // It tells of those of former runs, too.
  const testModules = all.filter(({ moduleId }) => !out.has(moduleId));
  for (const one of testModules) if (one.ok()) durations.set(one.moduleId, one.diagnostic().duration);
  const failed = testModules
    .filter((one) => one.state() === 'failed')
    .map((one) => ({ test: one.relativeModuleId, why: faultOf(one) }));
  return { failed: failed.length > 0 ? failed : unhandledErrors.map((error) => ({ test: '', why: messageOf(error) })) };
}

function faultOf(module: TestModule): string {
  for (const test of module.children.allTests('failed')) {
    return `${test.fullName}: ${messageOf(test.result().errors?.[0])}`;
  }
  return messageOf(module.errors()[0]);
}

function messageOf(error: unknown): string {
  return (error as { message?: string } | undefined)?.message?.split('\n')[0] ?? 'says nothing';
}

/**
 * `npm run mutate`: puts small faults into files, one at a time, and runs the nearest tests. A fault that they let
 * live is something that no test holds. It works in a copy of the tree, so that nothing here is ever touched.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isProduct, textOf, treeFiles } from '../house/tree.ts';
import { apply, type Mutant, mutantsOf } from './mutant.ts';
import { Nearest } from './nearest.ts';
import { RepeatedTests, type Verdict } from './repeated-tests.ts';

const USAGE = `npm run mutate -- [options] PATH...

  PATH          files or folders of src/, as a beginning of their names
  --count N     how many mutants, spread over all there are (default 40; 0: all)
  --skip N      leave out so many of the spread ones, to go on where another run ended
  --tests N     how many test files, the nearest first (default 6)
  --with PATH   further test files that every mutant is run against; may be repeated
  --again FILE  only those that live according to what a former run printed, which is in the file: against other tests
  --list        say which mutants and tests there would be, and run none`;

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Tests of a mutant may take so much longer than they do without it, and so many milliseconds more. */
const PATIENCE = { factor: 3, more: 10_000 };

const { values: flags, positionals: paths } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: 'string', default: '40' },
    skip: { type: 'string', default: '0' },
    tests: { type: 'string', default: '6' },
    with: { type: 'string', multiple: true, default: [] },
    again: { type: 'string' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (flags.help || paths.length === 0) {
  console.log(USAGE);
  process.exit(flags.help ? 0 : 2);
}
await main();

async function main(): Promise<void> {
  const nearest = new Nearest();
  const files = treeFiles().filter((path) => isProduct(path) && paths.some((start) => path.startsWith(start)));
  const all = files.flatMap((path) => mutantsOf(path, textOf(path)));
  const mutants = spread(flags.again === undefined ? all : survivorsIn(flags.again, all), Number(flags.count)).slice(
    Number(flags.skip),
  );
  const testsOf = (path: string): string[] => [
    ...new Set([...nearest.testsOf(path).slice(0, Number(flags.tests)), ...flags.with]),
  ];
  if (flags.list) return list(mutants, testsOf);
  const tree = copyOfTree();
  process.on('exit', () => rmSync(tree, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
  const survivors: Mutant[] = [];
  for (const [path, some] of Map.groupBy(mutants, (mutant) => mutant.path)) {
    survivors.push(...(await mutate(tree, { path, mutants: some, tests: testsOf(path) })));
  }
  report(mutants.length, survivors);
  process.exitCode = survivors.length > 0 ? 1 : 0;
}

/** Mutants of one file; those that live. */
async function mutate(tree: string, work: { path: string; mutants: Mutant[]; tests: string[] }): Promise<Mutant[]> {
  const { path, mutants, tests } = work;
  if (tests.length === 0) {
    console.log(`${path}: no test loads it`);
    return mutants;
  }
  const own = new RepeatedTests(tree, tests);
  try {
    for (const { test, why } of await own.settle(path, 600_000))
      console.log(`left out: ${test} fails by itself: ${why}`);
    const began = performance.now();
    await own.run(path, 600_000);
    const timeout = (performance.now() - began) * PATIENCE.factor + PATIENCE.more;
    console.log(`${path}: ${mutants.length} mutants, ${tests.length} test files, ${Math.round(timeout / 1000)} s each`);
    const text = textOf(path);
    const survivors: Mutant[] = [];
    for (const mutant of mutants) {
      writeFileSync(join(tree, path), apply(text, mutant));
      const verdict = await own.run(path, timeout);
      console.log(verdictLine(verdict, mutant));
      if (verdict === 'survived') survivors.push(mutant);
    }
    writeFileSync(join(tree, path), text);
    return survivors;
  } finally {
    own.end();
  }
}

/** What is or will be committed, and the packages by a link. */
function copyOfTree(): string {
  const tree = mkdtempSync(join(tmpdir(), 'daemun-mutate-'));
  for (const path of treeFiles()) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    cpSync(join(ROOT, path), join(tree, path));
  }
  symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'));
  return tree;
}

/** Of all those that a former run printed as alive. */
function survivorsIn(printed: string, all: readonly Mutant[]): Mutant[] {
  const lines = new Set(readFileSync(printed, 'utf8').split('\n'));
  return all.filter((mutant) => lines.has(verdictLine('survived', mutant)));
}

function verdictLine(verdict: Verdict, mutant: Mutant): string {
  return `  ${verdict.padEnd(8)} ${describe(mutant)}`;
}

/** So many of them, as evenly as can be; all where `count` is 0. The same ones each time. */
function spread<T>(all: readonly T[], count: number): T[] {
  if (count === 0 || count >= all.length) return [...all];
  return Array.from({ length: count }, (_, i) => all[Math.floor(((i + 0.5) * all.length) / count)]!);
}

function describe({ path, line, kind, before, after }: Mutant): string {
  const short = before.length > 60 ? `${before.slice(0, 57).replaceAll(/\s+/g, ' ')}...` : before;
  return `${path}:${line}  ${kind}  ${short}  =>  ${after === ';' ? '(removed)' : after}`;
}

function list(mutants: readonly Mutant[], testsOf: (path: string) => string[]): void {
  for (const mutant of mutants) console.log(describe(mutant));
  for (const path of new Set(mutants.map((mutant) => mutant.path))) console.log(`${path}: ${testsOf(path).join(' ')}`);
}

function report(count: number, survivors: readonly Mutant[]): void {
  console.log(`\n${count} mutants, ${count - survivors.length} killed, ${survivors.length} survived`);
  for (const mutant of survivors) {
    const text = readFileSync(join(ROOT, mutant.path), 'utf8').split('\n')[mutant.line - 1]!;
    console.log(`${describe(mutant)}\n    ${text.trim()}`);
  }
}

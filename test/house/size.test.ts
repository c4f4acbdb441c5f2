/** How large things may get: what is larger does two things, or has not found its shape. */
import { describe, expect, test } from 'vitest';
import { functionsOf, isProduct, isTypeScript, percentile, textOf, treeFiles, valueExports } from './tree.ts';

const CODE = treeFiles().filter(isTypeScript);
const PRODUCT = CODE.filter(isProduct);
const linesOf = (path: string): number => textOf(path).split('\n').length - 1;

/** On the hot path an object for the parameters would be one for each request; these are the only ones. */
const WIDE = ['src/proxy/http/h1/target.ts'];
/** Wider than it should be, and to become narrower: nothing may be added. */
const WIDE_STILL = ['src/cli/echo/h2c.ts', 'src/observe/metrics.ts', 'src/sources/schema/check.ts'];
/** Folders that give away more values than they should; nothing may be added. */
const BROAD_STILL = ['src/api/index.ts'];

describe.each([
  ['all code', CODE],
  ['what is shipped', PRODUCT],
])('%s', (_, paths) => {
  test('no file is over 500 lines, and nine of ten have 250 at most', () => {
    expect(paths.filter((path) => linesOf(path) > 500)).toEqual([]);
    expect(percentile(paths.map(linesOf), 0.9)).toBeLessThanOrEqual(250);
  });

  test('nine of ten functions have 40 lines at most', () => {
    const functions = paths.flatMap(functionsOf);
    const lengths = functions.map(({ lines }) => lines);
    expect(percentile(lengths, 0.9)).toBeLessThanOrEqual(40);
  });
});

test('a shipped function has 80 lines at most', () => {
  const long = PRODUCT.flatMap(functionsOf).filter(({ lines }) => lines > 80);
  expect(long.map(({ path, line, lines }) => `${path}:${line} has ${lines} lines`)).toEqual([]);
});

test('a shipped function has three positional parameters at most', () => {
  const wide = PRODUCT.flatMap(functionsOf).filter(({ parameters }) => parameters > 3);
  const paths = new Set(wide.map(({ path }) => path));
  expect([...paths].filter((path) => ![...WIDE, ...WIDE_STILL].includes(path))).toEqual([]);
});

test('a folder gives away 15 values at most', () => {
  const broad = PRODUCT.filter((path) => path.endsWith('/index.ts') && valueExports(path) > 15);
  expect(broad.filter((path) => !BROAD_STILL.includes(path))).toEqual([]);
});

import { expect, test } from 'vitest';
import { apply, mutantsOf } from './mutant.ts';
import { Nearest } from './nearest.ts';

function mutated(text: string): string[] {
  return mutantsOf('src/a.ts', text).map((mutant) => apply(text, mutant));
}

test.each([
  ['x = a < b;', ['x = a <= b;', ';']],
  ['x = a === b && c;', ['x = a !== b && c;', 'x = a === b || c;', ';']],
  ['if (!a) b();', ['if (true) b();', 'if (false) b();', 'if (a) b();', 'if (!a) ;']],
  ['const a = 1 + b++;', ['const a = 2 + b++;', 'const a = 1 - b++;', 'const a = 1 + b--;']],
  ['for (;;) { continue; }', ['for (;;) { ; }']],
  [
    'const a = b ? true : c;',
    ['const a = true ? true : c;', 'const a = false ? true : c;', 'const a = b ? false : c;'],
  ],
])('the mutants of %j', (text, expected) => {
  expect(mutated(text).sort()).toEqual(expected.sort());
});

test('types, imports and texts have none', () => {
  expect(mutated(`'use strict';\nimport a from 'a';\ntype A = 1 | 2;\nconst b: A | 3 = a as 2;`)).toEqual([]);
});

test('a line is told', () => {
  expect(mutantsOf('src/a.ts', '\n\nx++;').map(({ line }) => line)).toEqual([3, 3]);
});

test('the nearest test of a file is its own', () => {
  const tests = new Nearest().testsOf('src/proxy/match/byte-map.ts');
  expect(tests[0]).toBe('src/proxy/match/byte-map.test.ts');
  expect(tests).toContain('src/proxy/route/agreement.test.ts');
});

/** Names and words that have no place here, wherever they stand. */
import { describe, expect, test } from 'vitest';
import { isProduct, isTypeScript, saysAny, textOf, treeFiles } from './tree.ts';

/** This file names what it forbids. */
const SELF = 'test/house/wording.test.ts';
const FILES = treeFiles().filter((path) => path !== SELF);
const TEXTS = FILES.filter((path) => !/(^|\/)LICENSE$|\.(png|pem|der|bin)$/.test(path));
const CODE = TEXTS.filter(isTypeScript);

function linesWith(paths: readonly string[], pattern: RegExp): string[] {
  return paths.flatMap((path) =>
    textOf(path)
      .split('\n')
      .flatMap((line, i) => (pattern.test(line) ? [`${path}:${i + 1} ${line.trim().slice(0, 120)}`] : [])),
  );
}

test('a file is named after what it holds', () => {
  const empty = /^(utils?|helpers?|common|manager|types|misc|shared|base)$/i;
  const named = FILES.filter((path) => path.split('/').some((part) => empty.test(part.split('.')[0]!)));
  expect(named).toEqual([]);
});

describe('code', () => {
  test('has no type that fits everything', () => {
    expect(CODE.filter(saysAny)).toEqual([]);
  });

  test.each([
    ['does not silence the compiler', /@ts-(ignore|nocheck|expect-error)/],
    ['puts nothing off', /\b(TODO|FIXME|XXX|HACK)\b/],
  ])('%s', (_, pattern) => {
    expect(linesWith(CODE, pattern)).toEqual([]);
  });

  test('what is shipped prints only through its own channels', () => {
    const printing = linesWith(CODE.filter(isProduct), /\bconsole\.(log|info|debug|warn)\(/);
    expect(printing).toEqual([]);
  });
});

test('tests run whole and wait for what they test', () => {
  const tests = CODE.filter((path) => /\.(test|suite)\.ts$/.test(path));
  expect(linesWith(tests, /\b(test|it|describe)\.(only|skip|todo)\b/)).toEqual([]);
  expect(linesWith(tests, /\bsleep\(|await setTimeout\(|setTimeout\((resolve|done)\b/)).toEqual([]);
});

test('translate reads neither clock nor chance nor environment', () => {
  const pure = CODE.filter((path) => isProduct(path) && path.startsWith('src/translate/'));
  expect(
    linesWith(pure, /\bDate\.now\b|new Date\(\)|Math\.random|\bprocess\.|\bset(Timeout|Interval|Immediate)\(/),
  ).toEqual([]);
});

test('no path of the machine that something was written on', () => {
  expect(linesWith(TEXTS, /(^|[\s'"`(=:])\/(work|root|home\/\w+)(\/|\b)/)).toEqual([]);
  // Temporary folders are asked for, never assumed.
  expect(linesWith(CODE, /['"`]\/tmp\b/)).toEqual([]);
  expect(
    linesWith(
      TEXTS.filter((path) => !path.startsWith('.ci/')),
      /\.\.\/shared\b/,
    ),
  ).toEqual([]);
});

test('the lockfile names versions and hashes, and no registry', () => {
  const { packages } = JSON.parse(textOf('package-lock.json')) as { packages: Record<string, Record<string, unknown>> };
  const dependencies = Object.entries(packages).filter(([path]) => path !== '');
  expect(dependencies.filter(([, one]) => 'resolved' in one).map(([path]) => path)).toEqual([]);
  expect(dependencies.filter(([, one]) => !('integrity' in one)).map(([path]) => path)).toEqual([]);
});

test('dependencies are pinned', () => {
  const manifest = JSON.parse(textOf('package.json')) as Record<string, Record<string, string>>;
  const all = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
  expect(all.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});

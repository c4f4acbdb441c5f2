import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileRegex, literalStart } from './regex.ts';

describe('literalStart', () => {
  it.each([
    ['/service-1/v[0-9]+/.*', '/service-1/v'],
    ['^/a/b', '/a/b'],
    ['/ab?c', '/a'],
    ['/ab*', '/a'],
    ['/a{2}', '/'],
    ['/a(b|c)', '/a'],
    ['/a|/b', ''],
    ['(?i)/a', ''],
    ['/a\\.b', '/a'],
    ['.*', ''],
    ['', ''],
  ])('of %s is %j', (expression, start) => {
    expect(literalStart(expression)).toBe(start);
  });

  it('begins whatever the expression matches', () => {
    const piece = fc.constantFrom(
      'a',
      'b',
      'ab',
      '.',
      '(a|b)',
      'a|b',
      '|',
      '[ab|]',
      'a?',
      'b*',
      '(?i)',
      '(?i:a)',
      '\\|',
      '\\Q|\\E',
      '^',
      'a{2}',
    );
    const expression = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(''));
    const text = fc.array(fc.constantFrom('a', 'b', 'A', '|'), { maxLength: 5 }).map((letters) => letters.join(''));
    fc.assert(
      fc.property(expression, fc.array(text, { minLength: 5, maxLength: 20 }), (source, texts) => {
        const regex = compileRegex(source);
        const start = literalStart(source);
        for (const one of texts) if (regex.testExact(one)) expect(one.startsWith(start)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe('compileRegex', () => {
  it('takes time linear in the text', () => {
    expect(compileRegex('(a*)*b').testExact('a'.repeat(20_000))).toBe(false);
  });

  it('names the expression that is not RE2 syntax', () => {
    expect(() => compileRegex('(?=a)')).toThrow('the regular expression "(?=a)" is not RE2 syntax');
  });
});

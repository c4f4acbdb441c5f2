import fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, it } from 'vitest';
import { writtenOut } from './regular-expression.ts';

describe('an expression written out', () => {
  it.each([
    ['', 0],
    ['abc', 3],
    ['a{10}', 10],
    ['a{2,10}', 10],
    ['a{10,}', 11],
    ['(ab){10}', 30],
    ['((ab){3}c){4}', 44],
    ['[^]a-z]{3}', 3],
    ['[a\\]{5}]b{2}', 3],
    ['\\Qa{9}\\E', 8],
    ['a{,5}', 5],
    ['\\p{Greek}{3}', 192],
    ['[\\pL\\d]', 64],
  ])('%s has %d characters', (source, size) => {
    expect(writtenOut(source)).toBe(size);
  });

  it('is no less than a third of what RE2 makes of it', () => {
    const atom = fc.constantFrom('a', '.', '[a-z]', '\\d', '(?:ab)', '(a|b)', '\\Qxy\\E');
    const repetition = fc.constantFrom('', '*', '{3}', '{0,7}', '{2,}', '?');
    const piece = fc.tuple(atom, repetition).map((parts) => parts.join(''));
    const group = fc
      .tuple(fc.array(piece, { maxLength: 4 }), repetition)
      .map(([inside, r]) => `(${inside.join('')})${r}`);
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, group), { maxLength: 6 }), (pieces) => {
        const source = pieces.join('');
        expect(RE2JS.compile(source).programSize()).toBeLessThanOrEqual(3 * writtenOut(source) + 10);
      }),
    );
  });
});

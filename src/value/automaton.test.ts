import fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, it } from 'vitest';
import { automatonOf, ExpressionFault } from './regular-expression.ts';

const PIECES = [
  ...['a', 'b', 'K', 'é', '.', '[a-c]', '[^a]', '\\d', '\\W', '\\pL', '[[:upper:]]', '\\x{4e2d}', '\\.'],
  ...['(a|b)', 'a|b', '|', '(?:ab)*', 'a?', 'b+', 'a{2}', '(?:a|bc){1,3}', '.*', '.*?', '()', '\\Qa.b\\E'],
  ...['^', '$', '\\b', '\\B', '\\A', '\\z', '(?i)', '(?i:k)', '(?m)', '(?s)', '(?m:^a$)', '(?i)s', 'ſ', '(?-i)'],
];
const expression = fc.array(fc.constantFrom(...PIECES), { maxLength: 7 }).map((pieces) => pieces.join(''));
const text = fc
  .array(fc.constantFrom('a', 'b', 'c', 'k', 'K', 'K', 's', 'é', 'É', '1', '.', '\n', ' ', '中', '😀'), {
    maxLength: 9,
  })
  .map((letters) => letters.join(''));

describe('an automaton', () => {
  it('takes what RE2 takes', () => {
    fc.assert(
      fc.property(expression, fc.array(text, { minLength: 5, maxLength: 30 }), (source, texts) => {
        const reference = readable(source);
        fc.pre(reference !== undefined);
        const automaton = automatonOf(source);
        for (const one of texts) {
          expect(`${one}: ${automaton.matchesText(one)}`).toBe(`${one}: ${reference!.testExact(one)}`);
          if (/[^\0-\xff]/.test(one)) continue;
          const bytes = Buffer.from(`x${one}x`, 'latin1');
          expect(automaton.matchesBytes(bytes, 1, bytes.length - 1)).toBe(reference!.testExact(one));
        }
      }),
      { numRuns: 1_500 },
    );
  });

  it('takes one step a character, and none after it is sure', () => {
    const loop = automatonOf('(a*)*b');
    expect([loop.matchesText('a'.repeat(1_000)), loop.walked]).toEqual([false, 1_000]);
    const path = automatonOf('/a/.*');
    expect([path.matchesBytes(Buffer.from('/b'.repeat(500)), 0, 1_000), path.walked]).toEqual([false, 2]);
  });

  it.each([
    '/v[0-9]+/.*',
    '^/(api|app|static)(/.*)?$',
    '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}',
    '(?i).*(bot|crawler|spider|googlebot|bingbot|yandex|baidu|facebook|twitter|curl|wget).*',
    '.*\\.(js|css|png|jpe?g|gif|svg|woff2?|ico|map)',
    '.{1,500}',
    '[A-Za-z0-9-_]+\\.[A-Za-z0-9-_]+\\.[A-Za-z0-9-_]*',
    '((25[0-5]|2[0-4]\\d|1?\\d?\\d)\\.){3}(25[0-5]|2[0-4]\\d|1?\\d?\\d)',
    '\\p{L}{1,30}',
  ])('is made of %s', (source) => {
    expect(automatonOf(source).steps).toBeLessThan(100_000);
  });

  it.each([
    ['.*a.{20}', 'too complex'],
    ['(a|b)*a(a|b){400}', 'too complex'],
    ['[ab]*(a[ab]{9}|b[ab]{9})c', 'too complex'],
    ['.{900}.{900}.{900}', 'is too large'],
    ['((a{10}){10}){100}', 'is too large'],
    [`(${'\\pL{30}'.repeat(2)})`, 'is too large'],
    ['a'.repeat(4_097), 'is longer than 4096 characters'],
  ])('is refused of %s: %s', (source, why) => {
    expect(() => automatonOf(source)).toThrow(why);
  });
});

function readable(source: string): RE2JS | undefined {
  try {
    return RE2JS.compile(source);
  } catch (error) {
    expect(() => automatonOf(source)).toThrow(ExpressionFault);
    expect(error).toBeInstanceOf(Error);
    return undefined;
  }
}

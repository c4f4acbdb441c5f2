// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are what users write
import { describe, expect, test } from 'vitest';
import { MAX_PICKING_SIZE, Picker } from './substitution.ts';

function filled(pattern: string, template: string, text: string): string | undefined {
  const picker = new Picker(pattern);
  const picked = picker.pick(text);
  return picked === undefined ? undefined : picker.template(template).fill(picked);
}

test.each([
  ['/app/(.*)', '/$1', '/app/x/y', '/x/y'],
  ['/app/(.*)', '/${1}0', '/app/x', '/x0'],
  ['/(app)/(?<rest>.*)', '/$rest-${rest}/$1', '/app/x', '/x-x/app'],
  ['/app(/(a)|/(b))', '[$2][$3]', '/app/b', '[][b]'],
  ['/a', '/$$1', '/a', '/$1'],
  ['/a', '/$0$0', 'x/a', '//a/a'],
  ['(?i)/APP', '/new', '/app', '/new'],
])('%s and %s make of %s: %s', (pattern, template, text, made) => {
  expect(filled(pattern, template, text)).toBe(made);
});

test('what it does not find it does not touch', () => {
  expect(filled('^/app$', '/x', '/app/')).toBeUndefined();
});

describe('is refused with the way out', () => {
  test.each([
    ['/a', '/$1', '$1 names no group: the pattern has no groups; write $$ for a dollar sign'],
    ['/(a)', '/$2', '$2 names no group: the pattern has 1 group; write $$ for a dollar sign'],
    ['/(?<a>a)(b)', '/$c', '$c names no group: the pattern has 2 groups; write $$ for a dollar sign'],
    ['/a', '/$', '$ names no group: the pattern has no groups; write $$ for a dollar sign'],
  ])('of %s: %s', (pattern, template, message) => {
    expect(() => new Picker(pattern).template(template)).toThrow(message);
  });

  test('a pattern that is too much work', () => {
    expect(() => new Picker('(a|b)*a(a|b){100}(.*)')).toThrow(`${MAX_PICKING_SIZE} is the most`);
    expect(() => new Picker('(')).toThrow('missing closing )');
    expect(() => new Picker('a'.repeat(5000))).toThrow('is longer than');
  });
});

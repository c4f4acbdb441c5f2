import { describe, expect, test } from 'vitest';
import { everySetting, settingsText } from './setting-text.ts';

describe('every setting', () => {
  test.each<[unknown, string[]]>([
    [undefined, []],
    [{ a: { b: 1 }, c: true, d: undefined }, ['a.b 1', 'c true']],
    [{ a: [{ b: 1 }, { b: 'x y' }] }, ['a[0].b 1', 'a[1].b "x y"']],
    [{ a: Array.from({ length: 10 }, (_, i) => i) }, ['a 0, 1, 2, 3, 4, 5, 6, 7', 'a and 2 more']],
    [{ a: [] }, []],
    [{ a: 'x'.repeat(81) }, [`a ${'x'.repeat(80)}…`]],
  ])('%j', (settings, told) => {
    expect(everySetting(settings)).toEqual(told);
  });

  test('is cut after 64', () => {
    const many = Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`s${i}`, i]));
    expect(everySetting(many).slice(-2)).toEqual(['s63 63', 'and 6 more']);
    expect(settingsText(many, '').length).toBe(70);
  });

  test('tells no secret, and no value of a request line', () => {
    const login = { username: 'u', password: 'p' };
    const when = [{ headers: [{ name: 'x-key', value: 'k' }] }];
    expect(everySetting({ redis: { kind: 'One', login }, when, credential: 'c' })).toEqual([
      'redis.kind One',
      'when[0].headers[0].name x-key',
    ]);
  });
});

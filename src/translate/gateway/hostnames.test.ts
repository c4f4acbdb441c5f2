import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { covers, intersection, servedHosts } from './hostnames.ts';

describe('hostnames', () => {
  it.each([
    ['a.example.com', 'a.example.com', 'a.example.com'],
    ['*.example.com', 'a.example.com', 'a.example.com'],
    ['*.example.com', 'a.b.example.com', 'a.b.example.com'],
    ['*.example.com', '*.b.example.com', '*.b.example.com'],
    ['*.example.com', 'example.com', undefined],
    ['*.example.com', '*.example.org', undefined],
    ['*.example.com', 'badexample.com', undefined],
    ['a.example.com', 'b.example.com', undefined],
    ['*', '*.example.com', '*.example.com'],
  ])('%s and %s have %s in common', (a, b, common) => {
    expect(intersection(a, b)).toBe(common);
    expect(intersection(b, a)).toBe(common);
  });

  it.each([
    [undefined, undefined, ['*']],
    [undefined, [], ['*']],
    ['A.example.com', undefined, ['a.example.com']],
    [undefined, ['B.example.com', 'b.example.com'], ['b.example.com']],
    ['*.example.com', ['a.example.com', '*.com', 'x.org'], ['a.example.com', '*.example.com']],
    ['a.example.com', ['b.example.com'], []],
  ])('a listener for %s serves a route for %s at %s', (listener, route, served) => {
    expect(servedHosts(listener, route).map(({ hostname }) => hostname)).toEqual(served);
  });

  it('a served host knows the most specific of the route’s hostnames that give it', () => {
    expect(servedHosts('a.example.com', ['*.com', '*.example.com'])).toEqual([
      { hostname: 'a.example.com', own: '*.example.com' },
    ]);
    expect(servedHosts('*.example.com', undefined)).toEqual([{ hostname: '*.example.com', own: '*' }]);
  });

  it('what two hostnames have in common is covered by both', () => {
    const host = fc
      .tuple(fc.boolean(), fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 3 }))
      .map(([wild, labels]) => (wild ? ['*', ...labels] : labels).join('.'));
    fc.assert(
      fc.property(host, host, (a, b) => {
        const common = intersection(a, b);
        if (common !== undefined) expect([covers(a, common), covers(b, common)]).toEqual([true, true]);
      }),
    );
  });
});

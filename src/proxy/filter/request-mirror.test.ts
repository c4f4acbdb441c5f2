import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeFilter, run } from './filter.suite.ts';
import { compileFilter, compileFilters } from './registry.ts';

const mirror = (numerator: number, denominator: number, backend = 'infra/copy:80') =>
  ({ type: 'RequestMirror', backend, fraction: { numerator, denominator } }) as const;

describeFilter(mirror(1, 1), { target: '/a' });

describe('RequestMirror', () => {
  it('copies the share exactly, in every run of the denominator', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 60 }), (denominator, above) => {
        const numerator = Math.min(above, denominator);
        const filter = compileFilter(mirror(numerator, denominator));
        for (let round = 0; round < 2; round++) {
          let copies = 0;
          for (let i = 0; i < denominator; i++) copies += run(filter, {}).mirrors.length;
          expect(copies).toBe(numerator);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('spreads the copies', () => {
    const filter = compileFilter(mirror(20, 100));
    const copied = Array.from({ length: 10 }, () => run(filter, {}).mirrors.length).join('');
    expect(copied).toBe('0000100001');
  });

  it('copies to several backends, each by its own share', () => {
    const { filters } = compileFilters([mirror(1, 1, 'infra/all:80'), mirror(1, 2, 'infra/half:80')]);
    const copies = [0, 1].map(() => filters!.filters.flatMap((filter) => run(filter, {}).mirrors));
    expect(copies).toEqual([['infra/all:80'], ['infra/all:80', 'infra/half:80']]);
  });
});

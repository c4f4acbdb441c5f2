import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WeightedChoice } from './index.ts';

const backendsOf = (weights: number[]) => weights.map((weight, i) => ({ name: `b${i}`, weight }));

describe('WeightedChoice', () => {
  it('gives each backend exactly its weight in every run of the total weight', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 6 }), (weights) => {
        const choice = new WeightedChoice(backendsOf(weights));
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        for (let run = 0; run < 3; run++) {
          const counts = weights.map(() => 0);
          for (let i = 0; i < total; i++) counts[Number(choice.next()!.name.slice(1))]!++;
          expect(counts).toEqual(weights);
        }
      }),
    );
  });

  it('spreads the turns of a small share over the run', () => {
    const choice = new WeightedChoice(backendsOf([4, 1]));
    const turns = Array.from({ length: 10 }, () => choice.next()!.name).join(' ');
    expect(turns).toBe('b0 b0 b1 b0 b0 b0 b0 b1 b0 b0');
  });

  it('never gives a backend of weight 0, and null where none has a weight', () => {
    expect(new WeightedChoice(backendsOf([0, 3])).next()!.name).toBe('b1');
    expect(new WeightedChoice(backendsOf([0, 0])).next()).toBe(null);
    expect(new WeightedChoice([]).next()).toBe(null);
  });

  it('stays exact with the largest weights the API allows', () => {
    const choice = new WeightedChoice(backendsOf([1_000_000, 999_999, 1]));
    const counts = [0, 0, 0];
    for (let i = 0; i < 2_000_000; i++) counts[Number(choice.next()!.name.slice(1))]!++;
    expect(counts).toEqual([1_000_000, 999_999, 1]);
  });
});

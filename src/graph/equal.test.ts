import { describe, expect, it } from 'vitest';
import { equal } from './equal.ts';

class Box {
  readonly held = 1;
}

describe('structural equality', () => {
  it.each([
    [1, 1, true],
    [Number.NaN, Number.NaN, true],
    [null, undefined, false],
    [{ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }, true],
    [{ a: 1, b: 2 }, { b: 2, a: 1 }, true],
    [{ a: 1 }, { a: 1, b: undefined }, false],
    [[1], { 0: 1, length: 1 }, false],
    [[1, 2], [2, 1], false],
    [new Box(), new Box(), false],
  ])('%j and %j: %s', (a, b, expected) => {
    expect(equal(a, b)).toBe(expected);
    expect(equal(b, a)).toBe(expected);
  });
});

import { describe, expect, it } from 'vitest';
import { batch, derive, index, join, SourceCollection } from './index.ts';

function source<V>(objects: Record<string, V>): SourceCollection<V> {
  const collection = new SourceCollection<V>('source');
  collection.apply(Object.entries(objects).map(([key, value]) => ({ key, value })));
  return collection;
}

describe('derive', () => {
  it('computes only what a change touches', () => {
    const names = source<string>({ a: 'x', b: 'y', c: 'x' });
    const sizes = source<number>({ x: 1, y: 2 });
    const sized = derive('sized', names, (ctx, name, key) => [[key, ctx.fetch(sizes, name)]]);
    expect(sized.computed).toBe(3);
    sizes.apply([{ key: 'y', value: 3 }]);
    expect(sized.computed).toBe(4);
    names.apply([{ key: 'b', value: 'x' }]);
    sizes.apply([{ key: 'y', value: 4 }]);
    expect(sized.computed).toBe(5);
    expect(sized.get('b')).toBe(1);
  });

  it('does not compute again behind an output that stayed equal', () => {
    const numbers = source<number>({ a: 1 });
    const odd = derive('odd', numbers, (_ctx, number, key) => [[key, { odd: number % 2 === 1 }]]);
    const after = derive('after', odd, (_ctx, value, key) => [[key, value]]);
    numbers.apply([{ key: 'a', value: 3 }]);
    expect(odd.computed).toBe(2);
    expect(after.computed).toBe(1);
  });

  it('computes a node once where two paths lead to it', () => {
    const numbers = source<number>({ a: 1 });
    const plus = derive('plus', numbers, (_ctx, number, key) => [[key, number + 1]]);
    const sum = derive('sum', numbers, (ctx, number, key) => [[key, number + (ctx.fetch(plus, key) ?? 0)]]);
    const seen: unknown[] = [];
    sum.subscribe((changes) => seen.push(...changes));
    numbers.apply([{ key: 'a', value: 2 }]);
    expect(seen).toEqual([{ key: 'a', before: 3, after: 5 }]);
    expect(sum.computed).toBe(2);
  });

  it('computes once for a batch over several sources', () => {
    const left = source<number>({ a: 1 });
    const right = source<number>({ a: 1 });
    const sum = derive('sum', left, (ctx, number, key) => [[key, number + (ctx.fetch(right, key) ?? 0)]]);
    batch(() => {
      left.apply([{ key: 'a', value: 2 }]);
      right.apply([{ key: 'a', value: 2 }]);
    });
    expect(sum.get('a')).toBe(4);
    expect(sum.computed).toBe(2);
  });

  it('keeps the last outputs of an input whose derivation throws, computes the others, and throws at the end', () => {
    const numbers = source<number>({ a: 1, b: 1 });
    const checked = derive('checked', numbers, (_ctx, number, key) => {
      if (number < 0) throw new Error('negative');
      return [[key, number]];
    });
    const apply = () =>
      numbers.apply([
        { key: 'a', value: -1 },
        { key: 'b', value: 2 },
      ]);
    expect(apply).toThrow('negative');
    expect(checked.get('a')).toBe(1);
    expect(checked.get('b')).toBe(2);
    numbers.apply([{ key: 'a', value: 5 }]);
    expect(checked.get('a')).toBe(5);
  });

  it('that throws while it is made in a batch holds what the others gave, and the batch throws at its end', () => {
    const numbers = source<number>({ a: -1, b: 2 });
    const made: Array<ReturnType<typeof derive<number, number>>> = [];
    const build = () =>
      batch(() => {
        made.push(
          derive('checked', numbers, (_ctx, number, key) => {
            if (number < 0) throw new Error('negative');
            return [[key, number]];
          }),
        );
      });
    expect(build).toThrow('negative');
    expect(Array.from(made[0]!.entries())).toEqual([['b', 2]]);
    numbers.apply([{ key: 'a', value: 5 }]);
    expect(made[0]!.get('a')).toBe(5);
  });

  it('refuses a read after the derivation has ended', () => {
    const numbers = source<number>({ a: 1 });
    const kept: Array<() => unknown> = [];
    derive('late', numbers, (ctx, number, key) => {
      kept.push(() => ctx.fetch(numbers, key));
      return [[key, number]];
    });
    expect(() => kept[0]!()).toThrow(/after its derivation/);
  });

  it('refuses to read a collection that was made after it', () => {
    const numbers = source<number>({});
    const holder: { late?: SourceCollection<number> } = {};
    derive('early', numbers, (ctx, _number, key) => [[key, ctx.fetch(holder.late!, key)]]);
    holder.late = source<number>({ a: 1 });
    expect(() => numbers.apply([{ key: 'a', value: 1 }])).toThrow(/made after/);
  });
});

describe('subscribers', () => {
  it('see batches in order when one of them applies changes', () => {
    const numbers = source<number>({ a: 1 });
    const seen: number[] = [];
    numbers.subscribe((changes) => {
      if (changes[0]!.after === 2) numbers.apply([{ key: 'a', value: 3 }]);
    });
    numbers.subscribe((changes) => seen.push(changes[0]!.after!));
    numbers.apply([{ key: 'a', value: 2 }]);
    expect(seen).toEqual([2, 3]);
  });

  it('are all called when one of them throws', () => {
    const numbers = source<number>({ a: 1 });
    const seen: number[] = [];
    numbers.subscribe(() => {
      throw new Error('subscriber');
    });
    numbers.subscribe(() => seen.push(1));
    expect(() => numbers.apply([{ key: 'a', value: 2 }])).toThrow('subscriber');
    expect(seen).toEqual([1]);
  });
});

describe('index and join', () => {
  it('leaves a group that was handed out as it was', () => {
    const numbers = source<number>({ b: 1 });
    const all = index('all', numbers, () => ['']);
    const before = all.get('');
    numbers.apply([{ key: 'a', value: 2 }]);
    expect(before).toEqual([1]);
    expect(all.get('')).toEqual([2, 1]);
  });

  it('uncovers the later collection when the earlier one gives a key up', () => {
    const first = source<number>({ a: 1 });
    const second = source<number>({ a: 2 });
    const both = join('both', [first, second]);
    first.apply([{ key: 'a' }]);
    expect(both.get('a')).toBe(2);
  });
});

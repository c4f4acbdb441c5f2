import { describe, expect, it } from 'vitest';
import { batch, derive, index, join, SourceCollection, scope } from './index.ts';

function rig() {
  const names = new SourceCollection<string>('names');
  const sizes = new SourceCollection<number>('sizes');
  names.apply([
    { key: 'a', value: 'x' },
    { key: 'b', value: 'y' },
  ]);
  sizes.apply([{ key: 'x', value: 1 }]);
  const runs = { count: 0 };
  const graph = scope(() => {
    const sized = derive('sized', names, (context, name, key) => {
      runs.count++;
      return [[key, { name, size: context.fetch(sizes, name) ?? 0 }]];
    });
    const total = derive('total', sizes, (context, _, key) => [[key, context.fetchAll(sizes).length]]);
    const byName = index('by name', sized, ({ name }) => [name]);
    return { sized, byName, all: join<unknown>('all', [sized, total]) };
  });
  return { names, sizes, runs, graph };
}

describe('a scope', () => {
  it('shows what each collection holds, takes in and reads, and how often it ran', () => {
    const { names, graph } = rig();
    names.apply([{ key: 'c', value: 'x' }]);
    expect(graph.views()).toEqual([
      { name: 'names', kind: 'source', size: 3, inputs: [], reads: [] },
      { name: 'sizes', kind: 'source', size: 1, inputs: [], reads: [] },
      {
        name: 'sized',
        kind: 'derived',
        size: 3,
        runs: 3,
        inputs: ['names'],
        reads: [{ collection: 'sizes', keys: 2 }],
      },
      {
        name: 'total',
        kind: 'derived',
        size: 1,
        runs: 1,
        inputs: ['sizes'],
        reads: [{ collection: 'sizes', keys: 'all' }],
      },
      { name: 'by name', kind: 'index', size: 2, inputs: ['sized'], reads: [] },
      { name: 'all', kind: 'join', size: 4, inputs: ['sized', 'total'], reads: [] },
    ]);
  });

  it('closed, follows no change, holds nothing and calls nobody', () => {
    const { names, sizes, runs, graph } = rig();
    let calls = 0;
    graph.made.all.subscribe(() => calls++);
    graph.close();
    names.apply([{ key: 'c', value: 'x' }]);
    sizes.apply([{ key: 'x', value: 2 }]);
    expect([runs.count, calls]).toEqual([2, 0]);
    expect([graph.made.sized.size, graph.made.byName.size, graph.made.all.size]).toEqual([0, 0, 0]);
    expect(graph.views()).toEqual([]);
    graph.close();
  });

  it('closed by a change that it would have followed, is left alone', () => {
    const { names, runs, graph } = rig();
    batch(() => {
      names.apply([{ key: 'a', value: 'changed' }]);
      graph.close();
    });
    expect(runs.count).toBe(2);
  });

  it('that fails to be made leaves nothing behind', () => {
    const names = new SourceCollection<string>('names');
    let runs = 0;
    const failing = () =>
      scope(() => {
        derive('half', names, () => {
          runs++;
          return [];
        });
        throw new Error('no further');
      });
    expect(failing).toThrow('no further');
    names.apply([{ key: 'a', value: 'x' }]);
    expect(runs).toBe(0);
  });

  it('leaves its sources to others', () => {
    const { names, graph } = rig();
    const other = derive('other', names, (_, name, key) => [[key, name]]);
    graph.close();
    names.apply([{ key: 'c', value: 'x' }]);
    expect(other.size).toBe(3);
  });

  it('is not closed under a reader from outside', () => {
    const { graph } = rig();
    const reader = scope(() => derive('reader', graph.made.all, (_, value, key) => [[key, value]]));
    expect(() => graph.close()).toThrow('all is read by another collection');
    reader.close();
    graph.close();
  });
});

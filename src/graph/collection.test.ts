import { type Case, collectionSuite, type Item } from './collection.suite.ts';
import { counts, derive, heads, index, join, parts } from './index.ts';

const plain = (items: ReadonlyMap<string, unknown>): Record<string, unknown> => Object.fromEntries(items);
const sorted = (items: ReadonlyMap<string, Item>): Array<[string, Item]> =>
  Array.from(items).sort(([a], [b]) => (a < b ? -1 : 1));

function grouped(items: ReadonlyMap<string, Item>): Record<string, Item[]> {
  const groups: Record<string, Item[]> = {};
  for (const [, item] of sorted(items)) for (const tag of item.tags) (groups[tag] ??= []).push(item);
  return groups;
}

const cases: Case[] = [
  { name: 'source', build: (a) => a, model: (a) => plain(a) },
  {
    name: 'derive',
    build: (a) => derive('double', a, (_ctx, item, key) => [[key, item.size * 2]]),
    model: (a) => Object.fromEntries(Array.from(a, ([key, item]) => [key, item.size * 2])),
  },
  {
    name: 'derive with fetches that depend on what is held',
    build: (a, b) =>
      derive('sum', a, (ctx, item, key) => [
        [key, item.size + item.tags.reduce((sum, tag) => sum + (ctx.fetch(b, tag)?.size ?? 0), 0)],
      ]),
    model: (a, b) =>
      Object.fromEntries(
        Array.from(a, ([key, item]) => [
          key,
          item.size + item.tags.reduce((sum, tag) => sum + (b.get(tag)?.size ?? 0), 0),
        ]),
      ),
  },
  {
    name: 'derive with fetchAll',
    build: (a, b) =>
      derive('all', a, (ctx, item, key) => [[key, [item.size, ...ctx.fetchAll(b).map((one) => one.size)]]]),
    model: (a, b) =>
      Object.fromEntries(Array.from(a, ([key, item]) => [key, [item.size, ...sorted(b).map(([, one]) => one.size)]])),
  },
  {
    name: 'derive with outputs that inputs compete for',
    build: (a) => derive('tags', a, (_ctx, item, key) => item.tags.map((tag) => [tag, `${key}:${item.size}`] as const)),
    model: (a) => {
      const outputs: Record<string, string> = {};
      for (const [key, item] of sorted(a)) for (const tag of item.tags) outputs[tag] ??= `${key}:${item.size}`;
      return outputs;
    },
  },
  { name: 'index', build: (a) => index('tags', a, (item) => item.tags), model: grouped },
  {
    name: 'heads',
    build: (a) => heads('first tags', a, { keysOf: (item) => item.tags, most: 2 }),
    model: (a) => Object.fromEntries(Object.entries(grouped(a)).map(([tag, items]) => [tag, items.slice(0, 2)])),
  },
  {
    name: 'counts',
    build: (a) => counts('tags', a, (item) => item.tags),
    model: (a) => Object.fromEntries(Object.entries(grouped(a)).map(([tag, items]) => [tag, items.length])),
  },
  {
    name: 'parts',
    build: (a) =>
      parts('tags', a, { of: (item) => item.tags, output: (tag, key) => [`${key}>${tag}`, `${tag} of ${key}`] }),
    model: (a) =>
      Object.fromEntries(
        Array.from(a).flatMap(([key, { tags }]) => tags.map((tag) => [`${key}>${tag}`, `${tag} of ${key}`])),
      ),
  },
  { name: 'join', build: (a, b) => join('both', [a, b]), model: (a, b) => ({ ...plain(b), ...plain(a) }) },
  {
    name: 'a diamond of all of them',
    build: (a, b) => {
      const doubled = derive('doubled', a, (_ctx, item, key) => [[key, { ...item, size: item.size * 2 }]]);
      const groups = index('groups', join('both', [doubled, b]), (item) => item.tags);
      return derive('diamond', a, (ctx, item, key) => [
        [key, [item.size, ctx.fetch(doubled, key)?.size, item.tags.map((tag) => ctx.fetch(groups, tag)?.length ?? 0)]],
      ]);
    },
    model: (a, b) => {
      const groups = grouped(new Map([...b, ...a]));
      return Object.fromEntries(
        Array.from(a, ([key, item]) => [
          key,
          [item.size, item.size * 2, item.tags.map((tag) => groups[tag]?.length ?? 0)],
        ]),
      );
    },
  },
];

for (const one of cases) collectionSuite(one);

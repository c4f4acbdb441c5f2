import { expect, test } from 'vitest';
import { mergedEntries, unlisted } from './status-shape.ts';

const OURS = 'daemun.dev/gateway-controller';
const THEIRS = 'example.com/other';
const NOW = '2026-01-01T00:00:00Z';

const entry = (name: string, controllerName: string) => ({
  parentRef: { name },
  controllerName,
  conditions: [{ type: 'Accepted', status: 'True' as const, reason: 'Accepted', message: 'accepted' }],
});
const names = (entries: ReadonlyArray<{ parentRef?: object }> | undefined) =>
  entries?.map(({ parentRef }) => (parentRef as { name: string }).name);

test('entries of ours that have no room beside those of others are counted on the last that has, and not written again', () => {
  const live = Array.from({ length: 30 }, (_, at) => entry(`their-${at}`, THEIRS));
  const entries = ['a', 'b', 'c', 'd'].map((name) => entry(name, OURS));
  const wanted = { list: 'parents' as const, entries, controllerNames: new Set([OURS]), now: NOW };
  expect(unlisted(live, wanted)).toBe(2);
  const merged = mergedEntries(live, wanted);
  expect(names(merged)).toEqual([...names(live)!, 'a', 'b']);
  expect(merged?.map(({ conditions }) => conditions?.[0]?.message).slice(-2)).toEqual([
    'accepted',
    'accepted; of 2 more parents nothing is listed: a status has room for 32',
  ]);
  // The order stays, whichever way they are wanted.
  expect(mergedEntries(merged!, wanted)).toBeUndefined();
  const others = live.slice(1);
  expect(names(mergedEntries([...others, ...merged!.slice(-2)], wanted))).toEqual([...names(others)!, 'a', 'b', 'c']);
});

test('a status that is full of others says nothing of ours, and loses nothing of theirs', () => {
  const live = Array.from({ length: 16 }, (_, at) => entry(`their-${at}`, THEIRS));
  const wanted = {
    list: 'ancestors' as const,
    entries: [entry('a', OURS)],
    controllerNames: new Set([OURS]),
    now: NOW,
  };
  expect(unlisted(live, wanted)).toBe(1);
  expect(mergedEntries(live, wanted)).toBeUndefined();
});

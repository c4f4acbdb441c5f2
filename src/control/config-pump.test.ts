import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import type { ConfigChange, ConfigObject } from '../config/index.ts';
import { SourceCollection } from '../graph/index.ts';
import { ConfigPump } from './config-pump.ts';

const bundle = (key: string, pem = 'p'): ConfigObject => ({ kind: 'TrustBundle', key, pem });

function filled(count: number): SourceCollection<ConfigObject> {
  const config = new SourceCollection<ConfigObject>('config');
  config.apply(Array.from({ length: count }, (_, at) => ({ key: `${at}`, value: bundle(`${at}`) })));
  return config;
}

const keysOf = (changes: ReadonlyArray<ConfigChange>) => changes.map(({ before, after }) => (after ?? before)!.key);

test('what there is at the beginning goes out in parts, with turns between them, and then it is said that it has', async () => {
  const config = filled(1000);
  const published: string[][] = [];
  let turns = 0;
  const count = (): void => {
    turns++;
    setImmediate(count).unref();
  };
  setImmediate(count).unref();
  let turnsAtBegin = 0;
  const onBegun = vi.fn(() => (turnsAtBegin = turns));
  const pump = new ConfigPump({
    config,
    publish: (changes) => void published.push(keysOf(changes)),
    onBegun,
    inParts: true,
  });
  // What changes meanwhile comes after it.
  config.apply([{ key: '0', value: bundle('0', 'new') }]);
  await vi.waitFor(() => expect(onBegun).toHaveBeenCalledOnce());
  expect(turnsAtBegin).toBeGreaterThan(3);
  await vi.waitFor(() => expect(published.flat()).toHaveLength(1001));
  expect(published.flat().slice(0, 1000)).toEqual(Array.from({ length: 1000 }, (_, at) => `${at}`));
  expect(published.at(-1)).toEqual(['0']);
  // Afterwards a change is one step, however long it is.
  config.apply(Array.from({ length: 500 }, (_, at) => ({ key: `${at}` })));
  await vi.waitFor(() => expect(published.at(-1)).toHaveLength(500));
  pump.stop();
});

test('what comes at once is taken, however much it is', async () => {
  const config = filled(1);
  let published = 0;
  const pump = new ConfigPump({ config, publish: (changes) => void (published += changes.length) });
  await vi.waitFor(() => expect(published).toBe(1));
  config.apply(Array.from({ length: 200_000 }, (_, at) => ({ key: `more ${at}`, value: bundle(`${at}`) })));
  await vi.waitFor(() => expect(published).toBe(200_001));
  pump.stop();
});

test('data planes that serve from the start get all of it in one step, and an empty one, too', async () => {
  for (const count of [0, 1000]) {
    const published: string[][] = [];
    const onBegun = vi.fn();
    const pump = new ConfigPump({
      config: filled(count),
      publish: (changes) => void published.push(keysOf(changes)),
      onBegun,
    });
    await nextTurn();
    expect(published.map(({ length }) => length)).toEqual([count]);
    expect(onBegun).toHaveBeenCalledOnce();
    pump.stop();
  }
});

test('nothing goes out after its end', async () => {
  let published = 0;
  const onBegun = vi.fn();
  const config = filled(1000);
  const pump = new ConfigPump({ config, publish: ({ length }) => void (published += length), onBegun, inParts: true });
  pump.stop();
  const before = published;
  await nextTurn();
  await nextTurn();
  expect(published).toBe(before);
});

test('what has come is published, whatever comes after it', async () => {
  const config = filled(1);
  const published: string[] = [];
  const next: Array<() => void> = [];
  const publish = (changes: ReadonlyArray<ConfigChange>): Promise<void> => {
    published.push(...changes.map(({ after }) => after!.key));
    return new Promise((resolve) => next.push(resolve));
  };
  const pump = new ConfigPump({ config, publish });
  const put = (name: string): void => config.apply([{ key: name, value: bundle(name) }]);
  await vi.waitFor(() => expect(next).toHaveLength(1));
  put('first');
  let isOut = false;
  void pump.published().then(() => (isOut = true));
  next.shift()!();
  await vi.waitFor(() => expect(next).toHaveLength(1));
  expect(isOut).toBe(false);
  put('second');
  next.shift()!();
  await vi.waitFor(() => expect(isOut).toBe(true));
  next.shift()!();
  await pump.published();
  expect(published).toHaveLength(3);
  pump.stop();
});

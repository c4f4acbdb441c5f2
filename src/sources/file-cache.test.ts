import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileCache } from './file-cache.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'daemun-cache-'));
  path = join(folder, 'a.yaml');
});
afterEach(() => rm(folder, { recursive: true }));

async function write(content: string, secondsAgo: number): Promise<void> {
  await writeFile(path, content);
  const time = Date.now() / 1000 - secondsAgo;
  await utimes(path, time, time);
}

test('answers the identical object for a file whose bytes are the same', async () => {
  const cache = new FileCache();
  await write('a: 1\n---\nb: 2\n', 60);
  const first = await cache.read(path);
  await write('a: 1\n---\nb: 2\n', 30);
  expect(await cache.read(path)).toBe(first);
  expect(cache.parses).toBe(2);
});

test('parses only the documents that are new in a file', async () => {
  const cache = new FileCache();
  await write('a: 1\n---\nb: 2\n', 60);
  await cache.read(path);
  await write('# moved\n\n---\na: 0\n---\nb: 2\n', 30);
  const file = await cache.read(path);
  expect(cache.parses).toBe(3);
  expect('chunks' in file && file.chunks.map(({ line }) => line)).toEqual([0, 4]);
});

test('puts off reading what was written a moment ago, and not for ever', async () => {
  const cache = new FileCache();
  await write('a: 1\n', 60);
  const first = await cache.read(path);
  let file = first;
  let puts = 0;
  // As if somebody never stopped writing: the file is always brand new.
  for (; file === first; puts++) {
    await write('a: 2\n', 0);
    file = await cache.read(path);
  }
  expect(puts).toBeGreaterThan(1);
  expect(cache.unsettled.size).toBe(0);
});

test('says why a file cannot be read', async () => {
  const cache = new FileCache();
  expect(await cache.read(path)).toEqual({ error: 'there is no such file or folder', missing: true });
  expect(await cache.read(folder)).toMatchObject({ missing: false });
});

/** Two workers with one folder. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { StoredAnswer } from '../state/index.ts';
import { AnswerDisk } from './answer-disk.ts';

const MOST = 4 * 1024 * 1024;
let path: string;
let disks: AnswerDisk[] = [];
beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'daemun-disks-'));
  disks = [0, 1].map((index) => new AnswerDisk({ path, maxBytes: MOST, index, workers: 2 }));
  await Promise.all(disks.map((disk) => disk.start()));
});
afterEach(() => {
  for (const disk of disks) disk.stop();
  rmSync(path, { recursive: true, force: true });
});

const SOURCE = 'ResponsePolicy/default/kept';
const keyOf = (n: number, source = SOURCE) => ({ source, key: `key ${n}`, host: 'a.example', target: `/${n}` });

function answer(body: Buffer): StoredAnswer {
  const now = performance.now();
  const times = { storedAt: now, freshUntil: now + 60_000, whileRevalidatedUntil: now, ifErrorUntil: now };
  const origin = { request: {}, response: {} };
  return {
    status: 200,
    shared: true,
    lines: '',
    body,
    vary: [],
    etag: undefined,
    lastModified: undefined,
    age: 0,
    ...times,
    origin,
  };
}

const none = (): string => '';
const find = async (disk: AnswerDisk, n: number, source?: string): Promise<string | undefined> =>
  (await disk.read(keyOf(n, source), none))?.answer.body.toString();

function names(): string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /[0-9a-f]{40}-[0-9a-f]{40}$/.test(name),
  );
}

const bytesThere = (): number => names().reduce((sum, name) => sum + statSync(join(path, name)).size, 0);
const filesOf = (disk: AnswerDisk): number =>
  disk.metrics().find(({ name }) => name === 'daemun_cache_disk_files')!.series[0]!.value as number;

test('what one writes the other reads, and which of them sees to it is told', async () => {
  for (let n = 0; n < 8; n++) void disks[n % 2]!.write(keyOf(n), answer(Buffer.from(`body ${n}`)), MOST);
  await expect.poll(() => names().length).toBe(8);
  for (let n = 0; n < 8; n++) {
    for (const disk of disks) expect(await find(disk, n)).toBe(`body ${n}`);
    expect(await find(disks[0]!, n, 'ResponsePolicy/default/other')).toBeUndefined();
  }
  // Each knows those of its share, whoever wrote them.
  await expect.poll(() => disks.reduce((sum, disk) => sum + filesOf(disk), 0), { timeout: 5_000 }).toBe(8);
  expect(readdirSync(join(path, 'notes'), { recursive: true })).toHaveLength(2);
});

test('together they keep within the bound, however much they write', async () => {
  const body = Buffer.alloc(100 * 1024, 'x');
  for (let n = 0; n < 200; n++) {
    void disks[n % 2]!.write(keyOf(n), answer(body), MOST);
    if (n % 10 === 9) {
      await new Promise((resolve) => setImmediate(resolve));
      expect(bytesThere()).toBeLessThanOrEqual(MOST);
    }
  }
  await expect.poll(() => readdirSync(join(path, 'begun')).length).toBe(0);
  expect(names().length).toBeGreaterThan(5);
  expect(bytesThere()).toBeLessThanOrEqual(MOST);
});

test('a worker that starts takes over what lies in its share, and what was begun long ago goes', async () => {
  for (let n = 0; n < 20; n++) void disks[0]!.write(keyOf(n), answer(Buffer.from(`${n}`)), MOST);
  await expect.poll(() => names().length).toBe(20);
  writeFileSync(join(path, 'begun', 'of-a-crash'), 'x');
  utimesSync(join(path, 'begun', 'of-a-crash'), 1, 1);
  mkdirSync(join(path, 'something-else'));
  const again = new AnswerDisk({ path, maxBytes: MOST, index: 0, workers: 1 });
  await again.start();
  expect(filesOf(again)).toBe(20);
  expect(readdirSync(join(path, 'begun'))).toEqual([]);
  again.stop();
  const small = new AnswerDisk({ path, maxBytes: 27_000, index: 0, workers: 1 });
  await small.start();
  expect(filesOf(small)).toBe(5);
  expect(names()).toHaveLength(5);
  small.stop();
});

test('a purge of one URL is done by each, of others by each for its share; what comes late is not used', async () => {
  for (let n = 0; n < 20; n++) void disks[n % 2]!.write(keyOf(n), answer(Buffer.from(`${n}`)), MOST);
  await expect.poll(() => names().length).toBe(20);
  const one = { policy: SOURCE, host: 'a.example', target: '/3' };
  const dry = await Promise.all(disks.map((disk) => disk.purge({ ...one, dryRun: true })));
  expect(dry.reduce((sum, { files }) => sum + files, 0)).toBe(1);
  expect(await find(disks[0]!, 3)).toBe('3');
  expect((await disks[0]!.purge(one)).files).toBe(1);
  expect(await find(disks[0]!, 3)).toBeUndefined();
  // Begun before the purge, and written after it.
  const early = answer(Buffer.from('early'));
  const all = { host: 'a.example' };
  const purged = await Promise.all(disks.map((disk) => disk.purge(all)));
  expect(purged.reduce((sum, { files }) => sum + files, 0)).toBe(19);
  void disks[0]!.write(keyOf(4), early, MOST);
  await expect.poll(() => names().length).toBe(1);
  for (const disk of disks) expect(await find(disk, 4)).toBeUndefined();
  void disks[0]!.write(keyOf(4), answer(Buffer.from('late')), MOST);
  await expect.poll(() => find(disks[1]!, 4)).toBe('late');
});

test('a purge takes what is being written', async () => {
  for (let n = 0; n < 20; n++) void disks[0]!.write(keyOf(n), answer(Buffer.from(`${n}`)), MOST);
  await disks[0]!.purge({});
  await expect.poll(() => readdirSync(join(path, 'begun')).length).toBe(0);
  await expect.poll(() => names()).toEqual([]);
});

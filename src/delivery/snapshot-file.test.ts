import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Certificate, Delta } from '../config/index.ts';
import { HeldConfig } from './held-config.ts';
import { SNAPSHOT_MOST, SnapshotFile, type SnapshotPlace } from './snapshot-file.ts';

const KEY = Buffer.alloc(32, 7);
const OWNER = 'shop/web';
const CERTIFICATE: Certificate = {
  kind: 'Certificate',
  key: 'shop/tls',
  certificate: 'a certificate',
  privateKey: 'PRIVATE',
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'daemun-snapshot-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const path = (name = 'config.snapshot') => join(folder, name);
const open = (more: Partial<SnapshotPlace> = {}) => SnapshotFile.open({ folder, owner: OWNER, key: KEY, ...more });
function config(version: number, ...upserts: Certificate[]): HeldConfig {
  const held = new HeldConfig();
  held.apply({ version, upserts, removals: [] });
  return held;
}

async function written(...certificates: Certificate[]): Promise<SnapshotFile> {
  const file = await open();
  await file.write(config(42, ...(certificates.length > 0 ? certificates : [CERTIFICATE])));
  return file;
}

test('what was written is read again, by nobody but its owner, and does not show its keys', async () => {
  const file = await written();
  expect(statSync(path()).mode & 0o777).toBe(0o600);
  expect(readFileSync(path()).includes('PRIVATE')).toBe(false);
  expect(readdirSync(folder)).toEqual(['config.snapshot']);
  const found = await file.read();
  expect(found).toMatchObject({ kept: { owner: OWNER, version: 42 } });
  expect('kept' in found! && found.kept.config.upserts).toEqual([CERTIFICATE]);
});

test('a folder on a disk is refused without a key, and one in memory needs none', async () => {
  const onDisk = mkdtempSync(join(import.meta.dirname, 'snapshot-'));
  try {
    await expect(SnapshotFile.open({ folder: onDisk, owner: OWNER })).rejects.toMatchObject({
      code: 'DMN_SNAPSHOT_PLACE',
    });
  } finally {
    rmSync(onDisk, { recursive: true });
  }
  const inMemory = mkdtempSync('/dev/shm/daemun-snapshot-');
  try {
    const file = await SnapshotFile.open({ folder: inMemory, owner: OWNER });
    await file.write(config(1, CERTIFICATE));
    expect(await file.read()).toMatchObject({ kept: { version: 1 } });
  } finally {
    rmSync(inMemory, { recursive: true });
  }
});

test('a folder that cannot be is told with its reason', async () => {
  writeFileSync(path('file'), '');
  await expect(open({ folder: path('file') })).rejects.toMatchObject({ code: 'DMN_SNAPSHOT_PLACE' });
});

test.for<[string, (file: SnapshotFile) => unknown, RegExp]>([
  ['is torn', () => truncateSync(path(), statSync(path()).size - 1), /is broken/],
  ['has more than it should', () => appendFileSync(path(), 'x'), /is broken/],
  ['is empty', () => writeFileSync(path(), ''), /is not encrypted/],
  ['is not encrypted, but should be', () => writeFileSync(path(), '{"daemunSnapshot":1}\n'), /is not encrypted/],
  [
    "is another Gateway's",
    async () => await (await open({ owner: 'other/web' })).write(config(1)),
    /is the config of other\/web/,
  ],
  ['has another key', async () => await (await open({ key: Buffer.alloc(32, 8) })).write(config(1)), /another key/],
  ['is too large', () => truncateSync(path(), SNAPSHOT_MOST + 1), /more than/],
])('one that %s is set aside and never served', async ([, harm, reason]) => {
  const file = await written();
  await harm(file);
  expect(await file.read()).toEqual({ refused: expect.stringMatching(reason) });
  expect(existsSync(path('config.snapshot.refused'))).toBe(true);
  expect(await file.read()).toBeUndefined();
});

test.for([
  ['a newer format', '{"daemunSnapshot":2,"owner":"shop/web","version":1,"objects":0}\n', /is of format 2/],
  [
    'an object that is none',
    '{"daemunSnapshot":1,"owner":"shop/web","version":1,"objects":1}\n{"key":"a"}\n',
    /without a kind and a key/,
  ],
  [
    'fewer objects than it says',
    '{"daemunSnapshot":1,"owner":"shop/web","version":1,"objects":1}\n',
    /has 0 objects of 1/,
  ],
] as const)('%s is set aside', async ([, text, reason]) => {
  const { createHash } = await import('node:crypto');
  const inMemory = mkdtempSync('/dev/shm/daemun-snapshot-');
  try {
    const file = await SnapshotFile.open({ folder: inMemory, owner: OWNER });
    writeFileSync(join(inMemory, 'config.snapshot'), text + createHash('sha256').update(text).digest('hex'));
    expect(await file.read()).toEqual({ refused: expect.stringMatching(reason) });
  } finally {
    rmSync(inMemory, { recursive: true });
  }
});

test('an object of a kind that is not known, of a later release, is kept for whoever reads it and refuses it by name', async () => {
  const { createHash } = await import('node:crypto');
  const inMemory = mkdtempSync('/dev/shm/daemun-snapshot-');
  try {
    const file = await SnapshotFile.open({ folder: inMemory, owner: OWNER });
    const later = { kind: 'Later', key: 'a' };
    const lines = [later, CERTIFICATE].map((one) => JSON.stringify(one));
    const text = `{"daemunSnapshot":1,"owner":"shop/web","version":1,"objects":2}\n${lines.join('\n')}\n`;
    writeFileSync(join(inMemory, 'config.snapshot'), text + createHash('sha256').update(text).digest('hex'));
    const { kept } = (await file.read()) as { kept: { config: Delta } };
    expect(kept.config.upserts).toEqual([later, CERTIFICATE]);
  } finally {
    rmSync(inMemory, { recursive: true });
  }
});

test('a config that is too large is not written, and what was there stays', async () => {
  const file = await written();
  const certificate = 'x'.repeat(32 * 1024 * 1024);
  const many = ['a', 'b', 'c', 'd', 'e'].map(
    (name): Certificate => ({ ...CERTIFICATE, key: `shop/${name}`, certificate }),
  );
  await expect(file.write(config(43, ...many))).rejects.toThrow(/more than/);
  expect(readdirSync(folder)).toEqual(['config.snapshot']);
  expect(await file.read()).toMatchObject({ kept: { version: 42 } });
});

test('what a write that was cut short left behind is removed', async () => {
  writeFileSync(path('config.snapshot.new'), 'half');
  await written();
  expect(readdirSync(folder)).toEqual(['config.snapshot']);
});

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { HeldConfig } from './held-config.ts';
import type { SnapshotFile } from './snapshot-file.ts';
import { SNAPSHOT_PAUSE, SnapshotKeeper } from './snapshot-keeper.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => vi.useRealTimers());

const silent = () => {};

function rig() {
  const written: number[] = [];
  const errors: string[] = [];
  const config = new HeldConfig();
  let fault: string | undefined;
  const file = {
    async write({ version }: { version: number }) {
      if (fault !== undefined) throw new Error(fault);
      written.push(version);
    },
  };
  const log = {
    info: silent,
    debug: silent,
    warn: silent,
    error: ({ error }: { error?: string }) => errors.push(error!),
  };
  const keeper = new SnapshotKeeper(file as unknown as SnapshotFile, config, log as never);
  const change = (version: number): void => {
    config.apply({ version, upserts: [], removals: [] });
    keeper.changed();
  };
  return { keeper, written, errors, change, fail: (message?: string) => (fault = message) };
}

test('what comes within a pause is one write', async () => {
  const { written, change } = rig();
  for (const version of [1, 2, 3]) change(version);
  await vi.advanceTimersByTimeAsync(SNAPSHOT_PAUSE.least - 1);
  expect(written).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(written).toEqual([3]);
  await vi.advanceTimersByTimeAsync(SNAPSHOT_PAUSE.most);
  expect(written).toEqual([3]);
});

test('the end writes what is not written, and nothing twice', async () => {
  const { keeper, written, change } = rig();
  change(1);
  await keeper.close();
  await keeper.close();
  expect(written).toEqual([1]);
});

test('a write that fails is told once and tried again', async () => {
  const { written, errors, change, fail } = rig();
  fail('ENOSPC');
  change(1);
  await vi.advanceTimersByTimeAsync(SNAPSHOT_PAUSE.least * 3);
  expect(written).toEqual([]);
  expect(errors).toEqual(['ENOSPC']);
  fail(undefined);
  await vi.advanceTimersByTimeAsync(SNAPSHOT_PAUSE.least);
  expect(written).toEqual([1]);
});

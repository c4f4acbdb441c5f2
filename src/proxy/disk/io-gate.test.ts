import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DISK_PATIENCE, DiskBusy, IoGate, MAX_DISK_OPERATIONS, MAX_DISK_WAITING, WRITE_PAUSE } from './io-gate.ts';

let gate: IoGate;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
  gate = new IoGate();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Work that ends when it is told to. */
function work() {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let began = false;
  const run = (): Promise<number> => {
    began = true;
    return promise;
  };
  return {
    run,
    end: () => resolve(1),
    fail: (code: string) => reject(Object.assign(new Error(code), { code })),
    began: () => began,
  };
}

test('a few at a time, the others in turn, and not more of them than may wait', async () => {
  const all = Array.from({ length: MAX_DISK_OPERATIONS + MAX_DISK_WAITING }, work);
  const done = all.map(({ run }) => gate.run('read', run));
  expect(all.filter(({ began }) => began())).toHaveLength(MAX_DISK_OPERATIONS);
  await expect(gate.run('read', work().run)).rejects.toThrow(DiskBusy);
  // What is being sent already waits for its turn all the same, and so does what is to be forgotten.
  const [body, purge] = [work(), work()];
  const rest = [gate.run('body', body.run), gate.run('purge', purge.run)];
  for (const { end } of [...all, body, purge]) end();
  expect(await Promise.all([...done, ...rest])).toHaveLength(all.length + 2);
  expect(gate.busy).toBe(1);
});

test('one that hangs is waited for by nobody', async () => {
  const slow = work();
  const done = gate.run('read', slow.run);
  expect(gate.usable).toBe(true);
  vi.advanceTimersByTime(DISK_PATIENCE);
  expect(gate.usable).toBe(false);
  for (const operation of ['read', 'write', 'remove'] as const) {
    await expect(gate.run(operation, work().run)).rejects.toThrow(DiskBusy);
  }
  slow.end();
  await done;
  expect(gate.usable).toBe(true);
  const next = work();
  next.end();
  expect(await gate.run('read', next.run)).toBe(1);
});

test('after a write that failed none is tried for a while; a file that is not there is no failure', async () => {
  const full = work();
  full.fail('ENOSPC');
  await expect(gate.run('write', full.run)).rejects.toThrow('ENOSPC');
  expect([gate.errors.write, gate.usable]).toEqual([1, false]);
  await expect(gate.run('write', work().run)).rejects.toThrow(DiskBusy);
  const read = work();
  read.fail('ENOENT');
  await expect(gate.run('read', read.run)).rejects.toThrow('ENOENT');
  expect(gate.errors.read).toBe(0);
  vi.advanceTimersByTime(WRITE_PAUSE);
  const next = work();
  next.end();
  expect(await gate.run('write', next.run)).toBe(1);
});

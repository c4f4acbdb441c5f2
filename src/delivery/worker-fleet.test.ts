/** Worker processes that stand still: told of, and replaced, while the others go on. */
import { afterEach, describe, expect, test } from 'vitest';
import { Snapshot } from '../config/index.ts';
import { WorkerFleet } from './worker-fleet.ts';

const QUICK = { interval: 100, silent: 500, frozen: 1_500 };

let fleet: WorkerFleet | undefined;
afterEach(async () => {
  await fleet?.end();
  fleet = undefined;
});

interface Line {
  worker?: string;
  pid?: number;
  message: string;
}

function open(count: number): Line[] {
  const lines: Line[] = [];
  const note = (about: object, message: string): void => void lines.push({ ...about, message });
  fleet = new WorkerFleet(
    count,
    { entry: new URL('./stuck-worker.fixture.ts', import.meta.url), setup: () => ({}), watch: QUICK },
    { onAck() {}, full: () => Snapshot.EMPTY.full(), log: { info: note, warn: note, error: note } as never },
  );
  return lines;
}

const said = (lines: Line[], message: string): Line[] => lines.filter((line) => line.message === message);

async function value(name: string): Promise<number | undefined> {
  const families = (await fleet!.metrics()).flat();
  return families.find((family) => family.name === name)?.series[0]?.value;
}

test('one that is stopped is told of and replaced, and the other is let alone', { timeout: 60_000 }, async () => {
  const lines = open(2);
  await expect.poll(() => said(lines, 'worker started').length).toBe(2);
  expect(fleet!.silent).toEqual([]);
  const [first] = said(lines, 'worker started');
  process.kill(first!.pid!, 'SIGSTOP');
  await expect.poll(() => fleet!.silent, { timeout: 20_000 }).toEqual(['worker-0']);
  await expect.poll(() => said(lines, 'worker started').length, { timeout: 20_000 }).toBe(3);
  expect(said(lines, 'worker is frozen, and is replaced')).toMatchObject([{ worker: 'worker-0' }]);
  expect(said(lines, 'worker started').at(-1)!.worker).toBe('worker-0');
  expect(fleet!.silent).toEqual([]);
  expect(await value('daemun_worker_frozen_total')).toBe(1);
});

describe('one that cannot be started', () => {
  const { execPath } = process;
  afterEach(() => {
    process.execPath = execPath;
  });

  // By an event, and by an exception: both are what Node makes of the system's answers.
  test.each(['/nowhere/node', '/dev/null/node'])(
    'is tried again until it can: %s',
    { timeout: 60_000 },
    async (path) => {
      const lines = open(1);
      await expect.poll(() => said(lines, 'worker started').length).toBe(1);
      process.execPath = path;
      process.kill(said(lines, 'worker started')[0]!.pid!, 'SIGKILL');
      await expect.poll(() => said(lines, 'worker failed').length, { timeout: 20_000 }).toBeGreaterThan(1);
      expect(said(lines, 'worker started')).toHaveLength(1);
      process.execPath = execPath;
      await expect.poll(() => said(lines, 'worker started').length, { timeout: 20_000 }).toBe(2);
    },
  );

  test('is not waited for at the end', { timeout: 60_000 }, async () => {
    process.execPath = '/nowhere/node';
    const lines = open(1);
    fleet!.send({ version: 1, upserts: [], removals: [] });
    await expect.poll(() => said(lines, 'worker failed').length).toBeGreaterThan(0);
    await fleet!.drain(60_000);
    const failed = said(lines, 'worker failed').length;
    await fleet!.end();
    expect(said(lines, 'worker failed')).toHaveLength(failed);
  });
});

test('so is one in an endless loop', { timeout: 60_000 }, async () => {
  const lines = open(1);
  await expect.poll(() => said(lines, 'worker started').length).toBe(1);
  void fleet!.purge({});
  await expect.poll(() => said(lines, 'worker started').length, { timeout: 40_000 }).toBe(2);
  expect(said(lines, 'worker is frozen, and is replaced')).toHaveLength(1);
});

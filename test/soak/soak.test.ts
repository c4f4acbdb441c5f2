/** Who watches the soak: faults that are put in are found. What is right is soaked by `.ci/run`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readFlags } from './command-line.ts';
import { TRAFFIC } from './traffic/index.ts';

const RUN = fileURLToPath(new URL('./run.ts', import.meta.url));

async function soak(...flags: string[]): Promise<{ code: number; out: string; errors: string }> {
  const child = spawn(process.execPath, [RUN, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code, out, errors };
}

test('descriptors and heap that grow, and requests that fail, end it with 1', { timeout: 120_000 }, async () => {
  const faults = ['descriptors', 'heap', 'requests'].flatMap((name) => ['--fault', name]);
  const { code, out } = await soak('--minutes', '0.15', '--clients', '1', '--only', 'upload', ...faults);
  expect(out).toMatch(/FAILED at .*: what is held: worker 1 has \d+ descriptors more/);
  expect(out).toMatch(/FAILED at .*: what is held: worker 1 has [\d.]+ MiB of heap more/);
  expect(out).toMatch(/FAILED at .*: HTTP\S* upload: 50\d /);
  expect(code).toBe(1);
});

test('a wrong command line is 2', async () => {
  const { code, errors } = await soak('--minutes', '0');
  expect([code, errors.split('\n')[0]]).toEqual([2, 'soak: --minutes must be a number above 0, not 0']);
});

test.each([
  ['--minutes', 'x', '--minutes must be a number above 0, not x'],
  ['--workers', '-1', '--workers must be a number above 0, not -1'],
  ['--only', 'carrier pigeon', 'no kind of exchange is called that: carrier pigeon'],
  ['--fault', 'none', 'there is no fault called none, but descriptors, heap, requests'],
])('%s %s is refused', (flag, value, message) => {
  expect(() => readFlags([`${flag}=${value}`])).toThrow(message);
});

test('without flags it is eight minutes of everything', () => {
  const read = readFlags([]);
  expect(read).toMatchObject({ minutes: 8, clients: 2, workers: 1, faults: [] });
  expect(read!.kinds).toEqual(TRAFFIC);
});

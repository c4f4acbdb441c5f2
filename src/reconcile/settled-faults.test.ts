import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SettledFaults } from './settled-faults.ts';
import type { Json } from './status-shape.ts';

const OURS = 'example.com/ours';
const SETTLE = 1_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A route's status; undefined: all is well. */
function status(message?: string): Json {
  const fault = { status: 'False', reason: 'BackendNotFound', message };
  const fine = { status: 'True', reason: 'ResolvedRefs', message: '' };
  const condition = { type: 'ResolvedRefs', ...(message === undefined ? fine : fault) };
  return { parents: [{ controllerName: OURS, parentRef: { name: 'edge' }, conditions: [condition] }] };
}

function heard(): { told: string[]; become(message?: string): void } {
  const told: string[] = [];
  const faults = new SettledFaults({
    controllerNames: new Set([OURS]),
    warn: (key, { message }) => told.push(`${key} ${message}`),
    mended: (key, gone) => told.push(...gone.map(({ message }) => `${key} no longer ${message}`)),
    settle: SETTLE,
  });
  let before = status();
  return {
    told,
    become: (message) => {
      const after = status(message);
      faults.wrote('r', before, after);
      before = after;
    },
  };
}

test('a fault that was told, and is mended after another came in its place for a moment, is told as mended', () => {
  const { told, become } = heard();
  become('a is not there');
  vi.advanceTimersByTime(SETTLE);
  become('b is not there');
  become();
  vi.advanceTimersByTime(10 * SETTLE);
  expect(told).toEqual(['r a is not there', 'r no longer a is not there']);
});

test('of the last one that was told it is said that it is mended, and once', () => {
  const { told, become } = heard();
  for (const message of ['a is not there', 'b is not there']) {
    become(message);
    vi.advanceTimersByTime(SETTLE);
  }
  become();
  become('c is not there');
  become();
  expect(told).toEqual(['r a is not there', 'r b is not there', 'r no longer b is not there']);
});

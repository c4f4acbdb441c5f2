import { expect, test } from 'vitest';
import { DESCRIPTORS_MORE, HEAP_MORE, leaks, type Vitals } from './vitals.ts';

const MIB = 1024 * 1024;
const BEFORE: Vitals = {
  role: 'worker 1',
  descriptors: 20,
  heap: 10 * MIB,
  external: 5 * MIB,
  resident: 100 * MIB,
  resources: { TCPServerWrap: 2, Timeout: 1 },
};

function after(change: Partial<Vitals>): string[] {
  return leaks([BEFORE], [{ ...BEFORE, ...change }]);
}

test('what stays within its bound, or shrinks, is no leak', () => {
  expect(after({})).toEqual([]);
  expect(after({ descriptors: 20 + DESCRIPTORS_MORE, heap: BEFORE.heap + HEAP_MORE })).toEqual([]);
  expect(after({ descriptors: 10, heap: MIB, external: 0, resident: 500 * MIB })).toEqual([]);
});

test('descriptors beyond the bound are told with what Node holds more of', () => {
  const resources = { TCPServerWrap: 2, TCPSocketWrap: 5, Timeout: 0 };
  expect(after({ descriptors: 21 + DESCRIPTORS_MORE, resources })).toEqual([
    'worker 1 has 5 descriptors more than after the warm-up; 4 may be. Node counts 5 TCPSocketWrap more.',
  ]);
  expect(after({ descriptors: 50 })).toEqual([expect.stringContaining('Node counts none more.')]);
});

test('heap and buffers count together', () => {
  expect(after({ heap: BEFORE.heap + HEAP_MORE, external: BEFORE.external + 0.1 * MIB })).toEqual([
    'worker 1 has 4.1 MiB of heap more than after the warm-up; 4.0 may be.',
  ]);
});

test('a process that is gone, or came, is one that crashed', () => {
  expect(leaks([BEFORE, BEFORE], [BEFORE])).toEqual(['there were 2 processes, and are 1']);
});

import { expect, test } from 'vitest';
import type { Condition } from '../api/index.ts';
import { stamped } from './transition.ts';

function condition(type: string, status: Condition['status'], reason: string, message = ''): Condition {
  return { type, status, reason, message };
}

test('a transition time stays until the status of its condition changes, entry by entry', () => {
  const parents = (...entries: Array<[string, Condition['status']]>) => ({
    parents: entries.map(([name, status]) => ({
      parentRef: { name },
      conditions: [condition('Accepted', status, 'x')],
    })),
  });
  const first = stamped(parents(['a', 'True'], ['b', 'False']), undefined, 't1');
  const second = stamped(parents(['b', 'True'], ['a', 'True']), first, 't2');
  const times = second.parents.map(({ parentRef, conditions }) => [parentRef.name, conditions[0]!.lastTransitionTime]);
  expect(times).toEqual([
    ['b', 't2'],
    ['a', 't1'],
  ]);
});

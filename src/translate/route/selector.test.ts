import { describe, expect, it } from 'vitest';
import type { LabelSelector } from '../../api/index.ts';
import { selects } from './selector.ts';

const labels = { team: 'shop', tier: 'front' };
const cases: Array<[string, LabelSelector | undefined, boolean]> = [
  ['no selector', undefined, false],
  ['an empty selector', {}, true],
  ['equal labels', { matchLabels: { team: 'shop' } }, true],
  ['another value', { matchLabels: { team: 'bar' } }, false],
  ['one of two labels', { matchLabels: { team: 'shop', zone: 'a' } }, false],
  ['In', { matchExpressions: [{ key: 'team', operator: 'In', values: ['a', 'shop'] }] }, true],
  ['In of an absent label', { matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] }, false],
  ['NotIn', { matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['a'] }] }, true],
  ['NotIn of an absent label', { matchExpressions: [{ key: 'zone', operator: 'NotIn', values: ['a'] }] }, true],
  ['NotIn of the value', { matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['shop'] }] }, false],
  ['Exists', { matchExpressions: [{ key: 'team', operator: 'Exists' }] }, true],
  ['DoesNotExist', { matchExpressions: [{ key: 'team', operator: 'DoesNotExist' }] }, false],
  [
    'both parts',
    { matchLabels: { team: 'shop' }, matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] },
    false,
  ],
];

describe('a label selector', () => {
  it.each(cases)('with %s decides', (_name, selector, selected) => {
    expect(selects(selector, labels)).toBe(selected);
  });
});

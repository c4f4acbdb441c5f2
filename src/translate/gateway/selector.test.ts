import { describe, expect, it } from 'vitest';
import type { LabelSelector } from '../../api/index.ts';
import { selectorFault, selectorField, selects, whyBarred } from './selector.ts';

const labels = { team: 'shop', tier: 'front' };
const cases: Array<[string, LabelSelector | undefined, boolean]> = [
  ['no selector', undefined, false],
  ['an empty selector', {}, true],
  ['equal labels', { matchLabels: { team: 'shop' } }, true],
  ['another value', { matchLabels: { team: 'bar' } }, false],
  ['one of two labels', { matchLabels: { team: 'shop', zone: 'a' } }, false],
  ['In', { matchExpressions: [{ key: 'team', operator: 'In', values: ['a', 'shop'] }] }, true],
  ['In of other values', { matchExpressions: [{ key: 'team', operator: 'In', values: ['a', 'b'] }] }, false],
  ['In of an absent label', { matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] }, false],
  ['NotIn', { matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['a'] }] }, true],
  ['NotIn of an absent label', { matchExpressions: [{ key: 'zone', operator: 'NotIn', values: ['a'] }] }, true],
  ['NotIn of the value', { matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['shop'] }] }, false],
  ['Exists', { matchExpressions: [{ key: 'team', operator: 'Exists' }] }, true],
  ['DoesNotExist', { matchExpressions: [{ key: 'team', operator: 'DoesNotExist' }] }, false],
  ['Exists of what every object inherits', { matchExpressions: [{ key: 'constructor', operator: 'Exists' }] }, false],
  [
    'DoesNotExist of what every object inherits',
    { matchExpressions: [{ key: 'toString', operator: 'DoesNotExist' }] },
    true,
  ],
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

const any = (...matchExpressions: object[]): LabelSelector => ({ matchExpressions }) as LabelSelector;
const none: Array<[string, LabelSelector | undefined, string]> = [
  ['nothing at all', undefined, ''],
  ['NotIn without values', any({ key: 'zone', operator: 'NotIn' }), 'matchExpressions[0].values'],
  ['NotIn with empty values', any({ key: 'zone', operator: 'NotIn', values: [] }), 'matchExpressions[0].values'],
  ['In without values', any({ key: 'team', operator: 'In' }), 'matchExpressions[0].values'],
  ['Exists with values', any({ key: 'team', operator: 'Exists', values: ['a'] }), 'matchExpressions[0].values'],
  [
    'DoesNotExist with values',
    any({ key: 'zone', operator: 'DoesNotExist', values: ['a'] }),
    'matchExpressions[0].values',
  ],
  ['an unknown operator', any({ key: 'team', operator: 'Gt', values: ['1'] }), 'matchExpressions[0].operator'],
  ['an operator in lower case', any({ key: 'zone', operator: 'notin', values: ['1'] }), 'matchExpressions[0].operator'],
  ['an illegal key', any({ key: 'a b', operator: 'DoesNotExist' }), 'matchExpressions[0].key'],
  ['an empty key', any({ key: '', operator: 'DoesNotExist' }), 'matchExpressions[0].key'],
  ['a key too long', any({ key: 'a'.repeat(64), operator: 'DoesNotExist' }), 'matchExpressions[0].key'],
  ['a prefix that is no name', any({ key: 'A_/b', operator: 'DoesNotExist' }), 'matchExpressions[0].key'],
  ['an illegal value', any({ key: 'zone', operator: 'NotIn', values: ['a b'] }), 'matchExpressions[0].values'],
  ['a value too long', any({ key: 'zone', operator: 'NotIn', values: ['a'.repeat(64)] }), 'matchExpressions[0].values'],
  ['an illegal label', { matchLabels: { team: 'shop', '-': 'a' } }, 'matchLabels'],
  ['an illegal label value', { matchLabels: { team: 'shop/' } }, 'matchLabels.team'],
  [
    'a fault in the second part',
    any({ key: 'team', operator: 'Exists' }, { key: 'zone', operator: 'NotIn', values: [] }),
    'matchExpressions[1].values',
  ],
];

describe('a selector that is none', () => {
  it.each(none)('because of %s selects nothing, and the field is told', (_name, selector, field) => {
    expect(selects(selector, labels)).toBe(false);
    expect(selectorFault(selector)).toMatchObject({ field });
  });

  it('is told by its own field, or by what of it is wrong', () => {
    const field = (selector: LabelSelector | undefined) => selectorField('spec.selector', selectorFault(selector)!);
    expect(field(undefined)).toBe('spec.selector');
    expect(field({ matchLabels: { '-': 'a' } })).toBe('spec.selector.matchLabels');
  });

  it('is not one that is complete', () => {
    for (const [, selector] of cases.slice(1)) expect(selectorFault(selector)).toBeUndefined();
    expect(selectorFault({ matchLabels: { 'example.com/a.b_c': '' } })).toBeUndefined();
  });
});

describe('why a namespace is not let in', () => {
  const barred = (from: 'Selector' | 'Same' | 'None', selector?: LabelSelector): string =>
    whyBarred({ from, selector }, { labels, own: 'infra' });

  it('says what its labels lack, each requirement by itself', () => {
    expect(barred('Selector', { matchLabels: { team: 'bar', tier: 'front' } })).toBe('its labels must have team=bar');
    const lacking = any(
      { key: 'zone', operator: 'In', values: ['a', 'b'] },
      { key: 'team', operator: 'NotIn', values: ['shop'] },
      { key: 'owner', operator: 'Exists' },
      { key: 'tier', operator: 'DoesNotExist' },
    );
    const all = 'its labels must have zone=a|b, another team than shop, owner, no tier';
    expect(barred('Selector', lacking)).toBe(all);
    expect(barred('Selector', { ...lacking, matchLabels: { x: 'y' } })).toBe(
      'its labels must have x=y, zone=a|b, another team than shop, owner and more',
    );
  });

  it('says that a selector is none, and what lets others in', () => {
    expect(barred('Selector')).toBe('that selector is none and selects nothing: mend it');
    expect(barred('Same')).toBe('only namespace infra is let in; Selector or All lets others in');
    expect(barred('None')).toBe('Same, Selector or All lets some in');
  });
});

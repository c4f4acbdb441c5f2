import { describe, expect, test } from 'vitest';
import { infrastructureName, nameLabelValue } from './infrastructure-name.ts';

const LONG = 'a'.repeat(253);
const DOTTED = `${'a.'.repeat(126)}a`;

describe('names of what is made for a Gateway', () => {
  test.each([
    ['edge', 'daemun-edge'],
    ['1st', 'daemun-1st'],
    ['a'.repeat(56), `daemun-${'a'.repeat(56)}`],
  ])('%s has %s', (gateway, name) => expect(infrastructureName(gateway)).toBe(name));

  test.each([[LONG], [DOTTED], ['a'.repeat(57)], ['a.b']])('%s has one that a Service may have', (gateway) => {
    const name = infrastructureName(gateway);
    expect(name).toMatch(/^[a-z]([-a-z0-9]*[a-z0-9])?$/);
    expect(name.length).toBeLessThanOrEqual(63);
  });

  test('differ where Gateways differ', () => {
    const names = [LONG, `${LONG.slice(1)}b`, 'a.b', 'a-b', 'a.b.c', 'a-b.c', 'a.b-c'].map(infrastructureName);
    expect(new Set(names).size).toBe(names.length);
  });

  test('and values of labels have 63 characters at most, and end as they must', () => {
    expect(nameLabelValue('edge.example')).toBe('edge.example');
    for (const name of [LONG, DOTTED, `${'a'.repeat(51)}-.${'b'.repeat(80)}`]) {
      expect(nameLabelValue(name)).toMatch(/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/);
    }
    expect(nameLabelValue(LONG)).not.toBe(nameLabelValue(`${LONG.slice(1)}b`));
  });
});

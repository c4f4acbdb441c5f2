import { describe, expect, it } from 'vitest';
import { byAge } from './precedence.ts';

describe('precedence by age', () => {
  const at = (created: string, name = 'a', namespace = 'n') => ({ created, name, namespace });

  it.each([
    ['the older', at('2026-01-01T00:00:00Z', 'b'), at('2026-01-02T00:00:00Z')],
    ['the older, whatever the form of its time', at('2026-01-02T00:30:00+01:00', 'b'), at('2026-01-02T00:00:00Z')],
    ['one with an age before one without', at('2026-01-01T00:00:00Z', 'b'), at('')],
    ['the first by name where neither has an age', at('', 'a'), at('', 'b')],
    ['the first by namespace before the first by name', at('', 'z', 'm'), at('', 'a', 'n')],
  ])('puts %s first', (_what, first, second) => {
    expect(byAge(first, second)).toBeLessThan(0);
    expect(byAge(second, first)).toBeGreaterThan(0);
  });
});

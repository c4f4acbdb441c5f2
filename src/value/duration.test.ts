import { describe, expect, it } from 'vitest';
import { milliseconds } from './duration.ts';

describe('durations as the Gateway API writes them', () => {
  it.each([
    ['0s', 0],
    ['10s', 10_000],
    ['500ms', 500],
    ['1h30m', 5_400_000],
    ['1h2m3s4ms', 3_723_004],
    ['99999h', 359_996_400_000],
  ])('%s is %i milliseconds', (text, expected) => {
    expect(milliseconds(text)).toBe(expected);
  });

  it.each(['', '10', '1.5s', '-1s', '1d', '1s2m3h4ms5s', '123456s', ' 1s', '1us', 'soon'])('%j is none', (text) => {
    expect(milliseconds(text)).toBeUndefined();
  });
});

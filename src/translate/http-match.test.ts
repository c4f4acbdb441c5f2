import { describe, expect, it } from 'vitest';
import { MAX_EXPRESSION_STEPS } from '../value/regular-expression.ts';
import { readHttpMatches } from './http-match.ts';

const onPath = (value: string) => ({ path: { type: 'RegularExpression' as const, value } });
/** Each of some ten thousand steps. */
const large = (i: number) => onPath(`.*a.{7}${i}`);

describe('the regular expressions of one rule', () => {
  it('are refused from the one on that is too much with those before it, which is said once', () => {
    const { invalid } = readHttpMatches(
      Array.from({ length: 400 }, (_, i) => large(i)),
      'spec.rules[0].matches',
    );
    expect(invalid).toHaveLength(1);
    expect(invalid[0]!.field).toMatch(/^spec\.rules\[0\]\.matches\[\d+\]\.path\.value$/);
    expect(invalid[0]!.message).toContain('is too complex together with the expressions before it: make them simpler');
  });

  it('count as they come, whoever reads them', () => {
    const work = { steps: MAX_EXPRESSION_STEPS - 100 };
    expect(readHttpMatches([onPath('/a'), onPath('/b.*[cd]e')], 'when', work).invalid).toHaveLength(1);
  });

  it('are as many as ordinary ones may be', () => {
    const matches = Array.from({ length: 4_096 }, (_, i) => onPath(`/team-${i}/v[0-9]+/.*`));
    expect(readHttpMatches(matches, 'when').invalid).toEqual([]);
  });
});

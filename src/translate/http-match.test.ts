import { describe, expect, it } from 'vitest';
import { automatonOf, MAX_EXPRESSION_STEPS } from '../value/regular-expression.ts';
import { readGrpcMatches, readHttpMatches } from './http-match.ts';

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

describe('the expressions of a gRPC method', () => {
  const RegularExpression = 'RegularExpression' as const;
  const reading = (service: string | undefined, method: string | undefined) =>
    readGrpcMatches([{ method: { type: RegularExpression, service, method } }], 'matches');
  const takes = (service: string | undefined, method: string | undefined, path: string) => {
    const { matches, invalid } = reading(service, method);
    expect(invalid).toEqual([]);
    const { type, value } = matches[0]!.path;
    return type === 'RegularExpression' ? automatonOf(value).matchesText(path) : path.startsWith(value);
  };

  it.each([
    ['foo|bar', 'Get|Set', ['/foo/Get', '/foo/Set', '/bar/Get', '/bar/Set'], ['/foo', 'bar/Get', '/fo/Get', 'Set']],
    ['^foo$', '^(Get|List)$', ['/foo/Get', '/foo/List'], ['/foo/Gets', '/xfoo/Get']],
    ['^foo$|^bar$', undefined, ['/foo/A', '/bar/B'], ['/foo', '/foobar/A']],
    ['(?i)foo', 'Get', ['/FOO/Get'], ['/foo/get']],
    ['\\Qa|b', 'Get', ['/a|b/Get'], ['/a/Get']],
    ['\\Afoo\\z', '^a\\\\$', ['/foo/a\\'], ['/foo/a']],
    ['[$|^]', 'a\\$', ['/$/a$', '/|/a$'], ['/a/a']],
  ] as const)('hold for the whole of service %s and method %s each', (service, method, good, bad) => {
    for (const path of good) expect([path, takes(service, method, path)]).toEqual([path, true]);
    for (const path of bad) expect([path, takes(service, method, path)]).toEqual([path, false]);
  });

  it.each([
    ['', 'List', ['/any.Thing/List'], ['/any/Other']],
    ['foo', '', ['/foo/Any'], ['/bar/Any']],
    ['', '', ['/any/Thing'], []],
  ])('are any where they are empty: service "%s", method "%s"', (service, method, good, bad) => {
    for (const path of good) expect([path, takes(service, method, path)]).toEqual([path, true]);
    for (const path of bad) expect([path, takes(service, method, path)]).toEqual([path, false]);
  });

  it.each(['^(foo$|bar)', '(^foo|bar)', '(?:foo\\z)', 'a$b', '(?i)^foo', '((foo$))+'])(
    'are refused where they have an anchor that would never hold: %s',
    (service) => {
      const [fault, ...others] = reading(service, 'Get').invalid;
      expect(others).toEqual([]);
      expect([fault!.field, fault!.message]).toEqual([
        'matches[0].method.service',
        expect.stringContaining('leave it out'),
      ]);
      expect(reading('foo', service).invalid.map(({ field }) => field)).toEqual(['matches[0].method.method']);
    },
  );

  it('are each an expression of its own: two halves of one are refused', () => {
    expect(reading('(foo', 'Get)').invalid.map(({ field }) => field)).toEqual([
      'matches[0].method.service',
      'matches[0].method.method',
    ]);
    expect(reading('a)|(b', undefined).invalid).toHaveLength(1);
  });
});

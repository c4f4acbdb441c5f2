import { describe, expect, test } from 'vitest';
import type { CredentialPlace } from '../../../config/index.ts';
import { RecordedScope } from '../filter.suite.ts';
import { HeaderPatch } from '../header-patch.ts';
import { firstFound, parametersOf, placeReader, stripCookies, stripOf, stripUnverified } from './credential-place.ts';

type Lines = ReadonlyArray<readonly [string, string]>;

const asking = (headers: Lines, target = '/') => new RecordedScope({ headers, target });
const read = (place: CredentialPlace, scope: RecordedScope) => placeReader(place).read(scope.head);
const left = (scope: RecordedScope) => scope.requestPatch.lines.map(({ name, value }) => [name, value]);

describe('in a header', () => {
  const plain: CredentialPlace = { in: 'Header', name: 'x-key' };
  const bearer: CredentialPlace = { in: 'Header', name: 'authorization', scheme: 'bearer' };

  test.each<[string, CredentialPlace, Lines, string | null | undefined]>([
    ['not there', plain, [['x-keys', 'a']], undefined],
    ['all of the line', plain, [['x-key', 'a b']], 'a b'],
    ['nothing but a name', plain, [['x-key', '']], null],
    ['of no such scheme', bearer, [['authorization', 'Basic a']], undefined],
    ['shorter than the scheme', bearer, [['authorization', 'bear']], undefined],
    ['the scheme in any case', bearer, [['authorization', 'bEARER a']], 'a'],
    ['of a scheme that begins so', bearer, [['authorization', 'Bearers a']], undefined],
    ['of a scheme that is as long', bearer, [['authorization', 'Nearer a']], undefined],
    ['nothing but the scheme', bearer, [['authorization', 'Bearer']], null],
    ['the scheme and a blank', bearer, [['authorization', 'Bearer ']], null],
    ['blanks around it', bearer, [['authorization', 'Bearer   a  ']], 'a'],
    ['a tab after the scheme', bearer, [['authorization', 'Bearer\ta']], undefined],
  ])('%s', (_, place, lines, found) => {
    expect(read(place, asking(lines))).toBe(found);
  });

  test('two lines are none, before or after it, in what is taken for its name', () => {
    for (const other of ['x-key', 'x_key', 'X.Key']) {
      expect(
        read(
          plain,
          asking([
            ['x-key', 'a'],
            ['y', ''],
            [other, 'b'],
          ]),
        ),
      ).toBeNull();
      expect(
        read(
          plain,
          asking([
            [other, 'b'],
            ['y', ''],
            ['x-key', 'a'],
          ]),
        ),
      ).toBeNull();
    }
    const gone = asking([
      ['x-key', 'a'],
      ['x-key', 'b'],
    ]);
    gone.head.count = 1;
    expect(read(plain, gone)).toBe('a');
    const beside: Lines = [
      ['x-ke', 'b'],
      ['x-key', 'a'],
      ['x-key2', 'b'],
    ];
    expect(read(plain, asking(beside))).toBe('a');
  });

  test('is taken out, whatever it holds', () => {
    const scope = asking([['x-key', 'a']]);
    placeReader(plain).strip(scope);
    expect([...scope.requestPatch.drops]).toEqual(['x-key']);
  });
});

describe('in a cookie', () => {
  const place: CredentialPlace = { in: 'Cookie', name: 'k' };

  test.each<[string, Lines, string | null | undefined]>([
    ['not there', [['cookie', 'kk=a; a=k']], undefined],
    ['among others', [['cookie', 'a=1; k=v; b=2']], 'v'],
    ['without a value', [['cookie', 'k=; b=2']], null],
    ['twice in a line', [['cookie', 'k=v; k=v']], null],
    [
      'in two lines',
      [
        ['cookie', 'k=v'],
        ['cookie', 'k=w'],
      ],
      null,
    ],
  ])('%s', (_, lines, found) => {
    expect(read(place, asking(lines))).toBe(found);
  });

  test('is taken out, and all others stay as they are, line by line', () => {
    const scope = asking([
      ['cookie', 'a=1; k=v; b=2'],
      ['x', 'y'],
      ['cookie', 'k=w'],
      ['cookie', 'c=k=3'],
    ]);
    placeReader(place).strip(scope);
    expect([...scope.requestPatch.drops]).toEqual(['cookie']);
    expect(left(scope)).toEqual([
      ['cookie', 'a=1; b=2'],
      ['cookie', 'c=k=3'],
    ]);
  });

  test('where it is not, nothing changes', () => {
    const scope = asking([['cookie', 'a=1; kk=2']]);
    placeReader(place).strip(scope);
    stripCookies(scope, (one) => one.startsWith('z='));
    expect(scope.requestPatch.isEmpty).toBe(true);
  });

  test('after another one was taken out, what is left of the line is looked at', () => {
    const scope = asking([['cookie', 'a=1; k=v; b=2']]);
    placeReader({ in: 'Cookie', name: 'a' }).strip(scope);
    scope.patchRequest(HeaderPatch.adding([{ name: 'x', value: 'k=v' }]));
    placeReader(place).strip(scope);
    expect(left(scope)).toEqual([
      ['x', 'k=v'],
      ['cookie', 'b=2'],
    ]);
  });
});

describe('in the query', () => {
  const place: CredentialPlace = { in: 'Query', name: 'k' };

  test.each<[string, string, string | null | undefined]>([
    ['not there', '/?kk=a', undefined],
    ['among others', '/?a=1&k=v&b=2', 'v'],
    ['without a value', '/?k=', null],
    ['a name alone', '/?k', null],
    ['twice', '/?k=v&k=v', null],
    ['twice, in two spellings', '/?k=v&%6b=w', null],
  ])('%s', (_, target, found) => {
    expect(read(place, asking([], target))).toBe(found);
  });

  test('is taken out where it is, by its name as bytes', () => {
    const stripped = ['/?k=1', '/?a=1'].map((target) => {
      const scope = asking([], target);
      placeReader(place).strip(scope);
      return scope.dropped;
    });
    expect(stripped).toEqual([['k'], []]);
    const all: CredentialPlace[] = [place, { in: 'Header', name: 'x' }, { in: 'Query', name: 'ä' }];
    expect(parametersOf(all)).toEqual(['k', '\u00c3\u00a4']);
  });
});

describe('of several places', () => {
  const places = [placeReader({ in: 'Header', name: 'x-key' }), placeReader({ in: 'Query', name: 'k' })];
  const taken = (scope: RecordedScope) => [[...scope.requestPatch.drops], scope.dropped];

  test('the first at which something stands counts, though it is nothing that could be used', () => {
    expect(firstFound(places, asking([['x-key', 'a']], '/?k=b').head)).toBe('a');
    expect(firstFound(places, asking([], '/?k=b').head)).toBe('b');
    expect(firstFound(places, asking([['x-key', '']], '/?k=b').head)).toBeNull();
    expect(firstFound(places, asking([], '/').head)).toBeUndefined();
  });

  test('a backend that is to see it sees the one that was looked at', () => {
    const strip = stripOf(places, true)!;
    const both = asking([['x-key', 'a']], '/?k=b');
    strip(both);
    expect(taken(both)).toEqual([[], ['k']]);
    const second = asking([], '/?k=b');
    strip(second);
    expect(taken(second)).toEqual([[], []]);
    expect(stripOf(places.slice(0, 1), true)).toBeUndefined();
  });

  test('a backend that is to see none sees none', () => {
    const scope = asking([['x-key', 'a']], '/?k=b');
    stripOf(places, false)!(scope);
    expect(taken(scope)).toEqual([['x-key'], ['k']]);
    const one = asking([['x-key', 'a']]);
    stripOf(places.slice(0, 1), false)!(one);
    expect(taken(one)).toEqual([['x-key'], []]);
  });

  test('what others would have looked at goes, but for the place that the one who vouched looked at', () => {
    const [header, query] = [places.slice(0, 1), places.slice(1)];
    const both = asking([['x-key', 'a']], '/?k=b');
    stripUnverified(both, query, header);
    expect(taken(both)).toEqual([[], ['k']]);
    const shared = asking([['x-key', 'a']], '/?k=b');
    stripUnverified(shared, places, header);
    expect(taken(shared)).toEqual([[], ['k']]);
    const alone = asking([['x-key', 'a']]);
    stripUnverified(alone, query, header);
    expect(taken(alone)).toEqual([[], []]);
    for (const where of ['Header', 'Cookie'] as const) {
      const [x, y] = ['x', 'y'].map((name) => [placeReader({ in: where, name })]);
      const lines: Lines =
        where === 'Header'
          ? [
              ['x', '1'],
              ['y', '2'],
            ]
          : [['cookie', 'x=1; y=2']];
      const scope = asking(lines);
      stripUnverified(scope, y!, x!);
      expect([where, scope.requestPatch.text]).toEqual([where, where === 'Header' ? '' : 'cookie: x=1\r\n']);
      expect([...scope.requestPatch.drops]).toEqual([where === 'Header' ? 'y' : 'cookie']);
    }
    const other = asking([], '/?k=b');
    stripUnverified(other, places, header);
    expect(taken(other)).toEqual([[], ['k']]);
  });
});

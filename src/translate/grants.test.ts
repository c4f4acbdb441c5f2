import { expect, test } from 'vitest';
import { grantsOf, type ReferenceGrant } from '../api/index.ts';
import { type GrantScope, permitted, type Referent, type Referrer } from './grants.ts';

const FROM: Referrer = { group: 'g', kind: 'HTTPRoute', namespace: 'shop' };
const TO: Referent = { group: '', kind: 'Service', namespace: 'infra', name: 'web' };

function scope(...grants: ReferenceGrant[]): GrantScope {
  const all = Map.groupBy(grants.flatMap(grantsOf), ({ path }) => path);
  return { context: { fetch: (_: unknown, path: string) => all.get(path) }, grants: {} } as unknown as GrantScope;
}

function grant(from: object, to: object, namespace = 'infra'): ReferenceGrant {
  const spec = { from: [{ ...FROM, ...from }], to: [{ group: TO.group, kind: TO.kind, ...to }] };
  return { kind: 'ReferenceGrant', metadata: { name: 'x', namespace }, spec } as unknown as ReferenceGrant;
}

test.each<[string, ReferenceGrant[], boolean]>([
  ['no grant', [], false],
  ['a grant to the kind', [grant({}, {})], true],
  ['a grant to the kind, with an empty name', [grant({}, { name: '' })], true],
  ['a grant to the object', [grant({}, { name: 'web' })], true],
  ['a grant to another object', [grant({}, { name: 'other' })], false],
  ['grants to another object and to this one', [grant({}, { name: 'other' }), grant({}, { name: 'web' })], true],
  ['a grant from another namespace', [grant({ namespace: 'other' }, {})], false],
  ['a grant from another kind', [grant({ kind: 'GRPCRoute' }, {})], false],
  ['a grant from another group', [grant({ group: 'h' }, {})], false],
  ['a grant to another kind', [grant({}, { kind: 'Secret' })], false],
  ['a grant to another group', [grant({}, { group: 'h' })], false],
  ['a grant in the namespace of who asks', [grant({}, {}, 'shop')], false],
])('across namespaces %s', (_, grants, may) => {
  expect(permitted(scope(...grants), FROM, TO)).toBe(may);
});

test('inside a namespace none is needed', () => {
  expect(permitted(scope(), FROM, { ...TO, namespace: 'shop' })).toBe(true);
});

test('each from goes with each to', () => {
  const { metadata, ...rest } = grant({}, {});
  const spec = { from: [FROM, { ...FROM, kind: 'GRPCRoute' }], to: [TO, { group: '', kind: 'Secret', name: 's' }] };
  const made = grantsOf({ ...rest, metadata, spec } as unknown as ReferenceGrant);
  expect(made.map(({ path, name }) => `${path} ${name}`)).toEqual([
    'g/HTTPRoute/shop>/Service/infra web',
    'g/HTTPRoute/shop>/Secret/infra s',
    'g/GRPCRoute/shop>/Service/infra web',
    'g/GRPCRoute/shop>/Secret/infra s',
  ]);
});

import { expect, test } from 'vitest';
import type { ConfigObject } from './index.ts';
import { shown } from './shown.ts';

test.each([
  ['of a kind that is not known', { kind: 'Later', key: 'a/b', privateKey: 'SECRET' }],
  ['a policy of a type that is not known', { kind: 'Policy', key: 'Later/a', type: 'Later', spec: { key: 'SECRET' } }],
  ['a rule whose filters are none', { kind: 'RouteRule', key: 'a', filters: 'SECRET' }],
])('what does not fit is named and not shown: %s', (_, object) => {
  expect(shown(object as unknown as ConfigObject)).toEqual({ kind: object.kind, key: object.key });
});

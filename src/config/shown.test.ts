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

test('what signs in a client, and what is told to a service that is asked, is not shown', () => {
  const content = { type: 'OidcClient', secret: 'hidden-1', cookieSecrets: ['hidden-2', 'hidden-3'] } as const;
  const set = [{ name: 'X-Key', value: 'hidden-4' }];
  const question = { protocol: 'HTTP', target: '/', host: '{host}', headers: '*', set, admits: 'Only200' } as const;
  const asking = {
    type: 'ExternalAuth',
    backend: 'b',
    timeout: 1,
    onFailure: { open: false, statusCode: 503 },
  } as const;
  const filter = { ...asking, question: { ...question, toBackend: '*', cookies: 'Never' } } as const;
  const rule = { kind: 'RouteRule', key: 'r', filters: [filter], backends: [{ weight: 1, filters: [filter] }] };
  const objects = [{ kind: 'Credential', key: 'c', content }, rule] as unknown as ConfigObject[];
  const text = JSON.stringify(objects.map(shown));
  expect(text).toContain('X-Key');
  expect(text).not.toContain('hidden');
});

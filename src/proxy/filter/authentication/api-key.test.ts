import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { CredentialPlace } from '../../../config/index.ts';
import { RecordedScope } from '../filter.suite.ts';
import { apiKeyMethod } from './api-key.ts';
import { stateWith } from './method.suite.ts';
import type { Method } from './method.ts';

const sha256 = (key: string): string => createHash('sha256').update(key).digest('base64');
const KEYS = [
  { client: 'a', sha256: sha256('key-of-a') },
  { client: 'b', sha256: sha256('key-of-b') },
];

function apiKey(keys = KEYS): Method {
  const from: CredentialPlace[] = [
    { in: 'Header', name: 'x-key' },
    { in: 'Query', name: 'k' },
  ];
  const settings = { type: 'ApiKey', name: '0', credential: 'c', from, forwards: false } as const;
  return apiKeyMethod(settings, stateWith('c', { type: 'ApiKeys', keys }));
}

const asking = (...values: string[]) => new RecordedScope({ headers: values.map((value) => ['x-key', value]) });

test('a key is whose it is, asked for once or often, beside the keys of others', () => {
  const method = apiKey();
  for (const [key, subject] of [
    ['key-of-a', 'a'],
    ['key-of-b', 'b'],
    ['key-of-a', 'a'],
  ] as const) {
    expect(method.identify(asking(key))).toEqual({ identity: { subject, claims: { sub: subject } } });
  }
  expect(method.identify(asking('key-of-c'))).toMatchObject({ why: 'wrong', status: 401, challenge: 'ApiKey' });
});

test('the hash of a key is no key', () => {
  expect(apiKey().identify(asking(sha256('key-of-a')))).toMatchObject({ why: 'wrong' });
});

test('two keys are none, and none is none', () => {
  expect(apiKey().identify(asking('key-of-a', 'key-of-a'))).toMatchObject({ why: 'wrong' });
  expect(apiKey().identify(asking(''))).toMatchObject({ why: 'wrong' });
  expect(apiKey().identify(new RecordedScope({}))).toMatchObject({ why: 'absent', status: 401 });
});

test('where there is no key it cannot be found out who asks', () => {
  for (const values of [['key-of-a'], []]) {
    expect(apiKey([]).identify(asking(...values))).toMatchObject({ why: 'broken', status: 503 });
  }
});

test('places, what no log has and what the backend does not see', () => {
  const method = apiKey();
  expect(method.places!.map(({ key }) => key)).toEqual(['header x-key', 'query k']);
  expect(method.secrets).toEqual(['k']);
  const scope = new RecordedScope({ target: '/?k=1', headers: [['x-key', '2']] });
  method.strip!(scope);
  expect([[...scope.requestPatch.drops], scope.dropped]).toEqual([['x-key'], ['k']]);
});

test('what it finds depends on what is secret where one key is there', () => {
  const method = apiKey();
  const takes = [['x'], ['x', 'y'], [''], []].map((values) => method.takesSecret(asking(...values)));
  expect(takes).toEqual([true, false, false, false]);
});

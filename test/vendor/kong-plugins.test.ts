/** Each plugin of Kong that has something like it here: what it can be set to, and what of that is served. */
import { expect, test } from 'vitest';
import { admit } from '../../src/sources/admission.ts';
import { describePlugin, SITE } from '../../src/vendor/kong/plugin.suite.ts';
import type { KongCredential } from '../../src/vendor/kong/plugin.ts';
import { readPlugin } from '../../src/vendor/kong/plugin-reading.ts';
import { PLUGINS } from '../../src/vendor/kong/table.ts';
import { ownPolicy, targetOf } from '../../src/vendor/ours.ts';
import { PLUGIN_CASES } from './plugin-cases.ts';

const admitted = (object: unknown): unknown => {
  const admission = admit(object);
  return admission.verdict === 'accepted' && admission.problems.length === 0 ? admission.resource : admission;
};

test('every plugin has its case', () => {
  expect(Object.keys(PLUGIN_CASES).sort()).toEqual([...PLUGINS.keys()].sort());
});

function somebodies(count: number): KongCredential[] {
  const secret = 'a secret that is long enough for a signature';
  return Array.from({ length: count }, (_, at) => ({
    consumer: `c${at}`,
    username: `c${at}`,
    data: { key: `k${at}`, secret, username: `u${at}`, password: 'secret' },
  }));
}

test.each([
  ['jwt', 'one issuer for all'],
  ['basic-auth', 'claimsToHeaders names them as their credentials do'],
])('%s serves as many consumers as a policy can hold, and says the way out for more', (kind, way) => {
  const read = (count: number) => {
    const metadata = { namespace: 'default', name: 'p' };
    const named = { apiVersion: 'configuration.konghq.com/v1', kind: 'KongPlugin', metadata, plugin: kind } as const;
    return readPlugin({ ...named, config: {} }, { ...SITE, credentials: () => somebodies(count) })!;
  };
  const { parts, broken } = read(1_000);
  expect(broken).toBeUndefined();
  const targetRefs = [targetOf('HTTPRoute', 'shop')];
  const spec = { targetRefs, ...parts.policies!.AuthenticationPolicy };
  const policy = ownPolicy('AuthenticationPolicy', { namespace: 'default', name: 'p' }, spec);
  expect(admitted(policy)).toEqual(policy);
  expect(read(1_001).broken).toContain(way);
});

test('keys of any number of consumers who are called as their objects are', () => {
  const metadata = { namespace: 'default', name: 'p' };
  const named = {
    apiVersion: 'configuration.konghq.com/v1',
    kind: 'KongPlugin',
    metadata,
    plugin: 'key-auth',
  } as const;
  const credentials = (): KongCredential[] =>
    somebodies(1_500).map((one) => ({ ...one, data: { key: `the key of ${one.consumer}` } }));
  const { broken } = readPlugin({ ...named, config: {} }, { ...SITE, credentials })!;
  expect(broken).toBeUndefined();
});

for (const [name, one] of Object.entries(PLUGIN_CASES)) describePlugin({ kind: PLUGINS.get(name)!, ...one }, admitted);

import { expect, test } from 'vitest';
import { apiVersionOf, groupOf, keyOf, objectKey } from './index.ts';

test('keys name kind, namespace and name, with no namespace for cluster-scoped objects', () => {
  const metadata = { name: 'web', namespace: 'shop' };
  expect(objectKey({ apiVersion: 'v1', kind: 'Service', metadata })).toBe('Service/shop/web');
  expect(objectKey({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } })).toBe('Namespace//shop');
  expect(keyOf('Service', 'shop', 'web')).toBe('Service/shop/web');
});

test('the core group is empty', () => {
  expect(groupOf('v1')).toBe('');
  expect(groupOf('discovery.k8s.io/v1')).toBe('discovery.k8s.io');
  expect(apiVersionOf('Secret')).toBe('v1');
  expect(apiVersionOf('HTTPRoute')).toBe('gateway.networking.k8s.io/v1');
});

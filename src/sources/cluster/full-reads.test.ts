import { expect, test } from 'vitest';
import type { AnyResource } from '../../api/index.ts';
import type { ApiClient } from './api-client.ts';
import { FullReads } from './full-reads.ts';

test('one of which something could not be computed is read again, and told no more when that worked', async () => {
  const told: string[] = [];
  let faults = 1;
  const secret = { metadata: { namespace: 'shop', name: 'keys', resourceVersion: '7' } } as unknown as AnyResource;
  const back = new Promise<void>(() => {});
  const client = { call: () => Promise.resolve(secret), back } as unknown as ApiClient;
  const reads = new FullReads(client, {
    put: () => (faults-- > 0 ? Promise.reject(new Error('of another tenant')) : Promise.resolve()),
    trouble: (key, error) => told.push(`${key} ${error?.message ?? 'is well'}`),
  });
  await reads.seen('Secret/shop/keys', { resourceVersion: '7' });
  reads.want('Secret/shop/keys', 'Gateway/shop/edge');
  await reads.settled();
  expect(told).toEqual(['Secret/shop/keys of another tenant']);
  await expect.poll(() => told.at(-1), { timeout: 5000 }).toBe('Secret/shop/keys is well');
  reads.close();
});

test('thousands of one namespace hold up nobody else’s one', async () => {
  const asked: string[] = [];
  const call = async ({ path }: { path: string }): Promise<AnyResource> => {
    asked.push(path);
    await new Promise(setImmediate);
    const [namespace, , name] = path.split('/').slice(4);
    return { metadata: { namespace, name, resourceVersion: '1' } } as unknown as AnyResource;
  };
  const client = { call, back: new Promise<void>(() => {}) } as unknown as ApiClient;
  const reads = new FullReads(client, { put: () => Promise.resolve(), trouble: () => {} });
  const want = async (key: string): Promise<void> => {
    await reads.seen(key, { resourceVersion: '1' });
    reads.want(key, 'Gateway');
  };
  for (let at = 0; at < 2000; at++) await want(`Secret/red/flood-${at}`);
  await want('Secret/owner/one');
  await reads.settled();
  expect(asked).toHaveLength(2001);
  expect(asked.indexOf('/api/v1/namespaces/owner/secrets/one')).toBeLessThan(
    asked.indexOf('/api/v1/namespaces/red/secrets/flood-1900'),
  );
  reads.close();
});

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

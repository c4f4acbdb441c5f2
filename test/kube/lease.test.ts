/** Who leads, against the embedded API. */
import { afterEach, describe, expect, test } from 'vitest';
import { Lease, type LeaseOptions } from '../../src/reconcile/index.ts';
import { ApiClient } from '../../src/sources/cluster/index.ts';
import { ApiServer, FAILED } from './index.ts';

const open: Array<() => Promise<void> | void> = [];

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function startApi(): Promise<ApiServer> {
  const api = await ApiServer.start();
  open.push(() => api.close());
  return api;
}

function contender(api: ApiServer, identity: string, times: LeaseOptions['times']): { lease: Lease; told: boolean[] } {
  const client = new ApiClient({ server: api.url, namespace: 'default', name: identity });
  const told: boolean[] = [];
  const about = { namespace: 'daemun', name: 'controller', identity, times };
  const lease = new Lease({ client, ...about, onChange: (leading) => told.push(leading) });
  open.push(
    () => client.close(),
    () => lease.close(),
  );
  return { lease, told };
}

const LONG = { duration: 60_000, renew: 10 };
const holder = (api: ApiServer): unknown => api.store.find(api.kind('Lease'), 'daemun', 'controller')?.spec;

describe('a lease', () => {
  test('has one holder of several who want it, who keeps it', async () => {
    const api = await startApi();
    const all = ['a', 'b', 'c'].map((identity) => contender(api, identity, LONG));
    await expect.poll(() => all.filter(({ lease }) => lease.leading).length).toBe(1);
    const first = all.find(({ lease }) => lease.leading)!;
    const looks = api.asked.length;
    await expect.poll(() => api.asked.length).toBeGreaterThan(looks + 30);
    expect(all.filter(({ lease }) => lease.leading)).toEqual([first]);
    expect(all.flatMap(({ told }) => told)).toEqual([true]);
  });

  test('is given back by a holder that ends, and taken at once', async () => {
    const api = await startApi();
    const first = contender(api, 'a', LONG);
    await expect.poll(() => first.lease.leading).toBe(true);
    const second = contender(api, 'b', LONG);
    await first.lease.close();
    expect(first.told).toEqual([true, false]);
    await expect.poll(() => second.lease.leading).toBe(true);
    expect(holder(api)).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
  });

  test('is lost by a holder that cannot renew it before another may take it', async () => {
    const api = await startApi();
    const times = { duration: 300, renew: 20 };
    const first = contender(api, 'a', times);
    await expect.poll(() => first.lease.leading).toBe(true);
    let cut = true;
    api.fault = ({ method }) => (cut && method === 'PUT' ? FAILED : undefined);
    await expect.poll(() => first.told).toEqual([true, false]);
    const second = contender(api, 'b', times);
    cut = false;
    await expect.poll(() => first.lease.leading || second.lease.leading).toBe(true);
    expect(first.lease.leading && second.lease.leading).toBe(false);
  });

  test('is kept by a holder of whom one renewal hangs', async () => {
    const api = await startApi();
    const { lease, told } = contender(api, 'a', { duration: 3000, renew: 20 });
    await expect.poll(() => lease.leading).toBe(true);
    let hung = 0;
    api.fault = ({ method }) => (method === 'PUT' && hung++ === 0 ? { kind: 'silent' } : undefined);
    await expect.poll(() => hung, { timeout: 10_000 }).toBeGreaterThan(3);
    expect(told).toEqual([true]);
  });

  test('is not taken from a holder whose clock differs, as long as it renews', async () => {
    const api = await startApi();
    // Above what a busy machine stalls for; renewed for longer than it lasts.
    const times = { duration: 1000, renew: 20 };
    const spec = { holderIdentity: 'other', renewTime: '2001-01-01T00:00:00.000000Z' };
    const metadata = { namespace: 'daemun', name: 'controller' };
    const kind = api.kind('Lease');
    api.store.create(kind, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec });
    const { lease, told } = contender(api, 'a', times);
    for (let i = 0; i < 40; i++) {
      const looks = api.asked.length;
      await expect.poll(() => api.asked.length, { interval: 5 }).toBeGreaterThan(looks + 1);
      const renewed = structuredClone(api.store.get(kind, 'daemun', 'controller'));
      renewed.spec = { ...spec, renewTime: `2001-01-01T00:00:${10 + i}.000000Z` };
      api.store.replace(kind, renewed, { status: false });
    }
    expect(told).toEqual([]);
    // Silent now: after the duration it is taken.
    await expect.poll(() => lease.leading, { timeout: 5000 }).toBe(true);
  });
});

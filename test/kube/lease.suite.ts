/** Who leads, by a Lease of the embedded API or of a real one. */
import { afterEach, describe, expect, test } from 'vitest';
import { Lease, type LeaseOptions } from '../../src/reconcile/index.ts';
import { ApiClient } from '../../src/sources/cluster/index.ts';
import type { ApiRig } from './api.suite.ts';

const LONG = { duration: 60_000, renew: 20 };

interface Contender {
  lease: Lease;
  told: boolean[];
}

export function testLease(name: string, start: () => Promise<ApiRig>): void {
  describe(`lease: ${name}`, () => {
    const open: Array<() => Promise<void> | void> = [];

    afterEach(async () => {
      for (const close of open.splice(0).reverse()) await close();
    });

    async function startRig(): Promise<ApiRig> {
      const rig = await start();
      open.push(() => rig.close());
      return rig;
    }

    function contender(
      rig: ApiRig,
      identity: string,
      times: LeaseOptions['times'] = LONG,
      owner?: LeaseOptions['owner'],
    ): Contender {
      const client = new ApiClient(rig.access);
      const told: boolean[] = [];
      const about = { namespace: rig.namespace, name: 'controller', identity, times, owner };
      const lease = new Lease({ client, ...about, onChange: (leading) => told.push(leading) });
      open.push(
        () => client.close(),
        () => lease.close(),
      );
      return { lease, told };
    }

    async function specOf({ access, namespace }: ApiRig): Promise<Record<string, unknown>> {
      const client = new ApiClient(access);
      try {
        const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/controller`;
        return (await client.call<{ spec: Record<string, unknown> }>({ path })).spec;
      } finally {
        client.close();
      }
    }

    test('one of several who want it has it, and keeps it', async () => {
      const rig = await startRig();
      const all = ['a', 'b', 'c'].map((identity) => contender(rig, identity));
      await expect.poll(() => all.filter(({ lease }) => lease.leading).length).toBe(1);
      const { renewTime, holderIdentity } = await specOf(rig);
      // Renewed some times since.
      await expect.poll(async () => (await specOf(rig)).renewTime).not.toBe(renewTime);
      expect((await specOf(rig)).holderIdentity).toBe(holderIdentity);
      expect(all.flatMap(({ told }) => told)).toEqual([true]);
    });

    test('one that ends gives it back, and another takes it at once', async () => {
      const rig = await startRig();
      const first = contender(rig, 'a');
      await expect.poll(() => first.lease.leading).toBe(true);
      const second = contender(rig, 'b');
      await first.lease.close();
      expect(first.told).toEqual([true, false]);
      await expect.poll(() => second.lease.leading).toBe(true);
      expect(await specOf(rig)).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
    });

    test('one that may not give it back loses it with its pod, and whoever took it over does not', async () => {
      const rig = await startRig();
      const client = new ApiClient(rig.access);
      open.push(() => client.close());
      const path = `/api/v1/namespaces/${rig.namespace}/configmaps`;
      const owner = async (name: string): Promise<NonNullable<LeaseOptions['owner']>> => {
        const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: rig.namespace } };
        const { metadata } = await client.call<{ metadata: { uid: string } }>({ method: 'POST', path, body });
        return { apiVersion: 'v1', kind: 'ConfigMap', name, uid: metadata.uid };
      };
      const gone = (name: string) => client.call({ method: 'DELETE', path: `${path}/${name}` });
      // Of a process that is killed nothing is heard any more.
      const silent = new ApiClient(rig.access);
      const [a, b] = [await owner('a'), await owner('b')];
      const told: boolean[] = [];
      const about = { namespace: rig.namespace, name: 'controller', identity: 'a', owner: a };
      const first = new Lease({
        client: silent,
        ...about,
        times: { ...LONG, renew: 60_000 },
        onChange: (one) => told.push(one),
      });
      await expect.poll(() => first.leading).toBe(true);
      silent.close();
      // Whoever waits looks once a second at least.
      const second = contender(rig, 'b', { duration: 60_000, renew: 60_000 }, b);
      await expect.poll(() => second.lease.leading).toBe(false);
      await gone('a');
      await expect.poll(() => second.lease.leading, { timeout: 10_000 }).toBe(true);
      expect(await specOf(rig)).toMatchObject({ holderIdentity: 'b' });
      await second.lease.close();
      await gone('b');
      expect(await specOf(rig)).toMatchObject({ holderIdentity: '' });
      await first.close();
    });

    test('one that is gone without a word loses it when its time is over', async () => {
      const rig = await startRig();
      const client = new ApiClient(rig.access);
      open.push(() => client.close());
      await client.call({
        method: 'POST',
        path: `/apis/coordination.k8s.io/v1/namespaces/${rig.namespace}/leases`,
        body: {
          apiVersion: 'coordination.k8s.io/v1',
          kind: 'Lease',
          metadata: { name: 'controller', namespace: rig.namespace },
          spec: { holderIdentity: 'gone', renewTime: '2001-01-01T00:00:00.000000Z', leaseDurationSeconds: 15 },
        },
      });
      const { lease } = contender(rig, 'a', { duration: 500, renew: 20 });
      await expect.poll(() => lease.leading, { timeout: 10_000 }).toBe(true);
    });
  });
}

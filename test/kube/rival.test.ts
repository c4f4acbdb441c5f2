/** Two installations that take the same classes for theirs, against the embedded API. */
import { afterEach, describe, expect, test } from 'vitest';
import {
  type Installation,
  installations,
  Lease,
  leaseMarks,
  RivalWatch,
  rivalries,
} from '../../src/reconcile/index.ts';
import { ApiClient } from '../../src/sources/cluster/index.ts';
import { ApiServer, FORBIDDEN } from './index.ts';

const NAME = 'daemun.dev/gateway-controller';
const LOOK = 40;
const TIMES = { duration: 60_000, renew: 5 };

const open: Array<() => Promise<void> | void> = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function startApi(): Promise<{ api: ApiServer; client: ApiClient }> {
  const api = await ApiServer.start();
  const client = new ApiClient({ server: api.url, namespace: 'default', name: 'test' });
  open.push(
    () => api.close(),
    () => client.close(),
  );
  return { api, client };
}

interface Covers {
  controllerNames?: string[];
  namespaces?: string[];
}

/** A replica of the installation in a namespace: with its Lease, and what it is told of others. */
function install(client: ApiClient, namespace: string, { controllerNames = [NAME], namespaces }: Covers = {}) {
  const covers = { controllerNames, ...(namespaces ? { namespaces } : {}) };
  const own: Installation = { lease: `${namespace}/daemun-controller`, ...covers };
  const told: string[] = [];
  const faults: string[] = [];
  const rivals = new RivalWatch({
    client,
    own,
    onChange: (found) => told.push([...found.keys()].join(' ')),
    onFault: ({ message }) => faults.push(message),
    look: LOOK,
  });
  let leading = false;
  const lease = new Lease({
    client,
    namespace,
    name: 'daemun-controller',
    identity: `${namespace}-${open.length}`,
    marks: leaseMarks(covers),
    onChange: (now) => {
      leading = now;
      rivals.lead(now);
    },
    times: TIMES,
  });
  const close = (): Promise<void> => lease.close();
  open.push(close);
  return { told, faults, close, leads: () => leading };
}

/** Every leader has looked this often. */
async function looks(api: ApiServer, count: number): Promise<void> {
  const asked = (): number => api.asked.filter(({ path }) => path === '/apis/coordination.k8s.io/v1/leases').length;
  const before = asked();
  await expect.poll(() => asked() - before, { timeout: 10_000 }).toBeGreaterThanOrEqual(count);
}

describe('two installations of one controller name', () => {
  test('are told of each other, each by the name of its Lease, until one is gone', async () => {
    const { client } = await startApi();
    const first = install(client, 'one');
    const second = install(client, 'two');
    await expect.poll(() => [first.told, second.told]).toEqual([['two/daemun-controller'], ['one/daemun-controller']]);
    const [said] = rivalries(await installations(client), [NAME]);
    expect(said).toMatch(/^the installations of Leases one\/daemun-controller and two\/daemun-controller both take/);
    expect(said).toContain('--controller-name');
    await second.close();
    await expect.poll(() => first.told).toEqual(['two/daemun-controller', '']);
    expect(rivalries(await installations(client), [NAME])).toEqual([]);
  });

  test.each<[string, Covers, Covers]>([
    ['another name', {}, { controllerNames: ['example.com/other'] }],
    ['other namespaces', { namespaces: ['a', 'b'] }, { namespaces: ['c'] }],
  ])('are no rivals with %s', async (_, one, other) => {
    const { api, client } = await startApi();
    const all = [install(client, 'one', one), install(client, 'two', other)];
    await expect.poll(() => all.every(({ leads }) => leads())).toBe(true);
    await looks(api, 8);
    expect(all.flatMap(({ told }) => told)).toEqual([]);
    expect(rivalries(await installations(client), [NAME])).toEqual([]);
  });

  test('are rivals where one reads all namespaces', async () => {
    const { client } = await startApi();
    const first = install(client, 'one', { namespaces: ['a'] });
    install(client, 'two');
    await expect.poll(() => first.told).toEqual(['two/daemun-controller']);
  });
});

test('replicas of one installation, its restarts and changes of its leader are no rivals', async () => {
  const { api, client } = await startApi();
  const all = [install(client, 'one'), install(client, 'one')];
  await expect.poll(() => all.filter(({ leads }) => leads()).length).toBe(1);
  for (let restart = 0; restart < 4; restart++) {
    await looks(api, 3);
    await all.shift()!.close();
    all.push(install(client, 'one'));
    await expect.poll(() => all.filter(({ leads }) => leads()).length).toBe(1);
  }
  expect(all.flatMap(({ told }) => told)).toEqual([]);
});

test('an installation that has gone, and has left its Lease, is no rival', async () => {
  const { api, client } = await startApi();
  const path = '/apis/coordination.k8s.io/v1/namespaces/old/leases';
  const spec = { holderIdentity: 'gone', renewTime: new Date(Date.now() - 600_000).toISOString() };
  const metadata = { name: 'daemun-controller', namespace: 'old', ...leaseMarks({ controllerNames: [NAME] }) };
  const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
  await client.call({ method: 'POST', path, body });
  const own = install(client, 'one');
  await looks(api, 4);
  expect(own.told).toEqual([]);
  expect(rivalries(await installations(client), [NAME])).toEqual([]);
});

test('whoever may not list Leases leads all the same', async () => {
  const { api, client } = await startApi();
  api.fault = ({ path }) => (path === '/apis/coordination.k8s.io/v1/leases' ? FORBIDDEN : undefined);
  const own = install(client, 'one');
  await expect.poll(() => own.faults.length).toBeGreaterThan(0);
  expect(own.leads()).toBe(true);
});

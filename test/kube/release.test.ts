/** What is left of Gateways that are ours no more goes, also where the first try fails. */
import { expect, onTestFinished, test } from 'vitest';
import { ApiServer, type Fault, FORBIDDEN } from './index.ts';
import { Desk } from './infrastructure-desk.ts';

const KINDS = ['Deployment', 'Service', 'ServiceAccount'];
/** As an API server answers to a version that is not the newest. */
const CONFLICT: Fault = { kind: 'refuse', code: 409, reason: 'Conflict' };

async function start(): Promise<{ api: ApiServer; at: Desk }> {
  const api = await ApiServer.start();
  const access = { server: api.url, namespace: 'default', name: 'test' };
  const at = new Desk({ access, namespace: 'shop', close: () => api.close() });
  onTestFinished(() => at.close());
  return { api, at };
}

test.each<[string, Fault, boolean]>([
  ['is written by somebody else at that moment', CONFLICT, false],
  ['may not be removed at first', FORBIDDEN, true],
])('what %s goes a moment later', async (_, fault, isTold) => {
  const { api, at } = await start();
  const reconciler = at.reconciler({ pauses: { first: 5, longest: 20 } });
  await at.make(reconciler, await at.gateway('edge'));
  // Each, so that no change of another one tells that it is time to look again.
  const refused = new Set<string>();
  api.fault = ({ method, path }) => {
    if (method !== 'DELETE' || refused.has(path)) return undefined;
    refused.add(path);
    return fault;
  };
  reconciler.write([{ key: 'Gateway/shop/edge' }]);
  at.classes.set('shop/edge', 'other');
  reconciler.resync();
  for (const kind of KINDS) await at.gone(kind, 'daemun-edge');
  expect(refused.size).toBeGreaterThan(KINDS.length);
  expect(at.warnings.length > 0).toBe(isTold);
});

test('what is seen late goes, too, and what may come back stays', async () => {
  const { at } = await start();
  const edge = await at.gateway('edge');
  const other = await at.gateway('other');
  const maker = at.reconciler();
  at.classes.set('shop/edge', 'another');
  // It leads, and has nothing to remove.
  const reconciler = at.reconciler();
  await at.make(reconciler, other);
  await at.make(maker, edge);
  maker.lead(false);
  for (const kind of KINDS) await at.gone(kind, 'daemun-edge');
  expect(await at.names('Deployment')).toEqual(['daemun-other']);
});

test('what another controller made stays, whatever class its Gateway has by now', async () => {
  const { at } = await start();
  const edge = await at.gateway('edge');
  const own = { ...(await at.gateway('own')), className: 'ours' };
  const maker = at.reconciler();
  await at.make(maker, edge, own);
  await maker.close();
  // The other controller is away just now.
  at.foreign.add(edge.className);
  at.classes.set('shop/edge', 'another');
  at.classes.set('shop/own', 'another');
  at.reconciler();
  for (const kind of KINDS) await at.gone(kind, 'daemun-own');
  for (const kind of KINDS) expect(await at.names(kind)).toEqual(['daemun-edge']);
});

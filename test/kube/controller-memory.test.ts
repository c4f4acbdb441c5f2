/** A controller of many routes, as a process of its own against the embedded API, with a data plane. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WeighedController } from './weighed-controller.ts';

const ROUTES = 5000;
/** Megabytes, as the kernel counts what a pod has for itself. */
const MOST = 250;

let running: WeighedController;

beforeAll(async () => {
  running = await WeighedController.start();
  await running.fill(ROUTES);
}, 150_000);
afterAll(() => running?.close());

test.runIf(process.platform === 'linux')('5,000 routes with 5,000 Services weigh 250 MB at most', () => {
  expect(running.weigh().whole).toBeLessThan(MOST);
});

test('a ListenerSet that comes with 16 routes has its status written three times at most', async () => {
  const sets = 20;
  await running.fillSets(sets);
  const written = running.api.store.writes.filter(
    ({ served, subresource }) => served.kind === 'ListenerSet' && subresource === 'status',
  );
  expect(written.length).toBeGreaterThanOrEqual(sets);
  expect(written.length).toBeLessThanOrEqual(3 * sets);
}, 60_000);

test('a route that comes, to a Gateway or a ListenerSet, has its status written twice at most', () => {
  const written = running.api.store.writes.filter(
    ({ served, subresource }) => served.kind === 'HTTPRoute' && subresource === 'status',
  );
  const routes = running.api.store.list(running.api.kind('HTTPRoute'), '').length;
  expect(routes).toBeGreaterThan(ROUTES);
  expect(written.length).toBeGreaterThanOrEqual(routes);
  expect(written.length).toBeLessThanOrEqual(2 * routes);
});

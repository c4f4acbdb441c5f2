import { expect, test } from 'vitest';
import { StatusBook } from './status-book.ts';
import type { StatusChange } from './status-writer.ts';

const change = (name: string, status: 'True' | 'False'): StatusChange => ({
  key: `HTTPRoute/d/${name}`,
  after: {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { namespace: 'd', name },
    status: { parents: [{ conditions: [{ type: 'Accepted', status, reason: 'A', message: '' }] }] },
  } as unknown as NonNullable<StatusChange['after']>,
});

test('thousands of statuses are noted in several turns, and whoever looks sees all of them, the last of each', () => {
  const book = new StatusBook();
  const names = Array.from({ length: 3000 }, (_, at) => `r${at}`);
  const began = performance.now();
  book.write(names.map((name) => change(name, 'False')));
  book.write([change('r2999', 'True'), { key: 'HTTPRoute/d/r0' }]);
  const took = performance.now() - began;
  const looked = performance.now();
  const items = book.items();
  // What is left for later is most of it.
  expect(performance.now() - looked).toBeGreaterThan(took);
  expect(items).toHaveLength(2999);
  expect(JSON.stringify(items.find(({ metadata }) => metadata.name === 'r2999'))).toContain('"status":"True"');
});

test('few are noted at once, and after many the order is kept', async () => {
  const book = new StatusBook();
  book.write(Array.from({ length: 1000 }, (_, at) => change(`r${at}`, 'False')));
  await new Promise(setImmediate);
  book.write([change('r999', 'True')]);
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  expect(JSON.stringify(book.items().find(({ metadata }) => metadata.name === 'r999'))).toContain('"status":"True"');
});

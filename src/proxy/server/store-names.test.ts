/** Names of stores that nobody answers for, beside backends and stores of others. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { resolveName } from '../names/index.ts';
import { EndpointGate } from '../upstream/index.ts';
import { guardedDialer } from './guarded-dialer.ts';
import { MAX_NAME_AGE, StoreNames } from './store-names.ts';

const asked: string[] = [];
const fail = new Map<string, () => void>();
const NOBODY = { connect: () => Promise.reject() as never };
vi.mock('node:dns/promises', async (original) => {
  type Module = typeof import('node:dns/promises');
  const real = await original<Module & { default: Module }>();
  const nobody = () => Promise.reject(Object.assign(new Error('ENOTFOUND'), { code: real.default.NOTFOUND }));
  const lookup = (name: string) => {
    asked.push(name);
    if (!name.startsWith('dead')) return Promise.resolve([{ address: '10.0.0.1', family: 4 }]);
    return new Promise((_, reject) => fail.set(name, () => reject(new Error('EAI_AGAIN'))));
  };
  return { ...real, lookup, default: { ...real.default, resolve4: nobody, resolve6: nobody } };
});

test('a store’s name that is looked up for ever keeps no backend’s waiting, and another namespace’s for its turn', async () => {
  const dialer = guardedDialer(NOBODY, new EndpointGate({ loopbackEndpoints: 'allowed', loopbackNames: 'refused' }));
  const ask = (host: string): unknown => dialer.addresses({ host, port: 6379 }, 'evil').catch(() => {});
  ask('dead-1');
  await expect.poll(() => asked).toEqual(['dead-1']);
  // Which of them comes to the look-ups first is up to the machine: each reads a file before.
  ask('dead-2');
  ask('dead-3');
  const backend = await resolveName('cart', { tenant: 'shop', isWaiting: () => true });
  expect(backend.addresses).toEqual(['10.0.0.1']);
  const shop = dialer.addresses({ host: 'limits', port: 6379 }, 'shop');
  for (let failed = 0; failed < 3 && !asked.includes('limits'); ) {
    await expect.poll(() => fail.size > 0 || asked.includes('limits'), { timeout: 10_000 }).toBe(true);
    // Whoever has a turn gives it back.
    for (const one of fail.values()) one();
    failed += fail.size;
    fail.clear();
  }
  expect(await shop).toEqual(['10.0.0.1']);
});

test('a look-up goes on for the next connection, and what it said is known for a moment', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const found: Array<PromiseWithResolvers<string[]>> = [];
  const names = new StoreNames(() => {
    const one = Promise.withResolvers<string[]>();
    found.push(one);
    return one.promise;
  });
  const both = [names.addressesOf('a', 'shop'), names.addressesOf('a', 'shop')];
  void names.addressesOf('a', 'other');
  expect(found).toHaveLength(2);
  found[0]!.resolve(['10.0.0.1']);
  expect(await Promise.all(both)).toEqual([['10.0.0.1'], ['10.0.0.1']]);
  expect(await names.addressesOf('a', 'shop')).toEqual(['10.0.0.1']);
  await vi.advanceTimersByTimeAsync(MAX_NAME_AGE);
  const again = names.addressesOf('a', 'shop');
  expect(found).toHaveLength(3);
  // A failure is not kept.
  found[2]!.reject(new Error('EAI_AGAIN'));
  await expect(again).rejects.toThrow('EAI_AGAIN');
  await vi.advanceTimersByTimeAsync(0);
  void names.addressesOf('a', 'shop');
  expect(found).toHaveLength(4);
});

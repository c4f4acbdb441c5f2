import type { LookupAddress } from 'node:dns';
import { expect, test } from 'vitest';
import { MAX_MACHINE_LOOKUPS, MachineNames } from './machine-names.ts';

/** Look-ups that end when the test says so. */
function machine() {
  const asked: string[] = [];
  const ends = new Map<string, (addresses: LookupAddress[] | Error) => void>();
  const names = new MachineNames((hostname) => {
    asked.push(hostname);
    const { promise, resolve, reject } = Promise.withResolvers<LookupAddress[]>();
    ends.set(hostname, (answer) => (answer instanceof Error ? reject(answer) : resolve(answer)));
    return promise;
  });
  const ask = (hostname: string, isWaiting = () => true): Promise<string[]> =>
    names.addressesOf(hostname, { tenant: hostname.split('.')[1]!, isWaiting });
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 8; i++) await Promise.resolve();
  };
  const end = (hostname: string, answer: LookupAddress[] | Error = new Error('EAI_AGAIN')): Promise<void> => {
    ends.get(hostname)!(answer);
    return settle();
  };
  return { ask, asked, end, settle };
}

test('a tenant whose names never end keeps another waiting for one of them', async () => {
  const { ask, asked, end, settle } = machine();
  const evil = Array.from({ length: 30 }, (_, i) => ask(`${i}.evil`).catch(() => []));
  const good = ask('cart.shop');
  await settle();
  expect(asked).toHaveLength(MAX_MACHINE_LOOKUPS);
  await end('0.evil');
  expect(asked).toContain('1.evil');
  await end('1.evil');
  expect(asked).toEqual(['0.evil', '1.evil', 'cart.shop']);
  await end('cart.shop', [{ address: '10.0.0.1', family: 4 }]);
  expect(await good).toEqual(['10.0.0.1']);
  await settle();
  expect(asked.at(-1)).toBe('2.evil');
  expect(await evil[0]).toEqual([]);
});

test('who does not wait any more has no turn', async () => {
  const { ask, asked, end, settle } = machine();
  const first = ask('0.evil').catch(() => []);
  let isWaiting = true;
  const gone = ask('1.evil', () => isWaiting);
  void ask('2.evil');
  await settle();
  isWaiting = false;
  await end('0.evil');
  expect(await Promise.all([first, gone])).toEqual([[], []]);
  expect(asked).toEqual(['0.evil', '2.evil']);
});

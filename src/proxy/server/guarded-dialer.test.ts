/** Which addresses of a store of policies may be reached, and what is said where none may. */
import { expect, test, vi } from 'vitest';
import { MemoryDriver } from '../listen/index.ts';
import { EndpointGate } from '../upstream/index.ts';
import { guardedDialer } from './guarded-dialer.ts';
import { StoreNames } from './store-names.ts';

const gate = new EndpointGate({ loopbackEndpoints: 'allowed', loopbackNames: 'refused' });

async function addressesOf(host: string, named: string[] = []): Promise<readonly string[]> {
  const asked = vi.spyOn(StoreNames.prototype, 'addressesOf').mockResolvedValue(named);
  try {
    return await guardedDialer(new MemoryDriver(), gate).addresses({ host, port: 6379 }, 'shop');
  } finally {
    asked.mockRestore();
  }
}

test('an address is no name, and is looked at as one that somebody wrote', async () => {
  expect(await addressesOf('127.0.0.1', ['10.0.0.9'])).toEqual(['127.0.0.1']);
  await expect(addressesOf('169.254.169.254')).rejects.toThrow('must not be reached: 169.254.169.254 ');
});

test('of the addresses of a name those are left that may be reached', async () => {
  expect(await addressesOf('limits', ['127.0.0.1', '10.0.0.1', '10.0.0.2'])).toEqual(['10.0.0.1', '10.0.0.2']);
  expect(await addressesOf('limits', ['10.0.0.1'])).toEqual(['10.0.0.1']);
});

test('where none is left, the first and what is wrong with it are told', async () => {
  const gone = addressesOf('limits', ['127.0.0.1', '169.254.169.254']);
  await expect(gone).rejects.toThrow(/^must not be reached: 127\.0\.0\.1 \S/);
  await expect(addressesOf('limits')).rejects.toThrow(/^has no address$/);
});

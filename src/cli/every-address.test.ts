import { expect, test } from 'vitest';
import { bindingOf, machineAddresses } from './every-address.ts';

const info = (address: string, internal = false) => ({ address, internal }) as never;

test('who says where to listen is taken at his word', async () => {
  expect(await bindingOf(['::'])).toEqual({ addresses: ['::'] });
});

test('of the machine count the addresses at which others reach it, or its loopback alone', () => {
  const lo = [info('127.0.0.1', true), info('::1', true)];
  const eth0 = [info('192.0.2.1'), info('2001:db8::1'), info('fe80::1'), info('169.254.7.7')];
  expect(machineAddresses({ lo, eth0 })).toEqual(['192.0.2.1', '2001:db8::1']);
  expect(machineAddresses({ lo })).toEqual(['127.0.0.1', '::1']);
});

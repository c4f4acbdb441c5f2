import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressBytes, addressText, canonicalAddress, plainAddress } from './address.ts';
import { isAddress, isCidr, readNetwork } from './network.ts';
import { Networks } from './networks.ts';

describe('an IPv4 address in the form of IPv6', () => {
  it.each(['::ffff:192.0.2.1', '::FFFF:192.0.2.1', '::ffff:c000:201', '0:0:0:0:0:ffff:192.0.2.1', '0::ffff:c000:0201'])(
    '%s is told as IPv4',
    (text) => {
      expect(plainAddress(text)).toBe('192.0.2.1');
      expect(canonicalAddress(text)).toBe('192.0.2.1');
    },
  );

  it.each([
    '192.0.2.1',
    '::1',
    '2001:db8::ffff:192.0.2.1',
    '::192.0.2.1',
    'fe80::1%eth0',
    '::ffff:192.0.2.1%eth0',
    '',
    'x',
  ])('%s is left as it is', (text) => {
    expect(plainAddress(text)).toBe(text);
  });

  it('is in the networks that IPv4 is in, however they are written', () => {
    for (const written of ['192.0.2.0/24', '::ffff:192.0.2.0/120', '::ffff:c000:200/120']) {
      const networks = new Networks([written]);
      expect(['192.0.2.9', '::ffff:192.0.2.9', '::ffff:c000:209'].map((text) => networks.has(text))).toEqual([
        true,
        true,
        true,
      ]);
      expect(['192.0.3.9', '::ffff:192.0.3.9', '::1', '', 'x'].map((text) => networks.has(text))).toEqual(
        Array(5).fill(false),
      );
    }
  });
});

it('reads addresses strictly', () => {
  for (const text of ['127.1', '0x7f.0.0.1', '1.2.3', '01.2.3.4', '1.2.3.4 ', 'fe80::1%eth0', '::1::', 'a', '']) {
    expect(isAddress(text)).toBe(false);
    expect(addressBytes(text)).toBeUndefined();
  }
});

it('goes from text to bytes and back', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const bytes = addressBytes(text)!;
      const again = addressText(bytes);
      expect(again).toBe(canonicalAddress(text));
      if (again.includes(':') === text.includes(':')) expect(addressBytes(again)).toEqual(bytes);
      else expect(addressBytes(again)).toEqual(bytes.subarray(12));
    }),
  );
  expect(addressBytes('::192.0.2.1')!.toString('hex')).toBe('000000000000000000000000c0000201');
  expect(canonicalAddress('::192.0.2.1')).toBe('::c000:201');
  expect(addressText(Buffer.from('20010db8000000000001000000000001', 'hex'))).toBe('2001:db8::1:0:0:1');
});

it('reads networks, with bits beyond the prefix, and nothing else', () => {
  expect(readNetwork('10.1.2.3/8')).toEqual({ address: '10.1.2.3', family: 'ipv4', prefix: 8 });
  expect(readNetwork('2001:db8::1')).toEqual({ address: '2001:db8::1', family: 'ipv6', prefix: 128 });
  for (const text of [
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '::/129',
    '/8',
    'a/8',
  ]) {
    expect(readNetwork(text)).toBeUndefined();
    expect(() => new Networks([text])).toThrow(RangeError);
  }
  expect(['10.0.0.0/8', '::/0', '10.0.0.1'].map(isCidr)).toEqual([true, true, false]);
  expect(new Networks(['fe80::/10']).has('fe80::1%eth0')).toBe(true);
});

import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { expect, test } from 'vitest';
import { prefixText } from './address-prefix.ts';

test.each([
  ['2001:db8:0:7:1:2:3:4', 64, '2001:db8:0:7:0:0:0:0/64'],
  ['2001:DB8::7:1:2:3:4', 64, '2001:db8:0:7:0:0:0:0/64'],
  ['2001:db8:0:7::', 64, '2001:db8:0:7:0:0:0:0/64'],
  ['2001:db8:0:7::9%eth0', 64, '2001:db8:0:7:0:0:0:0/64'],
  ['2001:db8:0:1ff::1', 56, '2001:db8:0:100:0:0:0:0/56'],
  ['::1', 128, '0:0:0:0:0:0:0:1/128'],
  ['::', 128, '0:0:0:0:0:0:0:0/128'],
  ['64:ff9b::192.0.2.1', 128, '64:ff9b:0:0:0:0:c000:201/128'],
  ['fe80::1%3', 128, 'fe80:0:0:0:0:0:0:1/128'],
  ['192.0.2.1', 64, '192.0.2.1'],
])('%s with %i bits is %s', (address, bits, text) => {
  expect(prefixText(address, bits)).toBe(text);
});

test('any spelling of an address is read as others read it', () => {
  fc.assert(
    fc.property(fc.ipV6(), fc.integer({ min: 1, max: 128 }), (address, bits) => {
      const bare = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
      const hex = (one: string, other: string): string => ((Number(one) << 8) | Number(other)).toString(16);
      const plain = bare === null ? address : `${bare[1]}${hex(bare[2]!, bare[3]!)}:${hex(bare[4]!, bare[5]!)}`;
      const network = ipaddr.IPv6.networkAddressFromCIDR(`${plain}/${bits}`).parts.map((part) => part.toString(16));
      expect(prefixText(address, bits)).toBe(`${network.join(':')}/${bits}`);
    }),
  );
});

import { BlockList, isIPv4 } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Networks } from './networks.ts';

const byte = fc.nat(255);
const four = fc.tuple(byte, byte, byte, byte).map((parts) => parts.join('.'));
const group = fc.nat(0xffff).map((part) => part.toString(16));
const six = fc.array(group, { minLength: 8, maxLength: 8 }).map((parts) => parts.join(':'));
const network = fc.oneof(
  fc.tuple(four, fc.nat(32)).map(([address, prefix]) => `${address}/${prefix}`),
  fc.tuple(six, fc.nat(128)).map(([address, prefix]) => `${address}/${prefix}`),
);

test('has what a list of blocks has, whatever overlaps', () => {
  fc.assert(
    fc.property(fc.array(network, { maxLength: 12 }), fc.array(fc.oneof(four, six)), (texts, addresses) => {
      const list = new BlockList();
      for (const text of texts) {
        const [address, prefix] = text.split('/') as [string, string];
        list.addSubnet(address, Number(prefix), isIPv4(address) ? 'ipv4' : 'ipv6');
      }
      const networks = new Networks(texts);
      // The first and the last of a network are those that are missed.
      const edges = texts.map((text) => text.split('/')[0]!);
      for (const address of [...addresses, ...edges]) {
        const expected = list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
        // A block list takes IPv4 for a part of ::ffff:0:0/96, and so of ::/0.
        if (!isIPv4(address) || list.rules.every((rule) => rule.startsWith('Subnet: IPv4'))) {
          expect(networks.has(address)).toBe(expected);
        }
      }
    }),
  );
});

test.each([
  ['10.0.0.0/8', '::ffff:10.1.2.3', true],
  ['::ffff:10.0.0.0/104', '10.9.9.9', true],
  ['10.0.0.1', '10.0.0.1', true],
  ['10.0.0.0/8', '10.01.2.3', false],
  ['10.0.0.0/8', '10.1.2', false],
  ['fe80::/10', 'fe80::1%eth0', true],
  ['0.0.0.0/0', '255.255.255.255', true],
  ['::/0', '10.0.0.1', false],
])('%s and %s: %s', (text, address, has) => {
  expect(new Networks([text]).has(address)).toBe(has);
});

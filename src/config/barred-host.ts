/**
 * Addresses that are nobody's backend: nothing answers there, or what does is the machine the gateway runs on, or the
 * cloud's own (metadata, with credentials). Whoever may write a Service must not reach them through the gateway.
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net';

const LOOPBACK = listOf([['127.0.0.0', 8]], [['::1', 128]]);
const UNSPECIFIED = listOf([['0.0.0.0', 8]], [['::', 128]]);
const LINK_LOCAL = listOf([['169.254.0.0', 16]], [['fe80::', 10]]);
const METADATA = listOf(
  [
    ['168.63.129.16', 32],
    ['100.100.100.200', 32],
    ['192.0.0.192', 32],
  ],
  [
    ['fd00:ec2::', 32],
    ['fd20:ce::254', 128],
    ['fd00:c1::a9fe:a9fe', 128],
    ['fd00:42::42', 128],
    ['fd00:a9fe:a9fe::1', 128],
  ],
);
const MULTICAST = listOf(
  [
    ['224.0.0.0', 4],
    ['255.255.255.255', 32],
  ],
  [['ff00::', 8]],
);

/** What stands for the machine itself, whatever the resolver says. */
const LOCAL_NAME = /^(?:.+\.)?localhost(?:\.localdomain)?$|^ip6-(?:localhost|loopback)$/;

/**
 * Why nothing is sent to this address, or undefined; of a name, why it is not even looked up. Odd spellings of an address
 * (`127.1`, `0x7f000001`) are read as one.
 */
export function barredHost(host: string, loopback: 'allowed' | 'refused'): string | undefined {
  const plain = host.split('%')[0]!;
  if (isIPv4(plain)) return barredAddress(plain, 'ipv4', loopback);
  if (isIPv6(plain)) return barredAddress(plain, 'ipv6', loopback);
  const name = host.toLowerCase().replace(/\.$/, '');
  if (LOCAL_NAME.test(name)) return loopback === 'allowed' ? undefined : 'is a name of this machine';
  const meant = URL.canParse(`http://${name}/`) ? new URL(`http://${name}/`).hostname : '';
  return isIPv4(meant) ? barredAddress(meant, 'ipv4', loopback) : undefined;
}

function barredAddress(address: string, family: 'ipv4' | 'ipv6', loopback: 'allowed' | 'refused'): string | undefined {
  if (UNSPECIFIED.check(address, family)) return 'stands for no address';
  if (LINK_LOCAL.check(address, family)) return 'is link-local';
  if (METADATA.check(address, family)) return 'is of the cloud’s own';
  if (MULTICAST.check(address, family)) return 'is multicast';
  return loopback === 'refused' && LOOPBACK.check(address, family) ? 'is of this machine' : undefined;
}

type Subnet = readonly [address: string, bits: number];

/** IPv4 also as it hides in IPv6: mapped, translated, compatible, behind NAT64 of everybody's prefix or one's own, and by 6to4. */
function listOf(v4: readonly Subnet[], v6: readonly Subnet[]): BlockList {
  const list = new BlockList();
  for (const [address, bits] of v4) {
    const [a, b, c, d] = address.split('.').map(Number) as [number, number, number, number];
    list.addSubnet(address, bits, 'ipv4');
    for (const prefix of ['::ffff:', '::ffff:0:', '64:ff9b::', '64:ff9b:1::']) {
      list.addSubnet(`${prefix}${address}`, 96 + bits, 'ipv6');
    }
    const [high, low] = [((a << 8) | b).toString(16), ((c << 8) | d).toString(16)];
    list.addSubnet(`2002:${high}:${low}::`, 16 + bits, 'ipv6');
    // Where 0.0.0.0/8 would lie in these, ::1 and other forms do.
    if (a === 0) continue;
    list.addSubnet(`::${address}`, 96 + bits, 'ipv6');
    // RFC 6052 2.2: behind a prefix of 48 bits, an octet of zeros stands in the middle.
    list.addSubnet(
      `64:ff9b:1:${high}:${c.toString(16)}:${(d << 8).toString(16)}::`,
      (bits > 16 ? 56 : 48) + bits,
      'ipv6',
    );
  }
  for (const [address, bits] of v6) list.addSubnet(address, bits, 'ipv6');
  return list;
}

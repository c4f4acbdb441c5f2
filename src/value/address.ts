/**
 * IP addresses as text. An IPv4 address is told as one wherever it comes from: the kernel gives it as `::ffff:192.0.2.1`
 * on sockets of both families, and compared as text the two are different clients.
 * `ipaddr.js` does the arithmetic; what is an address at all node:net says, since the other also takes `127.1`.
 */
import { isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import { isAddress, isPlainIPv6 } from './network.ts';

/** IPv4 in IPv6's form as IPv4; all else as it is. */
export function plainAddress(text: string): string {
  if (!/^[0:]+ffff:/i.test(text) || !isPlainIPv6(text)) return text;
  const parsed = parseIPv6(text);
  return parsed.isIPv4MappedAddress() ? parsed.toIPv4Address().toString() : text;
}

/** One text for each address: without zone, as RFC 5952 writes it. What is no address is given back. */
export function canonicalAddress(text: string): string {
  const bare = text.split('%')[0]!;
  if (!isIPv6(bare)) return bare;
  const parsed = parseIPv6(bare);
  return parsed.isIPv4MappedAddress() ? parsed.toIPv4Address().toString() : parsed.toString();
}

/** 4 or 16 bytes; undefined where the text is no address, or has a zone. */
export function addressBytes(text: string): Buffer | undefined {
  if (!isAddress(text)) return undefined;
  return Buffer.from((isIPv6(text) ? parseIPv6(text) : ipaddr.parse(text)).toByteArray());
}

/** The canonical text of 4 or 16 bytes; of an IPv4-mapped address, IPv4's. */
export function addressText(bytes: Uint8Array): string {
  return canonicalAddress(ipaddr.fromByteArray(Array.from(bytes)).toString());
}

/** With an IPv4 tail as hexadecimal groups: the library takes `::192.0.2.1` for `::ffff:192.0.2.1`, another address. */
function parseIPv6(text: string): ipaddr.IPv6 {
  const colon = text.lastIndexOf(':');
  const tail = text.slice(colon + 1);
  if (!tail.includes('.')) return ipaddr.IPv6.parse(text);
  const [a, b, c, d] = tail.split('.').map(Number) as [number, number, number, number];
  const groups = [(a << 8) | b, (c << 8) | d].map((group) => group.toString(16));
  return ipaddr.IPv6.parse(`${text.slice(0, colon + 1)}${groups.join(':')}`);
}

/**
 * The part of an IPv6 address that says whose it is: providers give each customer a /64 at least, and its 2^64 addresses are
 * one client. Read without a string, since limits look at each request.
 */

/** Bits that count where nothing is said. */
export const IPV6_PREFIX_LENGTH = 64;

const COLON = 0x3a;
const DOT = 0x2e;
const PERCENT = 0x25;
const GROUPS = 8;
const GROUP_BITS = 16;

/** Of the address that was read last; what lies behind the prefix is 0. */
export const prefixGroups: Uint16Array = new Uint16Array(GROUPS);
const octets = new Uint8Array(4);

/** Leaves the first `bits` of an IPv6 address in `prefixGroups`. False: it is none. */
export function readPrefix(address: string, bits: number): boolean {
  if (!address.includes(':')) return false;
  prefixGroups.fill(0);
  readGroups(address);
  for (let at = 0; at < GROUPS; at++) {
    const kept = Math.min(GROUP_BITS, Math.max(0, bits - at * GROUP_BITS));
    prefixGroups[at] = prefixGroups[at]! & (0xffff << (GROUP_BITS - kept));
  }
  return true;
}

/** The same as text: `2001:db8:0:7:0:0:0:0/64`. What is no IPv6 address is given back. */
export function prefixText(address: string, bits: number): string {
  if (!readPrefix(address, bits)) return address;
  return `${Array.from(prefixGroups, (group) => group.toString(16)).join(':')}/${bits}`;
}

/** `address` is one: net.isIPv6 or the kernel says so. */
function readGroups(address: string): void {
  let count = 0;
  let gap = -1;
  let dots = 0;
  for (let at = 0; at <= address.length && count < GROUPS; ) {
    let end = at;
    let hex = 0;
    let decimal = 0;
    let c = -1;
    for (; end < address.length; end++) {
      c = address.charCodeAt(end);
      if (c === COLON || c === DOT || c === PERCENT) break;
      const digit = c <= 0x39 ? c - 0x30 : (c | 0x20) - 0x57;
      hex = (hex << 4) | digit;
      decimal = decimal * 10 + digit;
      c = -1;
    }
    if (c === DOT || dots > 0) octets[dots++] = decimal;
    else if (end > at) prefixGroups[count++] = hex;
    else if (at > 0) gap = count;
    if (c === -1 || c === PERCENT) break;
    at = end + 1;
  }
  if (dots === octets.length && count <= GROUPS - 2) {
    prefixGroups[count++] = (octets[0]! << 8) | octets[1]!;
    prefixGroups[count++] = (octets[2]! << 8) | octets[3]!;
  }
  if (gap < 0 || count === GROUPS) return;
  prefixGroups.copyWithin(GROUPS - (count - gap), gap, count);
  prefixGroups.fill(0, gap, GROUPS - (count - gap));
}

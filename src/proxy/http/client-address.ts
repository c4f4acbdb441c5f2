/**
 * The address of the client: the nearest to us, along the way that the request came, that is no trusted hop. Trusted
 * hops are believed about the one before them; what stands further on in X-Forwarded-For the client may have written.
 */
import { plainAddress } from '../../value/address.ts';
import { isAddress } from '../../value/network.ts';
import type { Networks } from '../../value/networks.ts';
import { ARENA } from '../ground/arena.ts';
import { FIELD_STRIDE, fieldHash, type Head, nameHash, VALUE_END, VALUE_START } from '../ground/head.ts';
import type { AddressRule } from '../route/index.ts';

const FORWARDED_FOR = 'x-forwarded-for';
const FORWARDED_FOR_HASH = nameHash(FORWARDED_FOR);

/** `peer`: who is at the other end of the connection, a trusted hop. */
export function clientAddress(head: Head, peer: string, trusted: Pick<Networks, 'has'>): string {
  const hops = forwardedFor(head);
  let nearest = peer;
  for (let i = hops.length - 1; i >= 0; i--) {
    const hop = bareAddress(hops[i]!);
    // Behind what is no address nothing can be told.
    if (hop === undefined) return nearest;
    nearest = hop;
    if (!trusted.has(hop)) return hop;
  }
  return nearest;
}

/** As a policy says; undefined: `peer` is not believed, or says nothing. `trusted`: who is believed in any case. */
export function addressByRule(
  head: Head,
  peer: string,
  { rule, trusted }: { rule: AddressRule; trusted: Networks },
): string | undefined {
  if (!rule.trusted.has(peer) && !trusted.has(peer)) return undefined;
  if (rule.header !== '') {
    const name = rule.header.toLowerCase();
    const at = head.find(name, fieldHash(name));
    return at === -1 ? undefined : bareAddress(head.value(at));
  }
  if (rule.hops > 0) {
    // Who came by fewer gateways than there are came past some of them: what he says counts for nothing.
    const hops = forwardedFor(head);
    return hops.length < rule.hops ? undefined : bareAddress(hops[hops.length - rule.hops]!);
  }
  return clientAddress(head, peer, { has: (hop) => rule.trusted.has(hop) || trusted.has(hop) });
}

/** Of all lines, in order. */
function forwardedFor(head: Head): string[] {
  const lines: string[] = [];
  let i = head.find(FORWARDED_FOR, FORWARDED_FOR_HASH);
  for (; i !== -1; i = head.find(FORWARDED_FOR, FORWARDED_FOR_HASH, i + 1)) {
    const at = i * FIELD_STRIDE;
    lines.push(ARENA.latin1Slice(head.fields[at + VALUE_START]!, head.fields[at + VALUE_END]!));
  }
  return lines.length === 0 ? lines : lines.join(',').split(',');
}

/** Some write a port to it, and brackets. */
function bareAddress(text: string): string | undefined {
  const [, six, four, plain = ''] = /^(?:\[([^\]]*)\](?::\d+)?|([\d.]+):\d+|(.*))$/.exec(text.trim()) ?? [];
  const address = six ?? four ?? plain;
  return isAddress(address) ? plainAddress(address.toLowerCase()) : undefined;
}

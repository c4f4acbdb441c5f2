/**
 * The addresses that stand for a wildcard. A datagram sent from a socket bound to a wildcard leaves from whichever
 * address the kernel's routing prefers, and a client that asked another address ignores it. So UDP listeners bind
 * each address of the machine on its own.
 */
import { isIPv6 } from 'node:net';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';

export type Interfaces = NodeJS.Dict<NetworkInterfaceInfo[]>;

export interface Wildcard {
  /** Of `::`: IPv4 is left to others. */
  ipv6Only?: boolean | undefined;
  /** Absent: those of this machine. */
  interfaces?: Interfaces;
}

/** `0.0.0.0` gives all IPv4 addresses, `::` all of both families; any other address gives itself. */
export function localAddresses(
  asked: string,
  { ipv6Only = false, interfaces = networkInterfaces() }: Wildcard = {},
): string[] {
  if (asked !== '0.0.0.0' && asked !== '::') return [asked];
  const addresses = Object.entries(interfaces).flatMap(([name, infos = []]) =>
    infos
      .filter(({ address }) => (isIPv6(address) ? asked === '::' : !ipv6Only))
      .map(({ address }) => (address.startsWith('fe80:') ? `${address}%${name}` : address)),
  );
  return [...new Set(addresses)];
}

/**
 * The addresses that stand for a wildcard. A datagram sent from a socket bound to a wildcard leaves from whichever
 * address the kernel's routing prefers, and a client that asked another address ignores it. So UDP listeners bind
 * each address of the machine on its own.
 */
import { isIPv6 } from 'node:net';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';

export type Interfaces = NodeJS.Dict<NetworkInterfaceInfo[]>;

/** `0.0.0.0` gives all IPv4 addresses, `::` all of both families; any other address gives itself. */
export function localAddresses(asked: string, interfaces: Interfaces = networkInterfaces()): string[] {
  if (asked !== '0.0.0.0' && asked !== '::') return [asked];
  const addresses = Object.entries(interfaces).flatMap(([name, infos = []]) =>
    infos
      .filter(({ address }) => asked === '::' || !isIPv6(address))
      .map(({ address }) => (address.startsWith('fe80:') ? `${address}%${name}` : address)),
  );
  return [...new Set(addresses)];
}

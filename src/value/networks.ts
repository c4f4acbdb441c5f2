import { BlockList, isIPv6 } from 'node:net';
import { plainAddress } from './address.ts';
import { readNetwork } from './network.ts';

/** Bits before the IPv4 address in `::ffff:192.0.2.1`. */
const MAPPED_BITS = 96;

/** A set of networks: hops that are trusted, sources that are heard. IPv4 in IPv6's form counts as IPv4. */
export class Networks {
  readonly #list: BlockList | null;

  /** Throws RangeError for a text that is no network. */
  constructor(networks: readonly string[]) {
    this.#list = networks.length > 0 ? new BlockList() : null;
    for (const text of networks) this.#add(text);
  }

  has(address: string): boolean {
    if (this.#list === null) return false;
    const plain = plainAddress(address.split('%')[0]!);
    return this.#list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
  }

  #add(text: string): void {
    const network = readNetwork(text);
    if (network === undefined) {
      throw new RangeError(`${text} is no network: write an address, or a CIDR such as 10.0.0.0/8 or 2001:db8::/32`);
    }
    const { address, family, prefix } = network;
    const plain = plainAddress(address);
    if (plain !== address && prefix >= MAPPED_BITS) this.#list!.addSubnet(plain, prefix - MAPPED_BITS, 'ipv4');
    else this.#list!.addSubnet(address, prefix, family);
  }
}

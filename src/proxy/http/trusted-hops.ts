/** Networks whose X-Forwarded-* and X-Request-Id lines are believed. */
import { BlockList, isIPv4, isIPv6 } from 'node:net';

export class TrustedHops {
  readonly #networks: BlockList | null;

  /** CIDRs or single addresses. Throws RangeError for one that is neither. */
  constructor(networks: readonly string[]) {
    this.#networks = networks.length > 0 ? new BlockList() : null;
    for (const network of networks) this.#add(network);
  }

  has(address: string): boolean {
    if (this.#networks === null) return false;
    // An IPv4 client of a dual-stack socket.
    const plain = address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
    return this.#networks.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
  }

  #add(network: string): void {
    const [address = '', bits] = network.split('/');
    const family = isIPv4(address) ? 'ipv4' : isIPv6(address) ? 'ipv6' : undefined;
    if (family === undefined) throw new RangeError(`${network} is no network: write an address or a CIDR`);
    const width = family === 'ipv4' ? 32 : 128;
    const prefix = bits === undefined ? width : Number(bits);
    if (!Number.isInteger(prefix) || prefix < 0 || prefix > width) {
      throw new RangeError(`${network} is no network: the prefix length goes from 0 to ${width}`);
    }
    this.#networks!.addSubnet(address, prefix, family);
  }
}

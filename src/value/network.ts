/** How addresses and networks are written. No more than node:net stands behind it: the command line reads flags by it. */
import { isIPv4, isIPv6 } from 'node:net';

export interface Network {
  address: string;
  family: 'ipv4' | 'ipv6';
  prefix: number;
}

const PREFIX = /^(0|[1-9][0-9]{0,2})$/;

/** Four decimal numbers, or IPv6 without a zone. */
export function isAddress(text: string): boolean {
  return isIPv4(text) || isPlainIPv6(text);
}

export function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}

/** `10.0.0.0/8`; a single address is a network of one. Bits beyond the prefix may be set. Undefined: it is none. */
export function readNetwork(text: string): Network | undefined {
  const [address = '', bits, ...rest] = text.split('/');
  const width = isIPv4(address) ? 32 : 128;
  if (!isAddress(address) || rest.length > 0 || (bits !== undefined && !PREFIX.test(bits))) return undefined;
  const prefix = bits === undefined ? width : Number(bits);
  return prefix > width ? undefined : { address, family: width === 32 ? 'ipv4' : 'ipv6', prefix };
}

/** A network with its prefix written out. */
export function isCidr(text: string): boolean {
  return text.includes('/') && readNetwork(text) !== undefined;
}

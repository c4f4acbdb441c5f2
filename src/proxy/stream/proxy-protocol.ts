/**
 * The PROXY protocol, versions 1 and 2: who the client is, said by a proxy before the connection's own bytes.
 * Strict: a header that is not exactly as specified is refused. Whether the peer may send one at all is the
 * caller's decision (trusted sources only), and a peer that must send one and does not is refused too.
 */
import { isIPv4 } from 'node:net';
import { plainAddress } from '../../value/address.ts';
import { isPlainIPv6 } from '../../value/network.ts';
import type { ProxyAddresses, ProxyOutcome } from './proxy-outcome.ts';
import { decodeV2, SIGNATURE } from './proxy-protocol-v2.ts';

export { encodeV2 } from './proxy-protocol-v2.ts';

/** A version 1 line with its CR LF is never longer. */
const MAX_V1 = 107;
const PREFIX = Buffer.from('PROXY ', 'latin1');
const PORT = /^(0|[1-9][0-9]{0,4})$/;
const INCOMPLETE: ProxyOutcome = { kind: 'incomplete' };
const ABSENT: ProxyOutcome = { kind: 'malformed', reason: 'no PROXY header', absent: true };

/** Reads a header at the start of `bytes`, which hold all that came so far. */
export function parseProxyHeader(bytes: Buffer): ProxyOutcome {
  if (bytes.length === 0) return INCOMPLETE;
  if (bytes[0] === SIGNATURE[0]) return startsLike(bytes, SIGNATURE) ? decodeV2(bytes) : ABSENT;
  return startsLike(bytes, PREFIX) ? decodeV1(bytes) : ABSENT;
}

function startsLike(bytes: Buffer, prefix: Buffer): boolean {
  const length = Math.min(bytes.length, prefix.length);
  return bytes.compare(prefix, 0, length, 0, length) === 0;
}

function decodeV1(bytes: Buffer): ProxyOutcome {
  const end = bytes.subarray(0, MAX_V1).indexOf('\r\n', 0, 'latin1');
  if (end < 0) return bytes.length < MAX_V1 ? INCOMPLETE : refused('no line end in 107 bytes');
  const length = end + 2;
  const words = bytes.latin1Slice(PREFIX.length, end).split(' ');
  // What follows UNKNOWN must be ignored.
  if (words[0] === 'UNKNOWN') return { kind: 'header', length };
  const family = words[0] === 'TCP4' ? isIPv4 : words[0] === 'TCP6' ? isPlainIPv6 : undefined;
  if (family === undefined) return refused('protocol is none of TCP4, TCP6 and UNKNOWN');
  if (words.length !== 5) return refused('not exactly two addresses and two ports');
  const [, source, destination, sourcePort, destinationPort] = words as [string, string, string, string, string];
  if (!family(source) || !family(destination)) return refused('an address is not of the family');
  if (!plainPort(sourcePort) || !plainPort(destinationPort)) return refused('a port is not a number up to 65535');
  const addresses = {
    source: { address: plainAddress(source.toLowerCase()), port: Number(sourcePort) },
    destination: { address: plainAddress(destination.toLowerCase()), port: Number(destinationPort) },
  };
  return { kind: 'header', length, addresses };
}

function plainPort(text: string): boolean {
  return PORT.test(text) && Number(text) <= 65535;
}

function refused(reason: string): ProxyOutcome {
  return { kind: 'malformed', reason };
}

/** `PROXY UNKNOWN` where the two addresses are not of one family. */
export function encodeV1(addresses: ProxyAddresses): Buffer {
  const { source, destination } = addresses;
  const family =
    isIPv4(source.address) && isIPv4(destination.address)
      ? 'TCP4'
      : isPlainIPv6(source.address) && isPlainIPv6(destination.address)
        ? 'TCP6'
        : undefined;
  if (family === undefined) return Buffer.from('PROXY UNKNOWN\r\n', 'latin1');
  const line = `PROXY ${family} ${source.address} ${destination.address} ${source.port} ${destination.port}\r\n`;
  return Buffer.from(line, 'latin1');
}

/** The binary form of the PROXY protocol. */
import { isIPv4 } from 'node:net';
import { addressBytes, addressText } from '../../value/address.ts';
import { crc32c } from './crc32c.ts';
import type { ProxyAddresses, ProxyOutcome } from './proxy-outcome.ts';

export const SIGNATURE = Buffer.from([13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]);

/** Most bytes after the 16 of the fixed part: addresses and TLVs. */
export const MAX_V2_PAYLOAD = 4096;

const FIXED = 16;
const LOCAL = 0x20;
const PROXY = 0x21;
const INET = 1;
const INET6 = 2;
const STREAM = 1;
/** Bytes of the address block by family: unspecified, INET, INET6, UNIX. */
const BLOCK = [0, 12, 36, 216];
const ADDRESS_SIZE = [0, 4, 16];
const TLV_CRC32C = 3;

/** `bytes` start with the signature, as far as they go. */
export function decodeV2(bytes: Buffer): ProxyOutcome {
  if (bytes.length > 12 && bytes[12] !== LOCAL && bytes[12] !== PROXY) return refused('version or command is unknown');
  if (bytes.length > 13 && !familyKnown(bytes[13]!)) return refused('address family or transport is unknown');
  if (bytes.length < FIXED) return { kind: 'incomplete' };
  const payload = bytes.readUInt16BE(14);
  if (payload > MAX_V2_PAYLOAD) return refused(`longer than ${MAX_V2_PAYLOAD} bytes`);
  const length = FIXED + payload;
  if (bytes.length < length) return { kind: 'incomplete' };
  const header = bytes.subarray(0, length);
  // LOCAL: the sender's own connection, such as a health check; the address block is to be ignored.
  if (header[12] === LOCAL) return { kind: 'header', length };
  return decodeProxied(header);
}

/** Unspecified, or one of IPv4, IPv6 and UNIX with one of stream and datagram. */
function familyKnown(byte: number): boolean {
  const family = byte >> 4;
  const transport = byte & 15;
  return byte === 0 || (family >= 1 && family <= 3 && (transport === 1 || transport === 2));
}

function decodeProxied(header: Buffer): ProxyOutcome {
  const family = header[13]! >> 4;
  const block = BLOCK[family]!;
  if (header.length < FIXED + block) return refused('shorter than its addresses');
  const problem = checkTlvs(header, FIXED + block);
  if (problem !== undefined) return refused(problem);
  if (family !== INET && family !== INET6) return { kind: 'header', length: header.length };
  // A datagram's addresses say nothing about this stream.
  if ((header[13]! & 15) !== STREAM) return { kind: 'header', length: header.length };
  const size = ADDRESS_SIZE[family]!;
  const ports = FIXED + 2 * size;
  const addresses = {
    source: { address: addressText(header.subarray(FIXED, FIXED + size)), port: header.readUInt16BE(ports) },
    destination: { address: addressText(header.subarray(FIXED + size, ports)), port: header.readUInt16BE(ports + 2) },
  };
  return { kind: 'header', length: header.length, addresses };
}

/** Every TLV must lie inside the header; a checksum must be right. The others are skipped. */
function checkTlvs(header: Buffer, start: number): string | undefined {
  let checked = false;
  for (let at = start; at < header.length; ) {
    if (at + 3 > header.length) return 'a TLV is cut off';
    const length = header.readUInt16BE(at + 1);
    const value = at + 3;
    if (value + length > header.length) return 'a TLV is longer than the header';
    if (header[at] === TLV_CRC32C) {
      if (checked) return 'two checksums';
      checked = true;
      if (length !== 4) return 'a checksum that is not 4 bytes long';
      if (checksumWithout(header, value) !== header.readUInt32BE(value)) return 'the checksum is wrong';
    }
    at = value + length;
  }
  return undefined;
}

/** Over the whole header, with the checksum's own four bytes as zero. */
function checksumWithout(header: Buffer, at: number): number {
  const copy = Buffer.from(header);
  copy.fill(0, at, at + 4);
  return crc32c(copy);
}

function refused(reason: string): ProxyOutcome {
  return { kind: 'malformed', reason };
}

/** With `checksum`, a CRC32c TLV is added. LOCAL where the two addresses are not of one family. */
export function encodeV2(addresses: ProxyAddresses, options: { checksum?: boolean } = {}): Buffer {
  const source = addressBytes(addresses.source.address);
  const destination = addressBytes(addresses.destination.address);
  const known = source !== undefined && destination !== undefined && source.length === destination.length;
  const tlv = options.checksum === true ? Buffer.from([TLV_CRC32C, 0, 4, 0, 0, 0, 0]) : Buffer.alloc(0);
  const fixed = Buffer.alloc(4);
  const parts: Buffer[] = [SIGNATURE, fixed];
  if (known) {
    const ports = Buffer.alloc(4);
    ports.writeUInt16BE(addresses.source.port, 0);
    ports.writeUInt16BE(addresses.destination.port, 2);
    parts.push(source, destination, ports);
    fixed[1] = ((isIPv4(addresses.source.address) ? INET : INET6) << 4) | STREAM;
  }
  fixed[0] = known ? PROXY : LOCAL;
  const header = Buffer.concat([...parts, tlv]);
  header.writeUInt16BE(header.length - FIXED, 14);
  if (tlv.length > 0) header.writeUInt32BE(crc32c(header), header.length - 4);
  return header;
}

/** A small file in MaxMind's format (https://maxmind.github.io/MaxMind-DB/): networks of IPv4 and IPv6, and their countries. */
import ipaddr from 'ipaddr.js';

type Node = [Branch, Branch];
/** A node, the record of a network, or nothing. */
type Branch = Node | string | undefined;

const text = (value: string): Buffer => Buffer.concat([Buffer.from([0x40 | value.length]), Buffer.from(value)]);
const map = (entries: ReadonlyArray<readonly [string, Buffer]>): Buffer =>
  Buffer.concat([Buffer.from([0xe0 | entries.length]), ...entries.flatMap(([name, value]) => [text(name), value])]);
const uint32 = (value: number): Buffer => {
  const bytes = Buffer.from([0xc4, 0, 0, 0, 0]);
  bytes.writeUInt32BE(value, 1);
  return bytes;
};
const uint16 = (value: number): Buffer => Buffer.from([0xa2, value >> 8, value & 0xff]);

/** By CIDR: an ISO code. */
export function countryFile(networks: Record<string, string>): Buffer {
  const root: Node = [undefined, undefined];
  for (const [cidr, code] of Object.entries(networks)) put(root, bitsOf(cidr), code);
  const nodes = [root];
  for (const [left, right] of nodes) for (const one of [left, right]) if (Array.isArray(one)) nodes.push(one);
  const codes = [...new Set(Object.values(networks))];
  const records = codes.map((code) => map([['country', map([['iso_code', text(code)]])]]));
  const offset = (code: string): number =>
    records.slice(0, codes.indexOf(code)).reduce((sum, { length }) => sum + length, 0);
  const pointer = (one: Branch): number => {
    if (one === undefined) return nodes.length;
    return typeof one === 'string' ? nodes.length + 16 + offset(one) : nodes.indexOf(one);
  };
  const tree = Buffer.alloc(nodes.length * 6);
  for (const [at, [left, right]] of nodes.entries()) {
    tree.writeUIntBE(pointer(left), at * 6, 3);
    tree.writeUIntBE(pointer(right), at * 6 + 3, 3);
  }
  const metadata = map([
    ['node_count', uint32(nodes.length)],
    ['record_size', uint16(24)],
    ['ip_version', uint16(6)],
    ['database_type', text('Test-Country')],
    ['languages', Buffer.from([0x01, 0x04, ...text('en')])],
    ['binary_format_major_version', uint16(2)],
    ['binary_format_minor_version', uint16(0)],
    ['build_epoch', uint32(1_700_000_000)],
    ['description', map([['en', text('test')]])],
  ]);
  const marker = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
  return Buffer.concat([tree, Buffer.alloc(16), ...records, marker, metadata]);
}

/** IPv4 is in the first 96 zeros. */
function bitsOf(cidr: string): number[] {
  const [address, length] = ipaddr.parseCIDR(cidr);
  const bytes = address.toByteArray();
  const all = bytes.length === 4 ? [...Array<number>(12).fill(0), ...bytes] : bytes;
  const bits = all.flatMap((byte) => Array.from({ length: 8 }, (_, at) => (byte >> (7 - at)) & 1));
  return bits.slice(0, bytes.length === 4 ? 96 + length : length);
}

function put(node: Node, [bit, ...others]: number[], code: string): void {
  const side = bit as 0 | 1;
  if (others.length === 0) {
    node[side] = code;
    return;
  }
  const below = node[side];
  const next: Node = Array.isArray(below) ? below : [undefined, undefined];
  node[side] = next;
  put(next, others, code);
}

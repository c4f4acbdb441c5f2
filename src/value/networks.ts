import { addressBytes, plainAddress } from './address.ts';
import { readNetwork } from './network.ts';

/** Bits before the IPv4 address in `::ffff:192.0.2.1`. */
const MAPPED_BITS = 96;

/**
 * A set of networks: hops that are trusted, sources that are heard. IPv4 in IPv6's form counts as IPv4. Kept as ranges
 * in order, none of which touches another, so that a look takes as long in ten thousand as in a few.
 */
export class Networks {
  /** First and last address of each range, as numbers. */
  readonly #starts: Float64Array;
  readonly #ends: Float64Array;
  /** The same of IPv6, as 32 hexadecimal digits. */
  readonly #starts6: readonly string[];
  readonly #ends6: readonly string[];
  readonly #isEmpty: boolean;

  /** Throws RangeError for a text that is no network. */
  constructor(networks: readonly string[]) {
    const four: Array<[number, number]> = [];
    const six: Array<[string, string]> = [];
    for (const text of networks) {
      const { bytes, prefix } = bytesOf(text);
      const [start, end] = [masked(bytes, prefix, 0), masked(bytes, prefix, 0xff)];
      if (bytes.length === 4) four.push([start.readUInt32BE(), end.readUInt32BE()]);
      else six.push([start.toString('hex'), end.toString('hex')]);
    }
    const ranges = merged(four, (a, b) => a <= b + 1);
    this.#starts = Float64Array.from(ranges, ([start]) => start);
    this.#ends = Float64Array.from(ranges, ([, end]) => end);
    const ranges6 = merged(six, (a, b) => a <= b);
    this.#starts6 = ranges6.map(([start]) => start);
    this.#ends6 = ranges6.map(([, end]) => end);
    this.#isEmpty = networks.length === 0;
  }

  has(address: string): boolean {
    if (this.#isEmpty) return false;
    const four = ipv4Number(address);
    if (four >= 0) return this.#within(this.#starts, this.#ends, four);
    const plain = plainAddress(address.split('%')[0]!);
    const bytes = addressBytes(plain);
    if (bytes === undefined) return false;
    if (bytes.length === 4) return this.#within(this.#starts, this.#ends, bytes.readUInt32BE());
    return this.#within(this.#starts6, this.#ends6, bytes.toString('hex'));
  }

  /** The range that begins last before it is the only one that it may be in. */
  #within<T extends number | string>(starts: ArrayLike<T>, ends: ArrayLike<T>, value: T): boolean {
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (starts[middle]! <= value) low = middle + 1;
      else high = middle;
    }
    return low > 0 && value <= ends[low - 1]!;
  }
}

function bytesOf(text: string): { bytes: Buffer; prefix: number } {
  const network = readNetwork(text);
  if (network === undefined) {
    throw new RangeError(`${text} is no network: write an address, or a CIDR such as 10.0.0.0/8 or 2001:db8::/32`);
  }
  const { address, prefix } = network;
  const plain = plainAddress(address);
  if (plain !== address && prefix >= MAPPED_BITS) return { bytes: addressBytes(plain)!, prefix: prefix - MAPPED_BITS };
  return { bytes: addressBytes(address)!, prefix };
}

/** The bits beyond the prefix are those of `rest`. */
function masked(bytes: Buffer, prefix: number, rest: number): Buffer {
  return Buffer.from(
    bytes.map((byte, at) => {
      const bits = Math.min(8, Math.max(0, prefix - at * 8));
      const mask = (0xff << (8 - bits)) & 0xff;
      return (byte & mask) | (rest & ~mask & 0xff);
    }),
  );
}

/** In order, those that meet as one. */
function merged<T extends number | string>(ranges: Array<[T, T]>, meets: (start: T, end: T) => boolean): Array<[T, T]> {
  const found: Array<[T, T]> = [];
  for (const [start, end] of ranges.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) {
    const last = found.at(-1);
    if (last === undefined || !meets(start, last[1])) found.push([start, end]);
    else if (end > last[1]) last[1] = end;
  }
  return found;
}

/** Of four decimal numbers; -1 for any other text. */
function ipv4Number(text: string): number {
  let value = 0;
  let part = -1;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c >= 0x30 && c <= 0x39) {
      // A number that begins with 0 is read as octal by some.
      if (part === 0) return -1;
      part = part < 0 ? c - 0x30 : part * 10 + c - 0x30;
      if (part > 255) return -1;
    } else if (c === 0x2e && part >= 0 && dots < 3) {
      value = value * 256 + part;
      part = -1;
      dots++;
    } else {
      return -1;
    }
  }
  return dots === 3 && part >= 0 ? value * 256 + part : -1;
}

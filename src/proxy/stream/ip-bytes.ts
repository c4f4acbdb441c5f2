/** IP addresses between text and network bytes. */
import { isIPv4, isIPv6 } from 'node:net';

/** 4 or 16 bytes; undefined where the text is no address, or has a zone. */
export function addressBytes(text: string): Buffer | undefined {
  if (isIPv4(text)) return Buffer.from(text.split('.').map(Number));
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const lastColon = text.lastIndexOf(':');
  const tail = text.slice(lastColon + 1);
  const embedded = tail.includes('.') ? Buffer.from(tail.split('.').map(Number)) : undefined;
  const hex = embedded === undefined ? text : `${text.slice(0, lastColon + 1)}${hexPair(embedded)}`;
  const [head = '', rest] = hex.split('::');
  const before = groups(head);
  const after = rest === undefined ? [] : groups(rest);
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
  const bytes = Buffer.alloc(16);
  all.forEach((group, i) => void bytes.writeUInt16BE(group, i * 2));
  return bytes;
}

function hexPair(bytes: Buffer): string {
  return `${bytes.readUInt16BE(0).toString(16)}:${bytes.readUInt16BE(2).toString(16)}`;
}

function groups(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}

/** The canonical text (RFC 5952) of 4 or 16 bytes. An IPv4-mapped address is given as IPv4. */
export function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.readUInt32BE(0) === 0 && bytes.readUInt32BE(4) === 0 && bytes.readUInt32BE(8) === 0xffff) {
    return bytes.subarray(12).join('.');
  }
  const all = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2));
  const { start, length } = longestZeros(all);
  const text = (from: number, to: number) =>
    all
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return length < 2 ? text(0, 8) : `${text(0, start)}::${text(start + length, 8)}`;
}

function longestZeros(all: number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let i = 0; i < all.length; i++) {
    let end = i;
    while (end < all.length && all[end] === 0) end++;
    if (end - i > best.length) best = { start: i, length: end - i };
    i = Math.max(i, end - 1);
  }
  return best;
}

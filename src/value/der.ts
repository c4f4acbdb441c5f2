/** DER, as far as a certificate needs it: ASN.1 values as bytes, the inner ones first. */

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  sequence: 0x30,
  set: 0x31,
} as const;

/** A value under any tag, such as a context-specific one. */
export function tagged(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content]);
}

export const sequence = (...parts: Uint8Array[]): Buffer => tagged(TAG.sequence, ...parts);
export const set = (...parts: Uint8Array[]): Buffer => tagged(TAG.set, ...parts);
export const octets = (content: Uint8Array): Buffer => tagged(TAG.octetString, content);
export const utf8 = (text: string): Buffer => tagged(TAG.utf8, Buffer.from(text));
export const truth = (): Buffer => tagged(TAG.boolean, Buffer.from([0xff]));
/** All bits of whole bytes. */
export const bits = (content: Uint8Array): Buffer => tagged(TAG.bitString, Buffer.from([0]), content);

/** Up to eight flags, the first is the bit on the left; zeros at the end are not written. */
export function flagBits(flags: number): Buffer {
  let unused = 0;
  while (unused < 7 && ((flags >>> unused) & 1) === 0) unused++;
  return tagged(TAG.bitString, Buffer.from([unused, flags]));
}

/** A positive number of any size: a leading bit would make it negative. */
export function integer(bytes: Uint8Array): Buffer {
  return tagged(TAG.integer, ...(bytes[0]! >= 0x80 ? [Buffer.from([0])] : []), bytes);
}

/** Such as `2.5.29.17`. */
export function oid(text: string): Buffer {
  const [first, second, ...rest] = text.split('.').map(Number);
  const bytes = [first! * 40 + second!];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return tagged(TAG.oid, Buffer.from(bytes));
}

/** Of the years up to 2049. */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, '');
  return tagged(TAG.utcTime, Buffer.from(digits.slice(2)));
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes: number[] = [];
  for (let left = length; left > 0; left >>>= 8) bytes.unshift(left & 0xff);
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}

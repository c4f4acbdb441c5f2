/**
 * The Huffman code of RFC 7541 appendix B. It is a canonical code, so that the lengths alone define it: codes of one
 * length are consecutive numbers in the order of their symbols.
 */
import { ARENA } from '../../ground/arena.ts';

const EOS = 256;
const LONGEST = 30;

/** Code length of each octet, then of EOS. */
const LENGTHS: Uint8Array = Uint8Array.from([
  ...[13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28],
  ...[28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28],
  ...[6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6],
  ...[5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10],
  ...[13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7],
  ...[7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6],
  ...[15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5],
  ...[6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28],
  ...[20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23],
  ...[24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24],
  ...[22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23],
  ...[21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23],
  ...[26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25],
  ...[19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27],
  ...[20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23],
  ...[26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26],
  LONGEST,
]);

const CODES: Uint32Array = new Uint32Array(LENGTHS.length);
/** First code, number of codes, and where their symbols begin in SYMBOLS, for each length. */
const FIRST_CODE: Uint32Array = new Uint32Array(LONGEST + 1);
const CODE_COUNT: Uint32Array = new Uint32Array(LONGEST + 1);
const FIRST_SYMBOL: Uint32Array = new Uint32Array(LONGEST + 1);
const SYMBOLS: Uint16Array = new Uint16Array(LENGTHS.length);

/** Codes up to this length are found by one look: `length << 8 | symbol` for each value of the next bits, else 0. */
const LOOK = 10;
const LOOK_MASK = (1 << LOOK) - 1;
const LOOKUP: Uint16Array = new Uint16Array(1 << LOOK);

assignCodes();

function assignCodes(): void {
  let code = 0;
  let symbols = 0;
  for (let length = 1; length <= LONGEST; length++) {
    code <<= 1;
    FIRST_CODE[length] = code;
    FIRST_SYMBOL[length] = symbols;
    for (let symbol = 0; symbol <= EOS; symbol++) {
      if (LENGTHS[symbol] !== length) continue;
      CODES[symbol] = code;
      SYMBOLS[symbols++] = symbol;
      if (length <= LOOK) {
        const from = code << (LOOK - length);
        LOOKUP.fill((length << 8) | symbol, from, from + (1 << (LOOK - length)));
      }
      code++;
    }
    CODE_COUNT[length] = symbols - FIRST_SYMBOL[length]!;
  }
}

/**
 * Decodes ARENA[start,end) to ARENA from `to` and answers the byte after the text, or -1: EOS in the text, padding
 * of more than seven bits or of other bits than ones. At most `(end - start) * 8 / 5` bytes are written.
 */
export function huffmanDecode(start: number, end: number, to: number): number {
  let bits = 0;
  let have = 0;
  let at = start;
  while (at < end) {
    bits = (bits << 8) | ARENA[at++]!;
    have += 8;
    while (have >= LOOK) {
      const found = LOOKUP[(bits >>> (have - LOOK)) & LOOK_MASK]!;
      if (found === 0) {
        const next = longCode(at * 8 - have, end);
        if (next < 0) return -1;
        ARENA[to++] = longSymbol;
        at = (next + 7) >>> 3;
        have = at * 8 - next;
        bits = ARENA[at - 1]!;
      } else {
        ARENA[to++] = found & 0xff;
        have -= found >>> 8;
      }
    }
  }
  for (;;) {
    const missing = LOOK - have;
    const found = LOOKUP[((bits << missing) | ((1 << missing) - 1)) & LOOK_MASK]!;
    if (found === 0 || found >>> 8 > have) break;
    ARENA[to++] = found & 0xff;
    have -= found >>> 8;
  }
  const padding = (1 << have) - 1;
  return have < 8 && (bits & padding) === padding ? to : -1;
}

let longSymbol = 0;

/** Reads a code longer than LOOK bit by bit, from bit `from` of ARENA; answers the bit after it, or -1. */
function longCode(from: number, endByte: number): number {
  const end = Math.min(endByte * 8, from + LONGEST);
  let code = 0;
  for (let bit = from; bit < end; bit++) {
    code = (code << 1) | ((ARENA[bit >>> 3]! >>> (7 - (bit & 7))) & 1);
    const length = bit - from + 1;
    const offset = code - FIRST_CODE[length]!;
    if (offset < 0 || offset >= CODE_COUNT[length]!) continue;
    longSymbol = SYMBOLS[FIRST_SYMBOL[length]! + offset]!;
    return longSymbol === EOS ? -1 : bit + 1;
  }
  return -1;
}

/** Bytes that ARENA[start,end) takes in the Huffman code. */
export function huffmanLength(start: number, end: number): number {
  let bits = 0;
  for (let i = start; i < end; i++) bits += LENGTHS[ARENA[i]!]!;
  return (bits + 7) >>> 3;
}

/** Encodes ARENA[start,end) to the beginning of `target`; answers the number of bytes. */
export function huffmanEncode(start: number, end: number, target: Uint8Array): number {
  let bits = 0;
  let have = 0;
  let out = 0;
  for (let i = start; i < end; i++) {
    let length = LENGTHS[ARENA[i]!]!;
    let code = CODES[ARENA[i]!]!;
    if (length > 16) {
      // In two parts, so that 7 bits left over and a part fit 32 bits.
      length -= 16;
      bits = (bits << length) | (code >>> 16);
      for (have += length; have >= 8; have -= 8) target[out++] = bits >>> (have - 8);
      code &= 0xffff;
      length = 16;
    }
    bits = (bits << length) | code;
    for (have += length; have >= 8; have -= 8) target[out++] = bits >>> (have - 8);
  }
  if (have > 0) target[out++] = (bits << (8 - have)) | ((1 << (8 - have)) - 1);
  return out;
}

/**
 * Base64 of a stream that comes in pieces cut anywhere. Each flush of a sender may be padded for itself (gRPC-Web
 * text), so that padding may stand between groups and not only at the end.
 */
import { ARENA } from '../ground/arena.ts';

const NONE = 255;
const PAD = 0x3d;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUES: Uint8Array = new Uint8Array(256).fill(NONE);
for (let i = 0; i < ALPHABET.length; i++) VALUES[ALPHABET.charCodeAt(i)] = i;

/** The group's second padding character is to come. */
const SECOND_PAD = -1;

export class Base64Decoder {
  /** Characters of the group so far, or SECOND_PAD. */
  #at = 0;
  /** Bits that do not make up a byte yet. */
  #bits = 0;

  /** Decodes ARENA[start,end) in place; answers the end of the bytes, or -1 where the text is not base64. */
  decode(start: number, end: number): number {
    let to = start;
    for (let from = start; from < end; from++) {
      const c = ARENA[from]!;
      const value = VALUES[c]!;
      if (value === NONE) {
        if (c !== PAD || !this.#pad()) return -1;
        continue;
      }
      if (this.#at === SECOND_PAD) return -1;
      const bits = (this.#bits << 6) | value;
      switch (this.#at++) {
        case 0:
          this.#bits = value;
          break;
        case 1:
          ARENA[to++] = bits >> 4;
          this.#bits = bits & 0xf;
          break;
        case 2:
          ARENA[to++] = bits >> 2;
          this.#bits = bits & 0x3;
          break;
        default:
          ARENA[to++] = bits;
          this.#bits = this.#at = 0;
      }
    }
    return to;
  }

  /** The text so far ends with a whole group. */
  get complete(): boolean {
    return this.#at === 0;
  }

  /** RFC 4648 3.5: bits that padding leaves over must be zero. */
  #pad(): boolean {
    const at = this.#at;
    if (this.#bits !== 0 || at === 0 || at === 1) return false;
    this.#at = at === 2 ? SECOND_PAD : 0;
    return true;
  }
}

const NOTHING: Buffer = Buffer.alloc(0);

export class Base64Encoder {
  /** Bytes that do not make up a group yet: two at most. */
  #rest: Buffer = NOTHING;

  /** The text of all whole groups so far. */
  encode(bytes: Uint8Array): Buffer {
    const all = Buffer.concat([this.#rest, bytes]);
    const whole = all.length - (all.length % 3);
    this.#rest = all.subarray(whole);
    return Buffer.from(all.toString('base64', 0, whole), 'latin1');
  }

  /** What is left, padded; empty where there is nothing. */
  finish(): Buffer {
    const text = Buffer.from(this.#rest.toString('base64'), 'latin1');
    this.#rest = NOTHING;
    return text;
  }
}

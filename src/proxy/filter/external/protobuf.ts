/** As much of the wire format of protocol buffers as the messages of ext_authz need. */

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
/** Bytes of a varint of 64 bits. */
const LONGEST_VARINT = 10;

export class MessageWriter {
  readonly #pieces: Buffer[] = [];
  #length = 0;

  /** A field without its value is not written, as proto3 has it. */
  text(field: number, value: string | Buffer): this {
    const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
    return bytes.length === 0 ? this : this.#bytes(field, bytes);
  }

  integer(field: number, value: number): this {
    if (value === 0) return this;
    this.#push(varint((field << 3) | VARINT));
    // A negative number has all ten bytes of its 64 bits.
    this.#push(varint(value));
    return this;
  }

  message(field: number, message: MessageWriter): this {
    return this.#bytes(field, message.finish());
  }

  finish(): Buffer {
    return Buffer.concat(this.#pieces, this.#length);
  }

  #bytes(field: number, bytes: Buffer): this {
    this.#push(varint((field << 3) | BYTES));
    this.#push(varint(bytes.length));
    this.#push(bytes);
    return this;
  }

  #push(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
  }
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest === 0n ? low : low | 0x80);
  } while (rest !== 0n);
  return Buffer.from(bytes);
}

/** One field of a message: a number for what is an integer, bytes for what has a length. */
export interface MessageField {
  readonly number: number;
  readonly value: number | Buffer;
}

/** Throws a RangeError for what is no message. Fixed numbers, which none of the messages has, are passed over. */
export function* readMessage(bytes: Buffer): Generator<MessageField> {
  let at = 0;
  const next = (): number => {
    let value = 0;
    for (let i = 0; i < LONGEST_VARINT; i++) {
      const byte = bytes[at++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw new RangeError('a number of the message does not end');
  };
  while (at < bytes.length) {
    const tag = next();
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case VARINT:
        yield { number, value: next() };
        break;
      case BYTES: {
        const length = next();
        if (at + length > bytes.length) throw new RangeError('a field of the message does not end');
        yield { number, value: bytes.subarray(at, at + length) };
        at += length;
        break;
      }
      case FIXED64:
      case FIXED32:
        at += tag % 8 === FIXED64 ? 8 : 4;
        if (at > bytes.length) throw new RangeError('a field of the message does not end');
        break;
      default:
        throw new RangeError('a field of the message has no known form');
    }
  }
}

export function bytesOf({ value }: MessageField): Buffer {
  if (typeof value === 'number') throw new RangeError('a field of the message is a number');
  return value;
}

export function textOf(field: MessageField): string {
  return bytesOf(field).toString('utf8');
}

export function numberOf({ value }: MessageField): number {
  if (typeof value !== 'number') throw new RangeError('a field of the message is no number');
  return value;
}

/**
 * Reads the server name and ALPN from a TLS ClientHello without ending TLS. The bytes are kept as they came, so
 * that they can be passed on untouched. With Encrypted ClientHello the name is that of the outer hello.
 *
 * Every byte is looked at once however the hello is cut into reads and records, so a client that sends it byte by
 * byte costs no more than one that sends it whole.
 */
import { parseClientHello } from './hello-body.ts';
import type { HelloOutcome } from './hello-outcome.ts';

/** Most bytes, record headers included, that are read while waiting for the end of a ClientHello. */
export const MAX_HELLO_BYTES = 64 * 1024;

const RECORD_HEADER = 5;
const HANDSHAKE_HEADER = 4;
const CONTENT_HANDSHAKE = 22;
const CLIENT_HELLO = 1;
/** RFC 8446, 5.1: a record of plain text holds at most 2^14 bytes. */
const MAX_RECORD = 16384;
const EMPTY: Buffer<ArrayBuffer> = Buffer.alloc(0);
const INCOMPLETE: HelloOutcome = { kind: 'incomplete' };

export class HelloReader {
  readonly #limit: number;
  #raw = EMPTY;
  #rawLength = 0;
  /** The handshake message without record headers. */
  #message = EMPTY;
  #messageLength = 0;
  #header = EMPTY;
  #headerLength = 0;
  /** Bytes of the current record still to come. */
  #recordLeft = 0;
  #outcome: HelloOutcome = INCOMPLETE;

  constructor(limit = MAX_HELLO_BYTES) {
    this.#limit = limit;
  }

  /** Takes bytes[start,end) and says what is known now. Once the outcome is known, more bytes are only kept. */
  push(bytes: Uint8Array, start: number, end: number): HelloOutcome {
    if (this.#rawLength === 0) {
      const length = wholeHello(bytes, start, end);
      if (length > 0 && length <= this.#limit) return this.#takeWhole(bytes, { start, end, length });
    }
    this.#keep(bytes, start, end);
    if (this.#outcome.kind !== 'incomplete') return this.#outcome;
    for (let at = start; at < end && this.#outcome.kind === 'incomplete'; ) {
      at = this.#recordLeft > 0 ? this.#takeBody(bytes, at, end) : this.#takeHeader(bytes, at);
    }
    if (this.#outcome.kind === 'incomplete' && this.#rawLength >= this.#limit) {
      this.#outcome = { kind: 'too-large', reason: `no whole ClientHello in ${this.#limit} bytes` };
    }
    return this.#outcome;
  }

  /** All bytes so far. They stay as they are; further ones come behind them. */
  get bytes(): Buffer {
    return this.#raw.length === this.#rawLength ? this.#raw : this.#raw.subarray(0, this.#rawLength);
  }

  /** Some of it has come. */
  get begun(): boolean {
    return this.#rawLength > 0;
  }

  /** Memory that the reader holds, in bytes. */
  get held(): number {
    return this.#raw.length + this.#message.length;
  }

  /** Nearly every hello comes in one record and one read. */
  #takeWhole(bytes: Uint8Array, at: { start: number; end: number; length: number }): HelloOutcome {
    this.#rawLength = at.end - at.start;
    // Of its own: Node keeps a few bytes of the pool for each TLS connection, and with them all that lies between.
    this.#raw = Buffer.allocUnsafeSlow(this.#rawLength);
    this.#raw.set(bytes.subarray(at.start, at.end));
    return (this.#outcome = parseClientHello(this.#raw, RECORD_HEADER + HANDSHAKE_HEADER, at.length));
  }

  #keep(bytes: Uint8Array, start: number, end: number): void {
    this.#raw = grown(this.#raw, this.#rawLength, end - start);
    this.#raw.set(bytes.subarray(start, end), this.#rawLength);
    this.#rawLength += end - start;
  }

  #takeHeader(bytes: Uint8Array, at: number): number {
    if (this.#header === EMPTY) this.#header = Buffer.alloc(RECORD_HEADER);
    const header = this.#header;
    header[this.#headerLength++] = bytes[at]!;
    if (header[0] !== CONTENT_HANDSHAKE) {
      const first = this.#rawLength > 0 && this.#messageLength === 0;
      this.#outcome = first
        ? { kind: 'not-tls', http: header[0]! >= 0x41 && header[0]! <= 0x5a }
        : malformed('another record type inside the ClientHello');
    } else if (this.#headerLength === 2 && header[1] !== 3) {
      this.#outcome = malformed('record version is not 3.x');
    } else if (this.#headerLength === RECORD_HEADER) {
      this.#recordLeft = header.readUInt16BE(3);
      this.#headerLength = 0;
      // RFC 8446, 5.1: fragments of handshake messages are never empty.
      if (this.#recordLeft === 0) this.#outcome = malformed('empty handshake record');
      else if (this.#recordLeft > MAX_RECORD) this.#outcome = malformed('record longer than 16384 bytes');
    }
    return at + 1;
  }

  #takeBody(bytes: Uint8Array, at: number, end: number): number {
    const take = Math.min(this.#recordLeft, end - at);
    this.#message = grown(this.#message, this.#messageLength, take);
    this.#message.set(bytes.subarray(at, at + take), this.#messageLength);
    this.#messageLength += take;
    this.#recordLeft -= take;
    this.#examine();
    return at + take;
  }

  #examine(): void {
    const message = this.#message;
    if (message[0] !== CLIENT_HELLO) {
      this.#outcome = malformed('the first handshake message is not a ClientHello');
      return;
    }
    if (this.#messageLength < HANDSHAKE_HEADER) return;
    const end = HANDSHAKE_HEADER + message.readUIntBE(1, 3);
    // The record headers come on top, so a message of the limit's size can never fit.
    if (end > this.#limit - RECORD_HEADER) {
      this.#outcome = { kind: 'too-large', reason: `a ClientHello of ${end} bytes` };
    } else if (this.#messageLength >= end) {
      this.#outcome = parseClientHello(message, HANDSHAKE_HEADER, end);
    }
  }
}

/** The length of a ClientHello with its header, where bytes[start,end) begin with one in one record; else 0. */
function wholeHello(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < RECORD_HEADER + HANDSHAKE_HEADER) return 0;
  if (bytes[start] !== CONTENT_HANDSHAKE || bytes[start + 1] !== 3 || bytes[start + RECORD_HEADER] !== CLIENT_HELLO)
    return 0;
  const record = (bytes[start + 3]! << 8) | bytes[start + 4]!;
  const body = (bytes[start + 6]! << 16) | (bytes[start + 7]! << 8) | bytes[start + 8]!;
  const length = RECORD_HEADER + HANDSHAKE_HEADER + body;
  return record <= MAX_RECORD && HANDSHAKE_HEADER + body <= record && length <= end - start ? length : 0;
}

function malformed(reason: string): HelloOutcome {
  return { kind: 'malformed', reason };
}

function grown(buffer: Buffer, length: number, more: number): Buffer<ArrayBuffer> {
  if (length + more <= buffer.length) return buffer as Buffer<ArrayBuffer>;
  const larger = Buffer.allocUnsafeSlow(Math.max(length + more, buffer.length * 2));
  larger.set(buffer.subarray(0, length));
  return larger;
}

/**
 * The body of a ClientHello (RFC 8446, 4.1.2), its server_name (RFC 6066, 3) and ALPN (RFC 7301) extensions, and what it
 * offers to resume.
 */
import type { HelloOutcome } from './hello-outcome.ts';

const EXTENSION_SERVER_NAME = 0;
const EXTENSION_ALPN = 16;
/** RFC 5077: a ticket of TLS 1.2. */
const EXTENSION_SESSION_TICKET = 35;
/** RFC 8446, 4.2.11: tickets of TLS 1.3. */
const EXTENSION_PRE_SHARED_KEY = 41;
const NAME_TYPE_HOST = 0;
const MAX_HOSTNAME = 253;
const MAX_LABEL = 63;

class Malformed extends Error {}

/** Reads big-endian vectors, and refuses to read past their end. */
class Reader {
  readonly #bytes: Buffer;
  #at: number;
  readonly #end: number;

  /** Of bytes[at,end). */
  constructor(bytes: Buffer, at: number, end: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  uint(size: 1 | 2): number {
    const at = this.#take(size);
    const bytes = this.#bytes;
    return size === 1 ? bytes[at]! : (bytes[at]! << 8) | bytes[at + 1]!;
  }

  skip(length: number): void {
    this.#take(length);
  }

  /** Goes over a vector, and says how long it is. */
  skipVector(size: 1 | 2): number {
    const length = this.uint(size);
    this.#take(length);
    return length;
  }

  /** A vector with a length of `size` bytes before it. */
  vector(size: 1 | 2): Buffer {
    const length = this.uint(size);
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** What is in such a vector, to be read. */
  inner(size: 1 | 2): Reader {
    const length = this.uint(size);
    const at = this.#take(length);
    return new Reader(this.#bytes, at, at + length);
  }

  /** All that is left, as text. */
  text(): string {
    return this.#bytes.latin1Slice(this.#at, this.#end);
  }

  #take(length: number): number {
    if (length > this.left) throw new Malformed('a length reaches past the end');
    const at = this.#at;
    this.#at += length;
    return at;
  }
}

/** Of bytes[start,end). */
export function parseClientHello(bytes: Buffer, start: number, end: number): HelloOutcome {
  try {
    return readBody(new Reader(bytes, start, end));
  } catch (error) {
    if (error instanceof Malformed) return { kind: 'malformed', reason: error.message };
    throw error;
  }
}

function readBody(body: Reader): HelloOutcome {
  if (body.uint(2) >> 8 !== 3) throw new Malformed('legacy_version is not 3.x');
  body.skip(32);
  if (body.skipVector(1) > 32) throw new Malformed('session id longer than 32 bytes');
  const ciphers = body.skipVector(2);
  if (ciphers < 2 || ciphers % 2 !== 0) throw new Malformed('cipher suites are empty or odd');
  if (body.skipVector(1) < 1) throw new Malformed('no compression method');
  let serverName: string | undefined;
  let alpn: string[] | undefined;
  let tickets: Buffer | undefined;
  if (body.left > 0) {
    const extensions = body.inner(2);
    if (body.left > 0) throw new Malformed('bytes after the extensions');
    while (extensions.left > 0) {
      const type = extensions.uint(2);
      if (type === EXTENSION_SERVER_NAME) serverName = once(serverName, readServerName(extensions.inner(2)));
      else if (type === EXTENSION_ALPN) alpn = once(alpn, readAlpn(extensions.inner(2)));
      else if (type === EXTENSION_SESSION_TICKET || type === EXTENSION_PRE_SHARED_KEY)
        tickets = both(tickets, extensions.vector(2));
      else extensions.skipVector(2);
    }
  }
  return { kind: 'hello', serverName: serverName ?? '', alpn: alpn ?? [], tickets };
}

/** Clients say that they take tickets by a ticket of no bytes. */
function both(earlier: Buffer | undefined, more: Buffer): Buffer | undefined {
  if (more.length === 0) return earlier;
  return earlier === undefined ? more : Buffer.concat([earlier, more]);
}

function once<T>(earlier: T | undefined, value: T): T {
  if (earlier !== undefined) throw new Malformed('an extension occurs twice');
  return value;
}

function readServerName(outer: Reader): string {
  const list = outer.inner(2);
  if (outer.left > 0) throw new Malformed('bytes after the server name list');
  // RFC 6066 allows one name of each type, and defines only host_name: so there is exactly one entry.
  if (list.uint(1) !== NAME_TYPE_HOST) throw new Malformed('a server name that is not a host name');
  const name = list.inner(2);
  if (list.left > 0) throw new Malformed('more than one server name');
  return hostname(name.text());
}

/**
 * Letters, digits, hyphen, underscore; no empty label. Lower case. A dot at the end is there against RFC 6066, but means
 * the same name, and some clients send the name as it stands in their URL.
 */
function hostname(name: string): string {
  if (name.length === 0 || name.length > MAX_HOSTNAME) throw new Malformed('server name is empty or too long');
  let label = 0;
  let upper = false;
  for (let at = 0; at < name.length; at++) {
    const byte = name.charCodeAt(at);
    if (byte === 0x2e) {
      if (label === 0) throw new Malformed('server name has an empty label');
      label = 0;
      continue;
    }
    const letter = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
    const digit = byte >= 0x30 && byte <= 0x39;
    if (!letter && !digit && byte !== 0x2d && byte !== 0x5f)
      throw new Malformed('server name has a character it may not');
    upper ||= letter && byte < 0x61;
    if (++label > MAX_LABEL) throw new Malformed('server name has a label longer than 63');
  }
  const known = label === 0 ? name.slice(0, -1) : name;
  return upper ? known.toLowerCase() : known;
}

function readAlpn(outer: Reader): string[] {
  const list = outer.inner(2);
  if (outer.left > 0) throw new Malformed('bytes after the ALPN list');
  const names: string[] = [];
  do {
    const name = list.inner(1);
    if (name.left === 0) throw new Malformed('an empty ALPN name');
    names.push(name.text());
  } while (list.left > 0);
  return names;
}

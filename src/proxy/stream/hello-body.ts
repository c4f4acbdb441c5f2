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
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
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

  #take(length: number): number {
    if (length > this.left) throw new Malformed('a length reaches past the end');
    const at = this.#at;
    this.#at += length;
    return at;
  }
}

export function parseClientHello(body: Buffer): HelloOutcome {
  try {
    return readBody(new Reader(body));
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
    const extensions = new Reader(body.vector(2));
    if (body.left > 0) throw new Malformed('bytes after the extensions');
    while (extensions.left > 0) {
      const type = extensions.uint(2);
      if (type === EXTENSION_SERVER_NAME) serverName = once(serverName, readServerName(extensions.vector(2)));
      else if (type === EXTENSION_ALPN) alpn = once(alpn, readAlpn(extensions.vector(2)));
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

function readServerName(data: Buffer): string {
  const outer = new Reader(data);
  const list = new Reader(outer.vector(2));
  if (outer.left > 0) throw new Malformed('bytes after the server name list');
  // RFC 6066 allows one name of each type, and defines only host_name: so there is exactly one entry.
  if (list.uint(1) !== NAME_TYPE_HOST) throw new Malformed('a server name that is not a host name');
  const name = list.vector(2);
  if (list.left > 0) throw new Malformed('more than one server name');
  return hostname(name);
}

/**
 * Letters, digits, hyphen, underscore; no empty label. Lower case. A dot at the end is there against RFC 6066, but means
 * the same name, and some clients send the name as it stands in their URL.
 */
function hostname(name: Buffer): string {
  if (name.length === 0 || name.length > MAX_HOSTNAME) throw new Malformed('server name is empty or too long');
  let label = 0;
  for (const byte of name) {
    if (byte === 0x2e) {
      if (label === 0) throw new Malformed('server name has an empty label');
      label = 0;
      continue;
    }
    const letter = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
    const digit = byte >= 0x30 && byte <= 0x39;
    if (!letter && !digit && byte !== 0x2d && byte !== 0x5f)
      throw new Malformed('server name has a character it may not');
    if (++label > MAX_LABEL) throw new Malformed('server name has a label longer than 63');
  }
  return name.latin1Slice(0, label === 0 ? name.length - 1 : name.length).toLowerCase();
}

function readAlpn(data: Buffer): string[] {
  const outer = new Reader(data);
  const list = new Reader(outer.vector(2));
  if (outer.left > 0) throw new Malformed('bytes after the ALPN list');
  const names: string[] = [];
  do {
    const name = list.vector(1);
    if (name.length === 0) throw new Malformed('an empty ALPN name');
    names.push(name.latin1Slice());
  } while (list.left > 0);
  return names;
}

/**
 * A message head in HTTP/1.1 form: bytes in ARENA plus a table of offsets. Parsers fill it, routing, filters and
 * composing read it. HTTP/2 decoders write the same form, so that nothing after the codec knows the difference.
 * All offsets are absolute in ARENA and valid only during the call that hands the head over.
 */
import { ARENA } from './arena.ts';

/** Room for the header lines of one head: no limit for them can be set higher (431, and 502 for answers). */
export const MAX_FIELDS = 1024;

/** Numbers for each field in `fields`, at index × FIELD_STRIDE. */
export const FIELD_STRIDE = 5;
export const NAME_START = 0;
export const NAME_END = 1;
export const VALUE_START = 2;
/** Trailing white space excluded. */
export const VALUE_END = 3;
/** `fieldHash` of the name. */
export const NAME_HASH = 4;

/** Why a field line is not copied when the head is forwarded. */
export const FIELD_KEPT = 0;
/** Connection, Keep-Alive, TE, Transfer-Encoding, Upgrade, Proxy-Connection, and what Connection names. */
export const FIELD_HOP_BY_HOP = 1;
/** Lines the proxy writes itself: Host, X-Forwarded-*, X-Request-Id, Via, Expect. */
export const FIELD_MANAGED = 2;
/** Lines that a gateway writes and clients may not (gateway-line.ts): kept where they come from a trusted hop. */
export const FIELD_CLAIMED = 3;
/** Lines that filters wrote before the route was chosen: all see them, and the patch that wrote them sends them on. */
export const FIELD_WRITTEN = 4;

/** In the place of a line's `fieldHash`: no name has it, so that nobody finds what the backend is not told either. */
export const NO_NAME = 0;

export const SCHEME_NONE = 0;
export const SCHEME_HTTP = 1;
export const SCHEME_HTTPS = 2;
export type Scheme = typeof SCHEME_NONE | typeof SCHEME_HTTP | typeof SCHEME_HTTPS;

/** Options of Connection that the proxy acts on, as bits. */
export const OPTION_CLOSE = 1;
export const OPTION_KEEP_ALIVE = 2;
export const OPTION_UPGRADE = 4;

/** 32-bit FNV-1a over the lower-cased name; `nameHash('Host') === nameHash('host')`. */
export function nameHash(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) {
    let c = name.charCodeAt(i);
    if (c >= 65 && c <= 90) c |= 32;
    hash = Math.imul(hash ^ c, 0x01000193);
  }
  return hash >>> 0;
}

/** What a name may have beside letters, digits and '-'. */
const MARKS = /[!#$%&'*+.^_`|~]/g;

/**
 * With '-' for each other mark: CGI-like backends take '-' and '_' for the same, PHP '.' too, and some servers all marks
 * (docs/decisions/gateway-lines.md).
 */
export function foldedName(name: string): string {
  return name.replace(MARKS, '-');
}

/** As `nameHash`, of the folded name: whoever drops a line drops it in every spelling. */
export function fieldHash(name: string): number {
  return nameHash(foldedName(name));
}

declare const judged: unique symbol;
/** A table that a parser has filled and found sound: what it answers, and the only thing that is acted upon. */
export type Head = HeadTable & { readonly [judged]: true };

export class HeadTable {
  /** First byte of the head, and the byte after its blank line. */
  start = 0;
  end = 0;
  /** 0 for HTTP/1.0, 1 for HTTP/1.1 (and for heads decoded from HTTP/2). */
  minorVersion = 1;

  // Request line. `target` as received; `path` is the target without authority and query. Only where pathStart is
  // targetStart may the target be sent on as it is; an absolute one is put together again from path and query.
  methodStart = 0;
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  pathStart = 0;
  pathEnd = 0;
  /** The path is in the form of path-form.ts; only then is it matched, unless the listener keeps paths as they came. */
  pathNormal = true;
  /** Without the '?'; both 0 where there is no query. */
  queryStart = 0;
  queryEnd = 0;
  /** Host with port, as received, from the target or else Host; both 0 where the request has none (HTTP/1.0). */
  authorityStart = 0;
  authorityEnd = 0;
  /** The same without port and without the final dot of a fully qualified name (case kept). */
  hostStart = 0;
  hostEnd = 0;
  /** `nameHash` of ARENA[hostStart,hostEnd). */
  hostHash = 0;
  /** Port in Host or :authority, or 0. */
  hostPort = 0;
  /** Of a target that is a URL, else SCHEME_NONE. */
  scheme: Scheme = SCHEME_NONE;

  /** Status line of a response; 0 for requests. */
  status = 0;
  reasonStart = 0;
  reasonEnd = 0;

  /** Number of field lines. */
  count = 0;
  /** Most that a parser enters; for whoever has it parse to set. */
  most: number = MAX_FIELDS;
  readonly fields: Uint32Array = new Uint32Array(MAX_FIELDS * FIELD_STRIDE);
  /** FIELD_KEPT, FIELD_HOP_BY_HOP, FIELD_MANAGED, FIELD_CLAIMED or FIELD_WRITTEN for each field. */
  readonly drop: Uint8Array = new Uint8Array(MAX_FIELDS);

  /** Index of the first field of this name, or -1. */
  hostField = -1;
  contentLengthField = -1;
  requestIdField = -1;
  forwardedForField = -1;
  /** CDN-Loop. */
  loopField = -1;

  /** OPTION_CLOSE, OPTION_KEEP_ALIVE and OPTION_UPGRADE, as Connection has them. */
  options = 0;
  /** Content-Length, or -1. */
  contentLength = -1;
  chunked = false;
  /** The sender keeps the connection open after this message. */
  keepAlive = true;
  /** `Connection: upgrade` with an Upgrade field that may be followed: its value's offsets, or both 0. */
  upgradeStart = 0;
  upgradeEnd = 0;
  /** `Expect: 100-continue` in an HTTP/1.1 request that has a body. */
  expectContinue = false;
  /** `TE: trailers` was asked for. */
  acceptsTrailers = false;

  /** Back to how a head is before its first line is read. `fields` and `drop` count up to `count` only. */
  reset(start: number): void {
    this.start = this.end = start;
    this.minorVersion = 1;
    this.methodStart = this.methodEnd = this.targetStart = this.targetEnd = 0;
    this.pathStart = this.pathEnd = this.queryStart = this.queryEnd = 0;
    this.authorityStart = this.authorityEnd = this.hostStart = this.hostEnd = 0;
    this.hostHash = this.hostPort = 0;
    this.scheme = SCHEME_NONE;
    this.pathNormal = true;
    this.status = this.reasonStart = this.reasonEnd = 0;
    this.count = this.options = 0;
    this.hostField = this.contentLengthField = this.requestIdField = this.forwardedForField = -1;
    this.loopField = this.contentLength = -1;
    this.chunked = this.expectContinue = this.acceptsTrailers = false;
    this.keepAlive = true;
    this.upgradeStart = this.upgradeEnd = 0;
  }

  /** Index of the first field of this name from index `from`, or -1. `name` must be lower case. */
  find(name: string, hash: number, from = 0): number {
    for (let i = from; i < this.count; i++) {
      const at = i * FIELD_STRIDE;
      if (
        this.fields[at + NAME_HASH] === hash &&
        sameName(this.fields[at + NAME_START]!, this.fields[at + NAME_END]!, name)
      ) {
        return i;
      }
    }
    return -1;
  }

  /** Value of field `index` as a string. For what is not on the hot path. */
  value(index: number): string {
    const at = index * FIELD_STRIDE;
    return ARENA.latin1Slice(this.fields[at + VALUE_START]!, this.fields[at + VALUE_END]!);
  }

  /** All lines of a name as one value; undefined: there is none. For what is not on the hot path. */
  joined(name: string, hash: number, between = ','): string | undefined {
    let value: string | undefined;
    for (let i = this.find(name, hash); i >= 0; i = this.find(name, hash, i + 1)) {
      value = value === undefined ? this.value(i) : `${value}${between}${this.value(i)}`;
    }
    return value;
  }

  method(): string {
    return ARENA.latin1Slice(this.methodStart, this.methodEnd);
  }

  path(): string {
    return ARENA.latin1Slice(this.pathStart, this.pathEnd);
  }

  query(): string {
    return ARENA.latin1Slice(this.queryStart, this.queryEnd);
  }

  /** Path and query as they were asked for: an empty query is one. */
  target(): string {
    return this.queryEnd === 0 ? this.path() : `${this.path()}?${this.query()}`;
  }

  host(): string {
    return ARENA.latin1Slice(this.hostStart, this.hostEnd).toLowerCase();
  }
}

/** In the place of a head whose lines are not believed. */
export const NO_FIELDS: Head = new HeadTable() as Head;

// An imported binding is read from a cell at every use, a local one is folded into the code.
const bytes = ARENA;

/** The request's method is HEAD: its response has no body, whatever its head says. */
export function isHeadMethod({ methodStart: at, methodEnd }: Head): boolean {
  return (
    methodEnd - at === 4 &&
    bytes[at] === 0x48 &&
    bytes[at + 1] === 0x45 &&
    bytes[at + 2] === 0x41 &&
    bytes[at + 3] === 0x44
  );
}

/** For each octet of a token its lower-case form, and '-' for all that is no letter or digit. */
export const FOLDED: Uint8Array = Uint8Array.from({ length: 256 }, (_, octet) =>
  foldedName(String.fromCharCode(octet)).toLowerCase().charCodeAt(0),
);

const folded = FOLDED;

/** As `sameName`, with any mark for any other. */
export function imitatesName(start: number, end: number, name: string): boolean {
  if (end - start !== name.length) return false;
  for (let i = 0; i < name.length; i++) {
    if (folded[bytes[start + i]!] !== folded[name.charCodeAt(i)]) return false;
  }
  return true;
}

/** ARENA[start,end) equals `name`, ASCII case ignored. `name` must be lower case. */
export function sameName(start: number, end: number, name: string): boolean {
  if (end - start !== name.length) return false;
  for (let i = 0; i < name.length; i++) {
    let c = bytes[start + i]!;
    if (c >= 65 && c <= 90) c |= 32;
    if (c !== name.charCodeAt(i)) return false;
  }
  return true;
}

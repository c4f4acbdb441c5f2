/**
 * A message head in HTTP/1.1 form: bytes in ARENA plus a table of offsets. Parsers fill it, routing, filters and
 * composing read it. HTTP/2 decoders write the same form, so that nothing after the codec knows the difference.
 * All offsets are absolute in ARENA and valid only during the call that hands the head over.
 */
import { ARENA } from './arena.ts';

/** Most header lines of one head; more is refused (431). */
export const MAX_FIELDS = 128;

/** Numbers for each field in `fields`, at index × FIELD_STRIDE. */
export const FIELD_STRIDE = 5;
export const NAME_START = 0;
export const NAME_END = 1;
export const VALUE_START = 2;
/** Trailing white space excluded. */
export const VALUE_END = 3;
/** `nameHash` of the name. */
export const NAME_HASH = 4;

/** Why a field line is not copied when the head is forwarded. */
export const FIELD_KEPT = 0;
/** Connection, Keep-Alive, TE, Transfer-Encoding, Upgrade, Proxy-Connection, and what Connection names. */
export const FIELD_HOP_BY_HOP = 1;
/** Lines the proxy writes itself: Host, X-Forwarded-*, X-Request-Id, Via, Expect. */
export const FIELD_MANAGED = 2;

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

export class Head {
  /** First byte of the head, and the byte after its blank line. */
  start = 0;
  end = 0;
  /** 0 for HTTP/1.0, 1 for HTTP/1.1 (and for heads decoded from HTTP/2). */
  minorVersion = 1;

  // Request line. `target` as received; `path` is the target without authority, query and fragment.
  methodStart = 0;
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  pathStart = 0;
  pathEnd = 0;
  /** Without the '?'; both 0 where there is no query. */
  queryStart = 0;
  queryEnd = 0;
  /** Host without port, as received (case kept); both 0 where the request has none (HTTP/1.0). */
  hostStart = 0;
  hostEnd = 0;
  /** `nameHash` of the host without port. */
  hostHash = 0;
  /** Port in Host or :authority, or 0. */
  hostPort = 0;

  /** Status line of a response; 0 for requests. */
  status = 0;
  reasonStart = 0;
  reasonEnd = 0;

  /** Number of field lines. */
  count = 0;
  readonly fields: Uint32Array = new Uint32Array(MAX_FIELDS * FIELD_STRIDE);
  /** FIELD_KEPT, FIELD_HOP_BY_HOP or FIELD_MANAGED for each field. */
  readonly drop: Uint8Array = new Uint8Array(MAX_FIELDS);

  /** Content-Length, or -1. */
  contentLength = -1;
  chunked = false;
  /** The sender keeps the connection open after this message. */
  keepAlive = true;
  /** `Connection: upgrade` with an Upgrade field: its value's offsets, or both 0. */
  upgradeStart = 0;
  upgradeEnd = 0;
  expectContinue = false;
  /** `TE: trailers` was asked for. */
  acceptsTrailers = false;

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

  method(): string {
    return ARENA.latin1Slice(this.methodStart, this.methodEnd);
  }

  path(): string {
    return ARENA.latin1Slice(this.pathStart, this.pathEnd);
  }

  host(): string {
    return ARENA.latin1Slice(this.hostStart, this.hostEnd).toLowerCase();
  }
}

/** ARENA[start,end) equals `name`, ASCII case ignored. `name` must be lower case. */
export function sameName(start: number, end: number, name: string): boolean {
  if (end - start !== name.length) return false;
  for (let i = 0; i < name.length; i++) {
    let c = ARENA[start + i]!;
    if (c >= 65 && c <= 90) c |= 32;
    if (c !== name.charCodeAt(i)) return false;
  }
  return true;
}

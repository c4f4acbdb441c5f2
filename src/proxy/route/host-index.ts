/**
 * Things by hostname, most specific first: the exact name, then wildcards from the longest suffix to the shortest,
 * then what names no host. `*.example.com` takes `a.example.com` and `a.b.example.com`, not `example.com`.
 */
import { ARENA } from '../ground/arena.ts';
import { type Head, nameHash } from '../ground/head.ts';
import { ByteMap, FNV_BASIS, type ReadonlyByteMap } from '../match/byte-map.ts';

/** The hostname that takes any host, and requests without one. */
export const ANY_HOST = '*';

/** A hostname has at most 253 characters, so a wildcard's suffix at most 126 dots: more of a host need not be read. */
const MAX_DOTS = 128;
const DOT = 46;

/** Where the suffixes of the host being looked up start, shortest first, and their hashes. Filled by `readSuffixes`. */
const suffixStarts = new Uint32Array(MAX_DOTS);
const suffixHashes = new Int32Array(MAX_DOTS);

/** Immutable: a change gives the next index, which shares what did not change. */
export class HostIndex<T> {
  readonly exact: ReadonlyByteMap<T>;
  readonly wildcards: ReadonlyByteMap<T>;
  readonly any: T | undefined;

  /** Keys are lower-case hostnames, `*.suffix`, or ANY_HOST. `last` and the changes to it; undefined removes a name. */
  constructor(changes: ReadonlyMap<string, T | undefined>, last?: HostIndex<T>) {
    let exact: ByteMap<T> | undefined;
    let wildcards: ByteMap<T> | undefined;
    let any = last?.any;
    for (const [name, value] of changes) {
      if (name === ANY_HOST) any = value;
      else if (name.startsWith('*.')) {
        wildcards ??= last?.wildcards.copy() ?? new ByteMap(true);
        put(wildcards, backwardHash(name.slice(1)), { key: name.slice(1), value });
      } else {
        exact ??= last?.exact.copy() ?? new ByteMap(true);
        put(exact, nameHash(name), { key: name, value });
      }
    }
    this.exact = exact ?? last?.exact ?? new ByteMap(true);
    this.wildcards = wildcards ?? last?.wildcards ?? new ByteMap(true);
    this.any = any;
  }

  values(): T[] {
    return [...this.exact.values(), ...this.wildcards.values(), ...(this.any === undefined ? [] : [this.any])];
  }

  names(): string[] {
    const wildcards = this.wildcards.keys().map((suffix) => `*${suffix}`);
    return [...this.exact.keys(), ...wildcards, ...(this.any === undefined ? [] : [ANY_HOST])];
  }

  /** What is held under this name itself. */
  at(name: string): T | undefined {
    if (name === ANY_HOST) return this.any;
    if (name.startsWith('*.')) return this.wildcards.named(backwardHash(name.slice(1)), name.slice(1));
    return this.exact.named(nameHash(name), name);
  }

  /** The most specific for the head's host. */
  first(head: Head): T | undefined {
    if (head.hostEnd > head.hostStart) {
      if (this.exact.size > 0) {
        const found = this.exact.get(head.hostHash, head.hostStart, head.hostEnd);
        if (found !== undefined) return found;
      }
      if (this.wildcards.size > 0) {
        for (let i = readSuffixes(head) - 1; i >= 0; i--) {
          const found = this.wildcards.get(suffixHashes[i]!, suffixStarts[i]!, head.hostEnd);
          if (found !== undefined) return found;
        }
      }
    }
    return this.any;
  }

  /** All for the head's host, the most specific first, written to `found`; how many. */
  collect(head: Head, found: T[]): number {
    let count = 0;
    if (head.hostEnd > head.hostStart) {
      if (this.exact.size > 0) {
        const exact = this.exact.get(head.hostHash, head.hostStart, head.hostEnd);
        if (exact !== undefined) found[count++] = exact;
      }
      if (this.wildcards.size > 0) {
        for (let i = readSuffixes(head) - 1; i >= 0; i--) {
          const wildcard = this.wildcards.get(suffixHashes[i]!, suffixStarts[i]!, head.hostEnd);
          if (wildcard !== undefined) found[count++] = wildcard;
        }
      }
    }
    if (this.any !== undefined) found[count++] = this.any;
    return count;
  }

  /** As `first`, for a name held as a lower-case string (SNI). */
  named(name: string): T | undefined {
    const exact = this.exact.named(nameHash(name), name);
    if (exact !== undefined) return exact;
    if (this.wildcards.size > 0) {
      for (let dot = name.indexOf('.', 1); dot > 0; dot = name.indexOf('.', dot + 1)) {
        const suffix = name.slice(dot);
        const wildcard = this.wildcards.named(backwardHash(suffix), suffix);
        if (wildcard !== undefined) return wildcard;
      }
    }
    return this.any;
  }
}

function put<T>(map: ByteMap<T>, hash: number, { key, value }: { key: string; value: T | undefined }): void {
  if (value === undefined) map.delete(hash, key);
  else map.set(hash, key, value);
}

/** Names of one step of `nextIndex`, at least. */
const STEP_NAMES = 256;
/** Steps of it: each copies the maps. */
const MAX_STEPS = 16;

/** As the constructor, stopping between steps. */
export function* nextIndex<T>(
  changes: ReadonlyMap<string, T | undefined>,
  last: HostIndex<T>,
): Generator<void, HostIndex<T>, void> {
  const size = Math.max(STEP_NAMES, Math.ceil(changes.size / MAX_STEPS));
  let index = last;
  let some = new Map<string, T | undefined>();
  for (const [name, value] of changes) {
    some.set(name, value);
    if (some.size < size) continue;
    index = new HostIndex(some, index);
    some = new Map();
    yield;
  }
  return new HostIndex(some, index);
}

/** One pass from right to left, hashing every suffix that starts with a dot and has something before it. */
function readSuffixes(head: Head): number {
  let hash = FNV_BASIS;
  let count = 0;
  for (let at = head.hostEnd - 1; at > head.hostStart; at--) {
    let c = ARENA[at]!;
    if (c >= 65 && c <= 90) c |= 32;
    hash = Math.imul(hash ^ c, 0x01000193);
    if (c === DOT) {
      if (count === MAX_DOTS) break;
      suffixStarts[count] = at;
      suffixHashes[count++] = hash;
    }
  }
  return count;
}

function backwardHash(text: string): number {
  let hash = FNV_BASIS;
  for (let i = text.length - 1; i >= 0; i--) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

/**
 * Things by hostname, most specific first: the exact name, then wildcards from the longest suffix to the shortest,
 * then what names no host. `*.example.com` takes `a.example.com` and `a.b.example.com`, not `example.com`.
 */
import { ARENA } from '../ground/arena.ts';
import { type Head, nameHash } from '../ground/head.ts';
import { ByteMap, type ByteMapEntry, FNV_BASIS } from './byte-map.ts';

/** The hostname that takes any host, and requests without one. */
export const ANY_HOST = '*';

/** A hostname has at most 253 characters, so a wildcard's suffix at most 126 dots: more of a host need not be read. */
const MAX_DOTS = 128;
const DOT = 46;

/** Where the suffixes of the host being looked up start, shortest first, and their hashes. Filled by `readSuffixes`. */
const suffixStarts = new Uint32Array(MAX_DOTS);
const suffixHashes = new Int32Array(MAX_DOTS);

export class HostIndex<T> {
  readonly exact: ByteMap<T>;
  readonly wildcards: ByteMap<T>;
  readonly any: T | undefined;
  readonly #byName: ReadonlyMap<string, T>;

  /** Keys are lower-case hostnames, `*.suffix`, or ANY_HOST. */
  constructor(byName: ReadonlyMap<string, T>) {
    const exact: ByteMapEntry<T>[] = [];
    const wildcards: ByteMapEntry<T>[] = [];
    for (const [name, value] of byName) {
      if (name === ANY_HOST) continue;
      if (name.startsWith('*.')) wildcards.push({ hash: backwardHash(name.slice(1)), key: name.slice(1), value });
      else exact.push({ hash: nameHash(name), key: name, value });
    }
    this.#byName = byName;
    this.exact = new ByteMap(exact, true);
    this.wildcards = new ByteMap(wildcards, true);
    this.any = byName.get(ANY_HOST);
  }

  values(): Iterable<T> {
    return this.#byName.values();
  }

  names(): Iterable<string> {
    return this.#byName.keys();
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
    const exact = name === ANY_HOST ? undefined : this.#byName.get(name);
    if (exact !== undefined && !name.startsWith('*.')) return exact;
    for (let dot = name.indexOf('.', 1); dot > 0; dot = name.indexOf('.', dot + 1)) {
      const wildcard = this.#byName.get(`*${name.slice(dot)}`);
      if (wildcard !== undefined) return wildcard;
    }
    return this.any;
  }
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

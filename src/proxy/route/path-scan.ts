/**
 * The path of the request being matched, read once: its hash, and the hash and length of every prefix that ends at
 * the end of a path element. Every host's bucket then looks prefixes up by these, without reading the path again.
 */
import { ARENA } from '../ground/arena.ts';
import type { Head } from '../ground/head.ts';
import { FNV_BASIS } from '../match/byte-map.ts';

const SLASH = 47;

export class PathScan {
  start = 0;
  end = 0;
  /** bytesHash of the whole path; valid where it is no longer than the longest path of the table. */
  hash = 0;
  /** Prefixes found, shortest first; the first is always the empty one (PathPrefix `/`). */
  count = 0;
  readonly lengths: Uint32Array;
  readonly hashes: Int32Array;
  readonly depth: number;
  readonly longest: number;

  /** `depth`: path elements of the deepest prefix of the table; `longest`: bytes of its longest path or prefix. */
  constructor(depth: number, longest: number) {
    this.lengths = new Uint32Array(depth + 1);
    this.hashes = new Int32Array(depth + 1);
    this.depth = depth;
    this.longest = longest;
    this.hashes[0] = FNV_BASIS;
  }

  read(head: Head): void {
    this.start = head.pathStart;
    this.end = head.pathEnd;
    const { start, end, lengths, hashes } = this;
    // Bytes beyond the longest configured path cannot matter, except to see that a prefix ends there.
    const stop = Math.min(end, start + this.longest);
    let hash = FNV_BASIS;
    let count = 1;
    let at = start;
    while (at < stop) {
      const c = ARENA[at]!;
      if (c === SLASH && at > start && count < lengths.length) {
        lengths[count] = at - start;
        hashes[count++] = hash;
      }
      hash = Math.imul(hash ^ c, 0x01000193);
      at++;
    }
    if (at > start && count < lengths.length && (at === end || ARENA[at] === SLASH)) {
      lengths[count] = at - start;
      hashes[count++] = hash;
    }
    this.hash = hash;
    this.count = count;
  }
}

/**
 * All candidates for one hostname of a listener, found by path: Exact by the path's hash, regular expressions one
 * after the other, prefixes by the hashes of the path's elements from the longest to the shortest. Immutable, and
 * reused by the next table while its candidates are the same.
 */
import type { Listener } from '../../config/index.ts';
import type { Head } from '../http/head.ts';
import { ByteMap, type ByteMapEntry } from './bytemap.ts';
import type { Candidate, PlannedMatch } from './candidate.ts';
import type { PathScan } from './pathscan.ts';
import type { CompiledPlan } from './plan.ts';
import { comparePrecedence } from './precedence.ts';

/** A rule's attachment to a hostname: what a bucket is made from. */
export interface Placement {
  readonly plan: CompiledPlan;
  readonly listener: Listener;
}

const SLASH = '/';

export class HostBucket {
  readonly hostname: string;
  readonly placements: ReadonlyArray<Placement>;
  /** Path elements of the deepest prefix, and bytes of the longest path or prefix. */
  readonly depth: number;
  readonly longest: number;
  readonly #exact: ByteMap<Candidate[]>;
  readonly #regexes: ReadonlyArray<Candidate>;
  readonly #prefixes: ByteMap<Candidate[]>;

  constructor(hostname: string, placements: ReadonlyArray<Placement>) {
    this.hostname = hostname;
    this.placements = placements;
    const exact = new Map<string, Candidate[]>();
    const prefixes = new Map<string, Candidate[]>();
    const regexes: Candidate[] = [];
    const seen = new Set<PlannedMatch>();
    for (const { plan, listener } of placements) {
      for (const match of plan.matches) {
        // Of listeners with the same hostname that a rule attaches to, the first one speaks for all.
        if (seen.has(match)) continue;
        seen.add(match);
        const candidate: Candidate = { plan, match, listener, hostname };
        if (match.path.type === 'Exact') into(exact, candidate);
        else if (match.path.type === 'PathPrefix') into(prefixes, candidate);
        else regexes.push(candidate);
      }
    }
    this.#exact = indexed(exact);
    this.#prefixes = indexed(prefixes);
    this.#regexes = regexes.sort(comparePrecedence);
    this.depth = [...prefixes.keys()].reduce((depth, prefix) => Math.max(depth, prefix.split(SLASH).length - 1), 0);
    this.longest = Math.max(longestOf(exact), longestOf(prefixes));
  }

  /** The first candidate, by precedence, whose path and conditions hold. `scan` has read this head's path. */
  find(head: Head, scan: PathScan): Candidate | null {
    const { start, end } = scan;
    if (this.#exact.size > 0 && end - start <= this.longest) {
      const admitted = admittedOf(this.#exact.get(scan.hash, start, end), head);
      if (admitted !== null) return admitted;
    }
    if (this.#regexes.length > 0) {
      const admitted = this.#findRegex(head);
      if (admitted !== null) return admitted;
    }
    if (this.#prefixes.size > 0) {
      for (let i = scan.count - 1; i >= 0; i--) {
        const admitted = admittedOf(this.#prefixes.get(scan.hashes[i]!, start, start + scan.lengths[i]!), head);
        if (admitted !== null) return admitted;
      }
    }
    return null;
  }

  /** Every candidate, in the order of precedence. */
  ordered(): Candidate[] {
    return [...this.#exact.values(), this.#regexes, ...this.#prefixes.values()].flat().sort(comparePrecedence);
  }

  /** Made from the same plans and listeners, in the same order. */
  madeFrom(placements: ReadonlyArray<Placement>): boolean {
    return (
      placements.length === this.placements.length &&
      placements.every(({ plan, listener }, i) => {
        const held = this.placements[i]!;
        return held.plan === plan && held.listener === listener;
      })
    );
  }

  #findRegex(head: Head): Candidate | null {
    const path = head.path();
    for (const candidate of this.#regexes) {
      if (candidate.match.regex!.testExact(path) && candidate.match.admits(head)) return candidate;
    }
    return null;
  }
}

function admittedOf(candidates: Candidate[] | undefined, head: Head): Candidate | null {
  if (candidates === undefined) return null;
  for (let i = 0; i < candidates.length; i++) if (candidates[i]!.match.admits(head)) return candidates[i]!;
  return null;
}

function into(slots: Map<string, Candidate[]>, candidate: Candidate): void {
  const slot = slots.get(candidate.match.pathText);
  if (slot === undefined) slots.set(candidate.match.pathText, [candidate]);
  else slot.push(candidate);
}

function indexed(slots: ReadonlyMap<string, Candidate[]>): ByteMap<Candidate[]> {
  const entries: ByteMapEntry<Candidate[]>[] = [];
  for (const [key, value] of slots) {
    if (value.length > 1) value.sort(comparePrecedence);
    entries.push({ hash: value[0]!.match.pathHash, key, value });
  }
  return new ByteMap(entries, false);
}

function longestOf(slots: ReadonlyMap<string, unknown>): number {
  let longest = 0;
  for (const key of slots.keys()) longest = Math.max(longest, key.length);
  return longest;
}

/**
 * All candidates for one hostname of a listener, found by path: Exact by the path's hash, regular expressions one
 * after the other, prefixes by the hashes of the path's elements from the longest to the shortest. Immutable, and
 * reused by the next table while its candidates are the same.
 */
import type { Listener } from '../../config/index.ts';
import type { Head } from '../ground/head.ts';
import { ByteMap, type ByteMapEntry, sameBytes } from './byte-map.ts';
import type { Candidate } from './candidate.ts';
import type { PathScan } from './path-scan.ts';
import type { CompiledPlan } from './plan.ts';
import { comparePrecedence } from './precedence.ts';

/** A rule's attachment to a hostname: what a bucket is made from. */
export interface Placement {
  readonly plan: CompiledPlan;
  readonly listener: Listener;
}

const NOTHING = new ByteMap<Candidate[]>([], false);

export class HostBucket {
  readonly hostname: string;
  readonly placements: ReadonlyArray<Placement>;
  readonly #asWritten: boolean;
  /** Path elements of the deepest prefix, and bytes of the longest path or prefix. */
  readonly depth: number;
  readonly longest: number;
  readonly #exact: ByteMap<Candidate[]>;
  readonly #regexes: ReadonlyArray<Candidate>;
  readonly #prefixes: ByteMap<Candidate[]>;

  /** `asWritten`: paths are compared as they come. */
  constructor(hostname: string, placements: ReadonlyArray<Placement>, asWritten: boolean) {
    this.hostname = hostname;
    this.placements = placements;
    this.#asWritten = asWritten;
    const exact = new Map<string, Candidate[]>();
    const prefixes = new Map<string, Candidate[]>();
    const regexes: Candidate[] = [];
    let depth = 0;
    let longest = 0;
    for (const candidate of candidatesOf(hostname, placements, asWritten)) {
      const { path, pathText } = candidate.match;
      if (path.type === 'RegularExpression') {
        regexes.push(candidate);
        continue;
      }
      into(path.type === 'Exact' ? exact : prefixes, candidate);
      longest = Math.max(longest, pathText.length);
      if (path.type === 'PathPrefix') depth = Math.max(depth, candidate.match.depth);
    }
    this.#exact = indexed(exact);
    this.#prefixes = indexed(prefixes);
    this.#regexes = regexes.sort(comparePrecedence);
    this.depth = depth;
    this.longest = longest;
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
  madeFrom(placements: ReadonlyArray<Placement>, asWritten: boolean): boolean {
    return (
      asWritten === this.#asWritten &&
      placements.length === this.placements.length &&
      placements.every(({ plan, listener }, i) => {
        const held = this.placements[i]!;
        return held.plan === plan && held.listener === listener;
      })
    );
  }

  #findRegex(head: Head): Candidate | null {
    let path: string | null = null;
    for (const candidate of this.#regexes) {
      const { match } = candidate;
      const first = head.pathStart + match.regexStart.length;
      if (first > head.pathEnd || !sameBytes(head.pathStart, first, match.regexStart)) continue;
      path ??= head.path();
      if (match.regex!.testExact(path) && match.admits(head)) return candidate;
    }
    return null;
  }
}

/** Of listeners with the same hostname that a rule attaches to, the first one speaks for all. */
function candidatesOf(hostname: string, placements: ReadonlyArray<Placement>, asWritten: boolean): Candidate[] {
  const candidates: Candidate[] = [];
  const several = placements.some(({ listener }) => listener !== placements[0]!.listener);
  const seen = several ? new Set<CompiledPlan>() : null;
  for (const { plan, listener } of placements) {
    if (seen?.has(plan)) continue;
    seen?.add(plan);
    for (const match of plan.matches) {
      candidates.push({ plan, match: asWritten ? match.asWritten : match, listener, hostname });
    }
  }
  return candidates;
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
  if (slots.size === 0) return NOTHING;
  const entries: ByteMapEntry<Candidate[]>[] = [];
  for (const [key, value] of slots) {
    if (value.length > 1) value.sort(comparePrecedence);
    entries.push({ hash: value[0]!.match.pathHash, key, value });
  }
  return new ByteMap(entries, false);
}

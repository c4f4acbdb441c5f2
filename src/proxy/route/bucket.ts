/**
 * All candidates for one hostname of a listener, found by path: Exact by the path's hash, regular expressions one
 * after the other, prefixes by the hashes of the path's elements from the longest to the shortest. Immutable: changes
 * are made to a draft, and the next bucket shares what they did not touch.
 */
import type { Head } from '../ground/head.ts';
import { ByteMap, type ReadonlyByteMap, sameBytes } from '../match/byte-map.ts';
import type { Candidate } from './candidate.ts';
import type { PathScan } from './path-scan.ts';
import type { CompiledPlan } from './plan.ts';
import type { PlannedMatch } from './planned-match.ts';
import { comparePrecedence } from './precedence.ts';

type Slots = ReadonlyByteMap<readonly Candidate[]>;

const NOTHING: Slots = new ByteMap<readonly Candidate[]>(false);

export class HostBucket {
  static readonly EMPTY = new HostBucket({ exact: NOTHING, regexes: [], prefixes: NOTHING }, { depth: 0, longest: 0 });

  /** Path elements of the deepest prefix, and bytes of the longest path or prefix, or more. */
  readonly depth: number;
  readonly longest: number;
  readonly exact: Slots;
  readonly regexes: ReadonlyArray<Candidate>;
  readonly prefixes: Slots;
  #onlyGrpc: boolean | undefined;

  constructor(
    parts: Pick<HostBucket, 'exact' | 'regexes' | 'prefixes'>,
    bounds: Pick<HostBucket, 'depth' | 'longest'>,
  ) {
    this.exact = parts.exact;
    this.regexes = parts.regexes;
    this.prefixes = parts.prefixes;
    this.depth = bounds.depth;
    this.longest = bounds.longest;
  }

  /** The first candidate, by precedence, whose path and conditions hold. `scan` has read this head's path. */
  find(head: Head, scan: PathScan): Candidate | null {
    const { start, end } = scan;
    if (this.exact.size > 0 && end - start <= this.longest) {
      const admitted = admittedOf(this.exact.get(scan.hash, start, end), head);
      if (admitted !== null) return admitted;
    }
    if (this.regexes.length > 0) {
      const admitted = this.#findRegex(head);
      if (admitted !== null) return admitted;
    }
    if (this.prefixes.size > 0) {
      for (let i = scan.count - 1; i >= 0; i--) {
        const admitted = admittedOf(this.prefixes.get(scan.hashes[i]!, start, start + scan.lengths[i]!), head);
        if (admitted !== null) return admitted;
      }
    }
    return null;
  }

  /** All candidates are of GRPCRoutes. Found out when somebody asks. */
  get onlyGrpc(): boolean {
    this.#onlyGrpc ??= [...this.exact.values(), this.regexes, ...this.prefixes.values()].every((candidates) =>
      candidates.every(({ plan }) => plan.rule.route.kind === 'GRPCRoute'),
    );
    return this.#onlyGrpc;
  }

  /** Every candidate, in the order of precedence. */
  ordered(): Candidate[] {
    return [...this.exact.values(), this.regexes, ...this.prefixes.values()].flat().sort(comparePrecedence);
  }

  #findRegex(head: Head): Candidate | null {
    for (const candidate of this.regexes) {
      const { match } = candidate;
      const first = head.pathStart + match.regexStart.length;
      if (first > head.pathEnd || !sameBytes(head.pathStart, first, match.regexStart)) continue;
      if (match.regex!.testBytes(head.pathStart, head.pathEnd) && match.admits(head)) return candidate;
    }
    return null;
  }
}

function admittedOf(candidates: readonly Candidate[] | undefined, head: Head): Candidate | null {
  if (candidates === undefined) return null;
  for (let i = 0; i < candidates.length; i++) if (candidates[i]!.match.admits(head)) return candidates[i]!;
  return null;
}

/** The next form of a bucket while it is being made. Each of its parts is copied once, before its first change. */
export class BucketDraft {
  readonly #hostname: string;
  readonly #asWritten: boolean;
  readonly #last: HostBucket;
  #exact: ByteMap<readonly Candidate[]> | undefined;
  #prefixes: ByteMap<readonly Candidate[]> | undefined;
  #regexes: Candidate[] | undefined;
  /** Slots of this draft's own making, which may change. */
  #own: Set<readonly Candidate[]> | undefined;
  #depth: number;
  #longest: number;
  /** What bounded them may be gone. */
  #loose = false;
  /** A rule that attaches several times, by port and by name say, attaches once; its calls follow one another. */
  #added: CompiledPlan | undefined;

  /** `asWritten`: paths are compared as they come, also in `last`. */
  constructor(hostname: string, last: HostBucket, asWritten: boolean) {
    this.#hostname = hostname;
    this.#asWritten = asWritten;
    this.#last = last;
    this.#depth = last.depth;
    this.#longest = last.longest;
  }

  /** Of listeners with the same hostname that a rule attaches to, the first one speaks for all. */
  add(plan: CompiledPlan, listener: Candidate['listener']): void {
    if (this.#added === plan) return;
    this.#added = plan;
    for (const match of this.#matchesOf(plan)) {
      const candidate = { plan, match, listener, hostname: this.#hostname };
      if (match.path.type === 'RegularExpression') {
        this.#regexes ??= [...this.#last.regexes];
        insert(this.#regexes, candidate);
        continue;
      }
      this.#insert(match.path.type === 'Exact' ? this.#ownExact() : this.#ownPrefixes(), candidate);
      this.#longest = Math.max(this.#longest, match.pathText.length);
      if (match.path.type === 'PathPrefix') this.#depth = Math.max(this.#depth, match.depth);
    }
  }

  remove(plan: CompiledPlan): void {
    for (const { path, pathText, pathHash, depth } of this.#matchesOf(plan)) {
      if (path.type === 'RegularExpression') {
        this.#regexes = (this.#regexes ?? this.#last.regexes).filter((candidate) => candidate.plan !== plan);
        continue;
      }
      const slots = path.type === 'Exact' ? this.#ownExact() : this.#ownPrefixes();
      const slot = slots.named(pathHash, pathText);
      const left = slot?.filter((candidate) => candidate.plan !== plan) ?? [];
      if (left.length > 0) slots.set(pathHash, pathText, this.#owned(left));
      else slots.delete(pathHash, pathText);
      this.#loose ||= pathText.length === this.#longest || depth === this.#depth;
    }
    if (this.#added === plan) this.#added = undefined;
  }

  /** The next bucket; undefined where nothing is left. */
  finish(): HostBucket | undefined {
    const exact = this.#exact ?? this.#last.exact;
    const prefixes = this.#prefixes ?? this.#last.prefixes;
    const regexes = this.#regexes ?? this.#last.regexes;
    if (exact.size === 0 && prefixes.size === 0 && regexes.length === 0) return undefined;
    const bounds = this.#loose ? boundsOf(exact, prefixes) : { depth: this.#depth, longest: this.#longest };
    return new HostBucket({ exact: orNothing(exact), regexes, prefixes: orNothing(prefixes) }, bounds);
  }

  #matchesOf({ matches }: CompiledPlan): ReadonlyArray<PlannedMatch> {
    return this.#asWritten ? matches.map((match) => match.asWritten) : matches;
  }

  #ownExact(): ByteMap<readonly Candidate[]> {
    return (this.#exact ??= this.#last.exact.copy());
  }

  #ownPrefixes(): ByteMap<readonly Candidate[]> {
    return (this.#prefixes ??= this.#last.prefixes.copy());
  }

  #insert(slots: ByteMap<readonly Candidate[]>, candidate: Candidate): void {
    const { pathHash, pathText } = candidate.match;
    const slot = slots.named(pathHash, pathText);
    if (slot !== undefined && this.#own?.has(slot)) {
      insert(slot as Candidate[], candidate);
      return;
    }
    const next = slot === undefined ? [candidate] : [...slot];
    if (slot !== undefined) insert(next, candidate);
    slots.set(pathHash, pathText, this.#owned(next));
  }

  #owned(slot: Candidate[]): Candidate[] {
    (this.#own ??= new Set()).add(slot);
    return slot;
  }
}

function orNothing(slots: Slots): Slots {
  return slots.size > 0 ? slots : NOTHING;
}

/** Puts a candidate where precedence wants it. */
function insert(sorted: Candidate[], candidate: Candidate): void {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (comparePrecedence(sorted[middle]!, candidate) <= 0) low = middle + 1;
    else high = middle;
  }
  sorted.splice(low, 0, candidate);
}

function boundsOf(exact: Slots, prefixes: Slots): { depth: number; longest: number } {
  let depth = 0;
  let longest = 0;
  for (const [{ match }] of exact.values() as Array<[Candidate]>) longest = Math.max(longest, match.pathText.length);
  for (const [{ match }] of prefixes.values() as Array<[Candidate]>) {
    longest = Math.max(longest, match.pathText.length);
    depth = Math.max(depth, match.depth);
  }
  return { depth, longest };
}

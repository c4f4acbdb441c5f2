/** Answers of a service that are good for a while, by what of a request it is said to judge. */
import type { AnswerCache as CacheSettings } from '../../../config/index.ts';
import { type NamedField, parseTemplate } from '../../../value/request-template.ts';
import type { FilterScope, HeaderPair, SubAnswer } from '../filter.ts';
import { isClear } from './clear-text.ts';
import { type RequestText, requestText } from './request-text.ts';

/** Answers that one policy keeps; the oldest goes first. */
export const MAX_CACHED_ANSWERS = 10_000;
/** Bytes of an answer, head and body, that is kept. */
export const MAX_CACHED_BYTES: number = 4 * 1024;
/** Bytes of the answers that all policies of a worker keep; above it the policy that has most gives up its oldest. */
export const MAX_ALL_CACHED_BYTES: number = 32 * 1024 * 1024;
/** What stands around an answer and its key. */
const ENTRY_BYTES = 256;
/** Longest key that is looked up, in bytes: a request with a longer one is asked about. */
export const MAX_KEY_BYTES: number = 4 * 1024;

/** Between the parts of a key: it stands in no request. */
const BETWEEN = '\u0000';

export type KeptAnswer = Pick<SubAnswer, 'status' | 'headers' | 'body'>;

/** What of a key a client may write twice, or in more than one way. */
interface NamedPiece {
  readonly field: NamedField;
  readonly name: string;
}

interface Entry {
  readonly answer: KeptAnswer;
  /** Of performance.now(). */
  readonly until: number;
  readonly bytes: number;
}

/** Of policies that are gone nothing is held. */
const caches = new Set<WeakRef<AnswerCache>>();

function makeRoom(): void {
  for (;;) {
    let total = 0;
    let largest: AnswerCache | undefined;
    for (const one of caches) {
      const cache = one.deref();
      if (cache === undefined) caches.delete(one);
      else if (cache.bytes > (largest?.bytes ?? 0)) largest = cache;
      total += cache?.bytes ?? 0;
    }
    if (total <= MAX_ALL_CACHED_BYTES || largest === undefined) return;
    largest.giveUp(total - MAX_ALL_CACHED_BYTES);
  }
}

export class AnswerCache {
  readonly #key: readonly RequestText[];
  readonly #named: readonly NamedPiece[];
  readonly #durations: ReadonlyMap<number, number>;
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor({ key, durations }: CacheSettings) {
    this.#key = key.map((template) => requestText(template, 'Line'));
    this.#named = key.flatMap((template) => parseTemplate(template)).filter((piece) => 'name' in piece);
    this.#durations = new Map(
      durations
        .toReversed()
        .flatMap(({ statusCodes, milliseconds }) => statusCodes.map((code) => [code, milliseconds])),
    );
    caches.add(new WeakRef(this));
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The oldest go, until so many bytes are free. */
  giveUp(bytes: number): void {
    const least = this.#bytes - bytes;
    for (const key of this.#entries.keys()) {
      if (this.#bytes <= least) return;
      this.#forget(key);
    }
  }

  #forget(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#bytes -= entry.bytes;
    this.#entries.delete(key);
  }

  /** Undefined: nothing is kept for this request. */
  keyOf(scope: FilterScope): string | undefined {
    for (const piece of this.#named) if (!isClear(scope.head, piece)) return undefined;
    let key = '';
    for (const part of this.#key) key += part(scope) + BETWEEN;
    return key.length > MAX_KEY_BYTES ? undefined : key;
  }

  get(key: string): KeptAnswer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.until > performance.now()) return entry.answer;
    this.#forget(key);
    return undefined;
  }

  /** A cookie is for one client, and is kept for nobody. */
  put(key: string, { status, headers, body }: KeptAnswer): void {
    const milliseconds = this.#durations.get(status) ?? 0;
    if (milliseconds === 0 || headers.some(([name]) => name.toLowerCase() === 'set-cookie')) return;
    const size = body.length + bytesOf(headers);
    if (size > MAX_CACHED_BYTES) return;
    // Anew, and so the youngest.
    this.#forget(key);
    if (this.#entries.size >= MAX_CACHED_ANSWERS) {
      const [oldest] = this.#entries.keys();
      this.#forget(oldest!);
    }
    const bytes = size + 2 * key.length + ENTRY_BYTES;
    this.#entries.set(key, { answer: { status, headers, body }, until: performance.now() + milliseconds, bytes });
    this.#bytes += bytes;
    makeRoom();
  }
}

function bytesOf(headers: readonly HeaderPair[]): number {
  return headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
}

/** Answers of a service that are good for a while, by what of a request it is said to judge. */
import type { AnswerCache as CacheSettings } from '../../../config/index.ts';
import type { FilterScope, HeaderPair, SubAnswer } from '../filter.ts';
import { type RequestText, requestText } from './request-text.ts';

/** Answers that one policy keeps; the oldest goes first. */
export const MAX_CACHED_ANSWERS = 10_000;
/** Bytes of an answer, head and body, that is kept. */
export const MAX_CACHED_BYTES: number = 4 * 1024;
/** Longest key that is looked up, in bytes: a request with a longer one is asked about. */
export const MAX_KEY_BYTES: number = 4 * 1024;

/** Between the parts of a key: it stands in no request. */
const BETWEEN = '\u0000';

export type KeptAnswer = Pick<SubAnswer, 'status' | 'headers' | 'body'>;

interface Entry {
  readonly answer: KeptAnswer;
  /** Of performance.now(). */
  readonly until: number;
}

export class AnswerCache {
  readonly #key: readonly RequestText[];
  readonly #durations: ReadonlyMap<number, number>;
  readonly #entries = new Map<string, Entry>();

  constructor({ key, durations }: CacheSettings) {
    this.#key = key.map((template) => requestText(template, 'Line'));
    this.#durations = new Map(
      durations
        .toReversed()
        .flatMap(({ statusCodes, milliseconds }) => statusCodes.map((code) => [code, milliseconds])),
    );
  }

  /** Undefined: nothing is kept for this request. */
  keyOf(scope: FilterScope): string | undefined {
    let key = '';
    for (const part of this.#key) key += part(scope) + BETWEEN;
    return key.length > MAX_KEY_BYTES ? undefined : key;
  }

  get(key: string): KeptAnswer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.until > performance.now()) return entry.answer;
    this.#entries.delete(key);
    return undefined;
  }

  /** A cookie is for one client, and is kept for nobody. */
  put(key: string, { status, headers, body }: KeptAnswer): void {
    const milliseconds = this.#durations.get(status) ?? 0;
    if (milliseconds === 0 || headers.some(([name]) => name.toLowerCase() === 'set-cookie')) return;
    if (body.length + bytesOf(headers) > MAX_CACHED_BYTES) return;
    // Anew, and so the youngest.
    this.#entries.delete(key);
    if (this.#entries.size >= MAX_CACHED_ANSWERS) {
      const [oldest] = this.#entries.keys();
      this.#entries.delete(oldest!);
    }
    this.#entries.set(key, { answer: { status, headers, body }, until: performance.now() + milliseconds });
  }
}

function bytesOf(headers: readonly HeaderPair[]): number {
  return headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
}

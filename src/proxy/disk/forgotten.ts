/** What was purged a moment ago: a file that is still there, or comes late, is not used. */
import type { CachePurge } from '../../config/index.ts';
import type { FileKey } from './answer-file.ts';

/** Milliseconds after which all workers have done what they were told, and have written what was under way. */
export const FORGOTTEN_TIME: number = 30_000;
/** Most of one URL each, and most others, that are remembered; above it nothing that was kept before is used for a while. */
export const MAX_FORGOTTEN_URLS: number = 10_000;
export const MAX_FORGOTTEN_OTHERS: number = 64;

export class Forgotten {
  /** When it was, by policy, host and target. */
  readonly #urls = new Map<string, number>();
  #others: Array<{ purge: CachePurge; at: number; until: number }> = [];
  #allBefore = Number.NEGATIVE_INFINITY;

  add(purge: CachePurge): void {
    const at = performance.now();
    this.#sweep(at);
    const { policy, host, target, prefix, before } = purge;
    const until = at + FORGOTTEN_TIME;
    // Of a time when this process did not run.
    if (before !== undefined) this.#others.push({ purge, at: at - (Date.now() - before), until });
    else if (policy !== undefined && host !== undefined && target !== undefined && !prefix) {
      const name = `${policy} ${host} ${target}`;
      // In the order of their times.
      this.#urls.delete(name);
      this.#urls.set(name, at);
    } else this.#others.push({ purge, at, until });
    if (this.#urls.size <= MAX_FORGOTTEN_URLS && this.#others.length <= MAX_FORGOTTEN_OTHERS) return;
    this.#urls.clear();
    this.#others = [];
    this.#allBefore = at;
  }

  /** What was kept at this time is not to be used. */
  has({ source, host, target }: FileKey, storedAt: number): boolean {
    const now = performance.now();
    if (storedAt <= this.#allBefore && now - this.#allBefore < FORGOTTEN_TIME) return true;
    if (storedAt <= (this.#urls.get(`${source} ${host} ${target}`) ?? Number.NEGATIVE_INFINITY)) return true;
    return this.#others.some(({ purge, at }) => storedAt <= at && isOf(purge, { source, host, target }));
  }

  #sweep(now: number): void {
    for (const [name, at] of this.#urls) {
      if (at >= now - FORGOTTEN_TIME) break;
      this.#urls.delete(name);
    }
    this.#others = this.#others.filter(({ until }) => until >= now);
  }
}

export function isOf({ policy, host, target, prefix }: CachePurge, file: Omit<FileKey, 'key'>): boolean {
  if (policy !== undefined && policy !== file.source) return false;
  if (host !== undefined && host !== file.host) return false;
  if (target === undefined) return true;
  return prefix ? file.target.startsWith(target) : file.target === target;
}

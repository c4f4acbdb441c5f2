/** What other workers must forget, too: told together, as often as makes no difference to whoever asks next. */
import type { CachePurge } from '../config/index.ts';

/** Milliseconds for which they are gathered, from the first on. */
export const INVALIDATION_DELAY: number = 5;
/** Most that are told at once. */
export const MAX_TOLD_AT_ONCE: number = 512;

export class ToldPurges {
  readonly #tell: (purges: CachePurge[]) => void;
  #gathered: CachePurge[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(tell: (purges: CachePurge[]) => void) {
    this.#tell = tell;
  }

  add(purge: CachePurge): void {
    this.#gathered.push(purge);
    if (this.#gathered.length >= MAX_TOLD_AT_ONCE) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), INVALIDATION_DELAY);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#tell(this.#gathered);
    this.#gathered = [];
  }
}

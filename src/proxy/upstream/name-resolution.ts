/** Endpoints of ExternalName Services: a name looked up again whenever its records' time to live ends. */
import { isIP } from 'node:net';
import type { Endpoint, NameRefresh } from '../../config/index.ts';
import { type NameAsker, type Resolve, type Resolved, resolveName } from '../names/index.ts';

/** Seconds; records that live shorter are kept this long, and failed look-ups are tried again after it. A policy may say others. */
export const SHORTEST_TTL = 5;
export const LONGEST_TTL = 300;
/**
 * Milliseconds after which what was known of a family that says nothing any more is given up, while the other one speaks (RFC 8767
 * has stale records used for a day at least). No sooner: where servers fail for hours the other family may lead nowhere.
 */
export const LONGEST_SILENCE: number = 24 * 3_600_000;

/** What is known of one family, by which look-up, and since when. */
interface KnownFamily {
  readonly family: number;
  addresses: string[];
  by: number;
  at: number;
}

export class NameResolution {
  readonly #name: { hostname: string; port: number };
  readonly #asker: NameAsker;
  readonly #onEndpoints: (endpoints: Endpoint[]) => void;
  readonly #onFailure: () => void;
  readonly #resolve: Resolve;
  readonly #bounds: () => NameRefresh | undefined;
  /** Milliseconds that the last answer lives by itself, and when it came; a failure: none. */
  #life = 0;
  readonly #known: readonly KnownFamily[] = [4, 6].map((family) => ({ family, addresses: [], by: 0, at: 0 }));
  #count = 0;
  #cameAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #asking = false;

  constructor(
    name: { hostname: string; port: number },
    onEndpoints: (endpoints: Endpoint[]) => void,
    {
      resolve = resolveName,
      onFailure = () => {},
      bounds = () => undefined,
      tenant = '',
    }: { resolve?: Resolve; onFailure?: () => void; bounds?: () => NameRefresh | undefined; tenant?: string } = {},
  ) {
    this.#name = name;
    this.#onEndpoints = onEndpoints;
    this.#resolve = resolve;
    this.#onFailure = onFailure;
    this.#bounds = bounds;
    this.#asker = { tenant, isWaiting: () => !this.#stopped };
  }

  /** Looks the name up now and keeps doing so. A look-up that fails leaves the last answer in use. */
  async start(): Promise<void> {
    this.#life = 0;
    this.#asking = true;
    try {
      const by = ++this.#count;
      const answer = await this.#resolve(this.#name.hostname, this.#asker);
      this.#life = answer.ttl * 1000;
      if (this.#stopped) return;
      const { silent } = answer;
      this.#giveUp(silent);
      this.#take(
        answer,
        this.#known.filter(({ family }) => family !== silent),
        by,
      );
      void answer.later?.then((other) => {
        if (other === null || this.#stopped) return;
        this.#take(
          other,
          this.#known.filter(({ family }) => family === silent),
          by,
        );
      });
    } catch {
      // The last answer stays.
      if (!this.#stopped) this.#onFailure();
    }
    this.#cameAt = performance.now();
    this.#asking = false;
    this.rebound();
  }

  /** What nobody has said for very long; told with what the other family says now. */
  #giveUp(silent: number | undefined): void {
    const now = performance.now();
    for (const one of this.#known) if (one.family === silent && now - one.at > LONGEST_SILENCE) one.addresses = [];
  }

  /** What an earlier look-up says late of a family does not undo what a later one has said of it. */
  #take({ addresses }: Resolved, families: readonly KnownFamily[], by: number): void {
    for (const one of families) {
      if (one.by > by) continue;
      one.by = by;
      one.at = performance.now();
      one.addresses = addresses.filter((address) => isIP(address) === one.family);
    }
    const all = this.#known.flatMap((one) => one.addresses).sort();
    const { port } = this.#name;
    this.#onEndpoints(all.map((address) => ({ address, port, state: 'ready' })));
  }

  /** Other bounds hold, or may: of what is there, too. */
  rebound(): void {
    if (this.#stopped || this.#asking) return;
    const { minRefresh = SHORTEST_TTL * 1000, maxRefresh = LONGEST_TTL * 1000 } = this.#bounds() ?? {};
    const due = this.#cameAt + Math.min(maxRefresh, Math.max(minRefresh, this.#life));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.start(), Math.max(0, due - performance.now()));
    this.#timer.unref();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}

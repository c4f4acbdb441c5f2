/** Endpoints of ExternalName Services: a name looked up again whenever its records' time to live ends. */
import dns from 'node:dns/promises';
import type { Endpoint, NameRefresh } from '../../config/index.ts';
import { MACHINE_NAMES, type NameAsker } from './machine-names.ts';

/** Seconds; records that live shorter are kept this long, and failed look-ups are tried again after it. A policy may say others. */
export const SHORTEST_TTL = 5;
export const LONGEST_TTL = 300;
/** For names that only the machine's own files know. */
const FILE_TTL = 30;

export interface Resolved {
  addresses: string[];
  /** Seconds. */
  ttl: number;
}

export type Resolve = (hostname: string, asker: NameAsker) => Promise<Resolved>;

export async function resolveName(hostname: string, asker: NameAsker): Promise<Resolved> {
  const answers = await Promise.allSettled([
    dns.resolve4(hostname, { ttl: true }),
    dns.resolve6(hostname, { ttl: true }),
  ]);
  const records = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  if (records.length > 0) {
    return { addresses: records.map(({ address }) => address), ttl: Math.min(...records.map(({ ttl }) => ttl)) };
  }
  return { addresses: await MACHINE_NAMES.addressesOf(hostname, asker), ttl: FILE_TTL };
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
      const { addresses, ttl } = await this.#resolve(this.#name.hostname, this.#asker);
      this.#life = ttl * 1000;
      if (this.#stopped) return;
      const { port } = this.#name;
      this.#onEndpoints(addresses.sort().map((address) => ({ address, port, state: 'ready' })));
    } catch {
      // The last answer stays.
      if (!this.#stopped) this.#onFailure();
    }
    this.#cameAt = performance.now();
    this.#asking = false;
    this.rebound();
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

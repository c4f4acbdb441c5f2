/** Endpoints of ExternalName Services: a name looked up again whenever its records' time to live ends. */
import dns from 'node:dns/promises';
import type { Endpoint } from '../../config/index.ts';

/** Seconds; records that live shorter are kept this long, and failed look-ups are tried again after it. */
export const SHORTEST_TTL = 5;
export const LONGEST_TTL = 300;
/** For names that only the machine's own files know. */
const FILE_TTL = 30;

export interface Resolved {
  addresses: string[];
  /** Seconds. */
  ttl: number;
}

export type Resolve = (hostname: string) => Promise<Resolved>;

export async function resolveName(hostname: string): Promise<Resolved> {
  const answers = await Promise.allSettled([
    dns.resolve4(hostname, { ttl: true }),
    dns.resolve6(hostname, { ttl: true }),
  ]);
  const records = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  if (records.length > 0) {
    return { addresses: records.map(({ address }) => address), ttl: Math.min(...records.map(({ ttl }) => ttl)) };
  }
  const found = await dns.lookup(hostname, { all: true });
  return { addresses: found.map(({ address }) => address), ttl: FILE_TTL };
}

export class NameResolution {
  readonly #name: { hostname: string; port: number };
  readonly #onEndpoints: (endpoints: Endpoint[]) => void;
  readonly #onFailure: () => void;
  readonly #resolve: Resolve;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(
    name: { hostname: string; port: number },
    onEndpoints: (endpoints: Endpoint[]) => void,
    { resolve = resolveName, onFailure = () => {} }: { resolve?: Resolve; onFailure?: () => void } = {},
  ) {
    this.#name = name;
    this.#onEndpoints = onEndpoints;
    this.#resolve = resolve;
    this.#onFailure = onFailure;
  }

  /** Looks the name up now and keeps doing so. A look-up that fails leaves the last answer in use. */
  async start(): Promise<void> {
    let ttl = SHORTEST_TTL;
    try {
      const { addresses, ttl: answered } = await this.#resolve(this.#name.hostname);
      ttl = Math.min(LONGEST_TTL, Math.max(SHORTEST_TTL, answered));
      if (this.#stopped) return;
      const { port } = this.#name;
      this.#onEndpoints(addresses.sort().map((address) => ({ address, port, state: 'ready' })));
    } catch {
      // The last answer stays.
      if (!this.#stopped) this.#onFailure();
    }
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.start(), ttl * 1000);
    this.#timer.unref();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}

/** Keeps every host that is wanted in a certificate: from the folder, from the authority, and again before it expires. */
import { X509Certificate } from 'node:crypto';
import { type ProvidedCertificate, providedKey, type WantedCertificate } from '../api/index.ts';
import { type Collection, SourceCollection } from '../graph/index.ts';
import type { Log, MetricsSnapshot } from '../observe/index.ts';
import type { CertificateSource } from './authority.ts';
import { type CertificateFolder, type Pair, pairFault } from './certificate-folder.ts';
import type { ChallengeBoard, ChallengeType } from './challenge-board.ts';
import { type Life, renewalAt, retryAfter } from './schedule.ts';

/** Certificates that are obtained at the same time. */
export const MAX_ORDERS = 4;
/** Hosts that a run obtains certificates for: routes of other people may name any number. */
export const MAX_HOSTS = 1000;
/** Milliseconds between two looks at what is due: a machine that slept has lost its timers. */
const LONGEST_SLEEP = 3_600_000;

export interface ObtainerParts {
  source: CertificateSource;
  folder: Pick<CertificateFolder, 'load' | 'save'>;
  board: Pick<ChallengeBoard, 'ways'>;
  log: Log;
  now?: () => number;
  /** From 0 to 1. */
  chance?: () => number;
}

interface Host {
  name: string;
  pair?: Pair;
  life?: Life;
  /** When it is to be obtained, in milliseconds since the epoch; undefined while that is under way. */
  due: number | undefined;
  failures: number;
  problem: string;
}

export class Obtainer {
  readonly collection = new SourceCollection<ProvidedCertificate>('acme');
  readonly #parts: ObtainerParts;
  readonly #hosts = new Map<string, Host>();
  #timer: NodeJS.Timeout | undefined;
  #orders = 0;
  #obtainedInAll = 0;
  #failedInAll = 0;
  readonly #loading = new Set<Promise<void>>();
  #stopped = false;

  constructor(parts: ObtainerParts) {
    this.#parts = parts;
  }

  /** What is wanted now, and every change of that. */
  follow(wanted: Collection<WantedCertificate>): void {
    wanted.subscribe(() => this.#want([...wanted.values()]));
    this.#want([...wanted.values()]);
  }

  /** What the folder has of all that is wanted so far is there. */
  async loaded(): Promise<void> {
    await Promise.all(this.#loading);
  }

  /** A host that fails has a row of its own until it does not, or is not wanted any more. */
  metrics(): MetricsSnapshot {
    const failing = [...this.#hosts.values()].filter(({ failures }) => failures > 0);
    return [
      {
        name: 'daemun_acme_orders_total',
        help: 'Certificates that were asked of the authority, by what came of it',
        type: 'counter',
        series: [
          { labels: { outcome: 'obtained' }, value: this.#obtainedInAll },
          { labels: { outcome: 'failed' }, value: this.#failedInAll },
        ],
      },
      {
        name: 'daemun_acme_failures',
        help: 'How often in a row the certificate of a host could not be obtained; hosts without a failure have no row',
        type: 'gauge',
        series: failing.map(({ name, failures }) => ({ labels: { host: name }, value: failures })),
      },
    ];
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #want(wanted: WantedCertificate[]): void {
    const names = new Set(wanted.flatMap((one) => one.names));
    for (const name of this.#hosts.keys()) if (!names.has(name)) this.#hosts.delete(name);
    const gone = [...this.collection.entries()].filter(([, { name }]) => !names.has(name));
    this.collection.apply(gone.map(([key]) => ({ key })));
    for (const name of names) {
      if (this.#hosts.has(name)) continue;
      if (this.#hosts.size < MAX_HOSTS) this.#load(name);
      else this.#refuse(name);
    }
  }

  #load(name: string): void {
    const loading = this.#begin(name).finally(() => this.#loading.delete(loading));
    this.#loading.add(loading);
  }

  /** With what the folder has, however old: an expired certificate is better than none. */
  async #begin(name: string): Promise<void> {
    const { folder } = this.#parts;
    const host: Host = {
      name,
      due: undefined,
      failures: 0,
      problem: `the certificate for ${name} is being obtained`,
    };
    this.#hosts.set(name, host);
    try {
      const pair = await folder.load(name);
      if (pair !== undefined) this.#take(host, pair);
    } catch (error) {
      this.#parts.log.warn({ host: name, error: (error as Error).message }, 'a stored certificate cannot be read');
    }
    host.due ??= this.#now();
    this.#tell(host);
    this.#wake();
  }

  #refuse(name: string): void {
    const problem = `no certificate for ${name} is obtained: ${MAX_HOSTS} hosts are the most of a run`;
    const provided: ProvidedCertificate = { origin: 'acme', name, problem };
    this.collection.apply([{ key: providedKey(provided), value: provided }]);
  }

  #take(host: Host, pair: Pair): void {
    const { validFromDate, validToDate } = new X509Certificate(pair.certificate);
    host.pair = pair;
    host.life = { from: validFromDate.getTime(), until: validToDate.getTime() };
    host.due = renewalAt(host.life, this.#chance());
    host.failures = 0;
    host.problem = '';
  }

  #tell(host: Host): void {
    const { name, pair, problem } = host;
    // What is not wanted any more, or anew, has no say.
    if (this.#hosts.get(name) !== host) return;
    const provided: ProvidedCertificate = { origin: 'acme', name, ...(pair ? { pair } : {}), problem };
    this.collection.apply([{ key: providedKey(provided), value: provided }]);
  }

  /** Begins what is due, and sleeps until the next is. */
  #wake(): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    const now = this.#now();
    let next = now + LONGEST_SLEEP;
    for (const host of this.#hosts.values()) {
      if (host.due === undefined) continue;
      if (host.due > now) next = Math.min(next, host.due);
      // One that ends wakes this again.
      else if (this.#orders < MAX_ORDERS) void this.#order(host);
    }
    this.#timer = setTimeout(() => this.#wake(), next - now).unref();
  }

  async #order(host: Host): Promise<void> {
    const { log } = this.#parts;
    const { name } = host;
    host.due = undefined;
    this.#orders++;
    try {
      const pair = await this.#obtained(host);
      this.#take(host, pair);
      this.#obtainedInAll++;
      log.info({ host: name, until: new Date(host.life!.until).toISOString() }, 'certificate obtained');
    } catch (error) {
      this.#failed(host, (error as Error).message);
    }
    this.#orders--;
    this.#tell(host);
    this.#wake();
  }

  /** What was obtained is stored before it serves: the authority gives few of a kind. */
  async #obtained(host: Host): Promise<Pair> {
    const { source, folder, log } = this.#parts;
    const pair = await source.obtain(host.name, this.#way(host));
    const fault = pairFault(pair, host.name);
    if (fault !== undefined) throw new Error(fault);
    try {
      await folder.save(host.name, pair);
    } catch (error) {
      log.error({ host: host.name, error: (error as Error).message }, 'a certificate serves that cannot be stored');
    }
    return pair;
  }

  /** In turn, where there are several: what keeps one from working need not keep the other. */
  #way({ name, failures }: Host): ChallengeType {
    const ways = this.#parts.board.ways(name);
    const way = ways[failures % Math.max(1, ways.length)];
    if (way !== undefined) return way;
    throw new Error('no authority can look here: it needs a listener for this host on port 80 (HTTP) or 443 (HTTPS)');
  }

  #failed(host: Host, why: string): void {
    const { log } = this.#parts;
    host.failures++;
    this.#failedInAll++;
    const wait = retryAfter(host.failures, this.#chance());
    host.due = this.#now() + wait;
    const again = new Date(host.due).toISOString().replace(/\.\d+Z$/, 'Z');
    const until = host.life && new Date(host.life.until).toISOString().replace(/\.\d+Z$/, 'Z');
    const stays = until === undefined ? '' : `; the one that expires at ${until} stays in service`;
    host.problem = `the certificate for ${host.name} cannot be obtained: ${why}; tried again at ${again}${stays}`;
    log.warn({ host: host.name, failures: host.failures, again, error: why }, 'certificate not obtained');
  }

  #now(): number {
    return (this.#parts.now ?? Date.now)();
  }

  #chance(): number {
    return (this.#parts.chance ?? Math.random)();
  }
}

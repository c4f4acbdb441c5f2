/** Which country an address is in, by a file in MaxMind's format that somebody else keeps up to date. */
import { readFileSync, statSync, unwatchFile, watchFile } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { Reader } from 'mmdb-lib';
import type { MetricsSnapshot } from '../../observe/index.ts';
import { canonicalAddress } from '../../value/address.ts';
import { isObject } from '../../value/json-object.ts';

/** Most bytes of the file: databases of countries have some ten million, those of cities ten times as many. */
export const MAX_DATABASE_BYTES: number = 256 * 1024 * 1024;
/** Parsed records that are kept; there are some hundred countries. */
const MAX_RECORDS = 4_096;
/** Milliseconds between looks at the file. */
const LOOK_INTERVAL = 5_000;

type Database = Reader<never>;

export class CountryDatabase {
  /** Grows with each form of the file that is taken. */
  version = 0;
  readonly #path: string | undefined;
  #database: Database | null = null;
  readonly #look = (): void => void this.refresh();

  /** What cannot be read now may be later; until then, and without a path, nothing is known of any address. */
  constructor(path?: string) {
    this.#path = path;
    if (path === undefined) return;
    try {
      if (statSync(path).size <= MAX_DATABASE_BYTES) this.#take(readFileSync(path));
    } catch {
      // Told by the metric.
    }
    watchFile(path, { interval: LOOK_INTERVAL, persistent: false }, this.#look);
  }

  /** Null: of none, as far as is known; undefined: there is nothing to know it from. */
  countryOf(address: string): string | null | undefined {
    if (this.#database === null || isIP(address) === 0) return undefined;
    try {
      return countryIn(this.#database.get(canonicalAddress(address)));
    } catch {
      return undefined;
    }
  }

  /** Reads the file anew. One that is gone, or is written just now, changes nothing. */
  async refresh(): Promise<void> {
    if (this.#path === undefined) return;
    try {
      if ((await stat(this.#path)).size <= MAX_DATABASE_BYTES) this.#take(await readFile(this.#path));
    } catch {
      // The last good form stays.
    }
  }

  metrics(): MetricsSnapshot {
    const value = this.#database === null ? 0 : this.#database.metadata.buildEpoch.getTime() / 1_000;
    return [
      {
        name: 'daemun_country_database_built_timestamp_seconds',
        help: 'When the database of countries that is in use was made; 0: none could be read',
        type: 'gauge',
        merge: 'largest',
        series: [{ labels: {}, value }],
      },
    ];
  }

  close(): void {
    if (this.#path !== undefined) unwatchFile(this.#path, this.#look);
  }

  /** Throws for what is no database. */
  #take(bytes: Buffer): void {
    this.#database = new Reader<never>(bytes, { cache: new RecordCache() });
    this.version++;
  }
}

class RecordCache {
  readonly #records = new Map<unknown, unknown>();

  get(key: unknown): unknown {
    return this.#records.get(key);
  }

  set(key: unknown, value: unknown): void {
    if (this.#records.size >= MAX_RECORDS) this.#records.clear();
    this.#records.set(key, value);
  }
}

/** As MaxMind and DB-IP (`country.iso_code`) and as IPinfo (`country_code`, `country`) write it. */
function countryIn(record: unknown): string | null {
  if (!isObject(record)) return null;
  const { country, country_code: code } = record;
  const found = isObject(country) ? country.iso_code : (code ?? country);
  return typeof found === 'string' ? found : null;
}

/** What a rule says of a client by its address and the time of day, compiled: what costs least is asked first. */
import type { ClientRule } from '../../config/index.ts';
import { DaemunError } from '../../observe/index.ts';
import { Networks } from '../../value/networks.ts';
import type { CountryDatabase } from '../state/index.ts';
import { TimeWindows } from './time-window.ts';

export class CompiledClientRule {
  readonly name: string;
  /** Whether it asks where the client is: explain tells whoever did not say an address that the answer depends on it. */
  protected readonly asksAddress: boolean;
  readonly #networks: Networks | null;
  readonly #countries: ClientCountries | null;
  readonly #times: TimeWindows | null;
  // Clients ask often over one connection, whose address is one and the same text.
  #lastAddress = '';
  #lastHas = false;

  /** Throws DMN_CONFIG_INVALID for what cannot be compiled. */
  constructor({ name, addresses, countries, times }: ClientRule, database?: CountryDatabase) {
    this.name = name;
    this.#countries = countries === undefined ? null : new ClientCountries(countries, database);
    this.#networks = addresses.length === 0 ? null : new Networks(addresses);
    this.#times = times.length === 0 ? null : new TimeWindows(times);
    this.asksAddress = this.#networks !== null || this.#countries !== null;
  }

  /** `address`: any text where it does not ask. `unsure`: the answer where there is no database to ask. */
  takesClient(address: string, unsure: boolean): boolean {
    if (this.#networks !== null && !this.#has(this.#networks, address)) return false;
    if (this.#countries !== null && !this.#countries.has(address, unsure)) return false;
    return this.#times === null || this.#times.holds();
  }

  #has(networks: Networks, address: string): boolean {
    if (address !== this.#lastAddress) {
      this.#lastAddress = address;
      this.#lastHas = networks.has(address);
    }
    return this.#lastHas;
  }
}

/** Where clients are. Of one address of a connection it is looked up once. */
class ClientCountries {
  readonly #codes: ReadonlySet<string>;
  readonly #database: CountryDatabase;
  #address = '';
  #version = -1;
  #country: string | null | undefined;

  constructor(codes: readonly string[], database: CountryDatabase | undefined) {
    if (database === undefined) {
      const why =
        'countries are not known: start the data plane with --country-database FILE, or give the DaemunParameters of its Gateway a countryDatabase';
      throw new DaemunError('DMN_CONFIG_INVALID', why);
    }
    this.#codes = new Set(codes);
    this.#database = database;
  }

  /** An address that the database does not have is in no country; `unsure`: the answer where there is no database to ask. */
  has(address: string, unsure: boolean): boolean {
    const { version } = this.#database;
    if (address !== this.#address || version !== this.#version) {
      this.#address = address;
      this.#version = version;
      this.#country = this.#database.countryOf(address);
    }
    const country = this.#country;
    return country === undefined ? unsure : country !== null && this.#codes.has(country);
  }
}

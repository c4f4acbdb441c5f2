/** One rule about who may ask for what, compiled: what costs least is asked first. */
import type { AccessRule, ClaimMatch } from '../../config/index.ts';
import { DaemunError } from '../../observe/index.ts';
import { type CelContext, type CelTest, celClaims, compileCel } from '../../value/cel.ts';
import { Networks } from '../../value/networks.ts';
import { charge } from '../ground/allowance.ts';
import { ARENA } from '../ground/arena.ts';
import { FIELD_STRIDE, type Head, NAME_END, NAME_HASH, NAME_START, NO_NAME } from '../ground/head.ts';
import type { Reading } from '../match/condition.ts';
import type { CountryDatabase } from '../state/index.ts';
import type { FilterScope } from './filter.ts';
import { claimValues, IDENTITY, type Identity } from './identity.ts';
import { RequestMatches } from './request-match.ts';
import { TimeWindows } from './time-window.ts';

/** Of telling an expression one header line. */
const TOLD_STEPS = 200;

export class CompiledAccessRule {
  readonly name: string;
  readonly #networks: Networks | null;
  readonly #countries: ClientCountries | null;
  readonly #matches: RequestMatches | null;
  readonly #times: TimeWindows | null;
  readonly #claims: readonly ClaimMatch[] | null;
  readonly #cel: CelTest | null;
  // Clients ask often over one connection, whose address is one and the same text.
  #lastAddress = '';
  #lastHas = false;

  /** Throws DMN_CONFIG_INVALID for what cannot be compiled. */
  constructor(rule: AccessRule, reading: Reading, database?: CountryDatabase) {
    const { name, addresses, countries, methods, paths, headers, times, claims, cel } = rule;
    this.name = name;
    this.#countries = countries === undefined ? null : new ClientCountries(countries, database);
    this.#networks = addresses.length === 0 ? null : new Networks(addresses);
    this.#matches =
      methods.length + paths.length + headers.length === 0 ? null : matchesOf({ methods, paths, headers }, reading);
    this.#times = times.length === 0 ? null : new TimeWindows(times);
    this.#claims = claims ?? null;
    this.#cel = cel === undefined ? null : celOf(cel);
  }

  /** `unsure`: what an expression says that has no value for this request. */
  takes(scope: FilterScope, unsure: boolean): boolean {
    if (this.#networks !== null && !this.#has(this.#networks, scope.clientAddress)) return false;
    if (this.#countries !== null && !this.#countries.has(scope.clientAddress, unsure)) return false;
    if (this.#matches !== null && !this.#matches.holds(scope.head)) return false;
    if (this.#times !== null && !this.#times.holds()) return false;
    if (this.#claims !== null && !allSaid(this.#claims, scope.kept(IDENTITY))) return false;
    return this.#cel === null || says(this.#cel, scope, unsure);
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

/** Of nobody nothing is known. */
function allSaid(claims: readonly ClaimMatch[], identity: Identity | undefined): boolean {
  if (identity === undefined) return false;
  return claims.every(({ name, values }) => claimValues(identity.claims, name).some((one) => values.includes(one)));
}

const ANY_PATH: AccessRule['paths'] = [{ type: 'PathPrefix', value: '/' }];

/** One match for each pair of a method and a path: of each list one item must hold. */
function matchesOf(
  { methods, paths, headers }: Pick<AccessRule, 'methods' | 'paths' | 'headers'>,
  reading: Reading,
): RequestMatches {
  const all = (paths.length === 0 ? ANY_PATH : paths).flatMap((path) =>
    methods.length === 0
      ? [{ path, headers, query: [] }]
      : methods.map((method) => ({ path, method, headers, query: [] })),
  );
  return new RequestMatches(all, reading);
}

function celOf(expression: string): CelTest {
  try {
    return compileCel(expression);
  } catch (cause) {
    throw new DaemunError('DMN_CONFIG_INVALID', `cel: ${(cause as Error).message}`, { cause });
  }
}

/** Who asks must be known before it can be asked. */
export function needsIdentity({ claims, cel }: AccessRule): boolean {
  return claims !== undefined || (cel !== undefined && celOf(cel).readsIdentity);
}

/** By identity: one that is known by heart is brought into CEL's form once. */
const AUTH = new WeakMap<Identity, NonNullable<CelContext['request']['auth']>>();

function authOf(identity: Identity): NonNullable<CelContext['request']['auth']> {
  let auth = AUTH.get(identity);
  if (auth === undefined)
    AUTH.set(identity, (auth = { subject: identity.subject, claims: celClaims(identity.claims) }));
  return auth;
}

function says(cel: CelTest, scope: FilterScope, unsure: boolean): boolean {
  const { head, clientAddress } = scope;
  const identity = cel.readsIdentity ? scope.kept(IDENTITY) : undefined;
  const bytes = head.end - head.start;
  charge(cel.stepsFor(bytes, head.count) + bytes + head.count * TOLD_STEPS);
  try {
    return cel({
      request: {
        method: head.method(),
        path: head.path(),
        query: head.query(),
        host: head.host(),
        headers: headersOf(head),
        ...(identity === undefined ? {} : { auth: authOf(identity) }),
      },
      source: { address: clientAddress },
    });
  } catch {
    return unsure;
  }
}

function headersOf(head: Head): Record<string, string> {
  const headers: Record<string, string> = Object.create(null);
  for (let i = 0; i < head.count; i++) {
    const at = i * FIELD_STRIDE;
    if (head.fields[at + NAME_HASH] === NO_NAME) continue;
    const name = ARENA.latin1Slice(head.fields[at + NAME_START]!, head.fields[at + NAME_END]!).toLowerCase();
    const before = headers[name];
    headers[name] = before === undefined ? head.value(i) : before + (name === 'cookie' ? '; ' : ',') + head.value(i);
  }
  return headers;
}

/** One rule about who may ask for what, compiled: what costs least is asked first. */
import type { AccessRule, ClaimMatch } from '../../config/index.ts';
import { DaemunError } from '../../observe/index.ts';
import { type CelContext, type CelTest, celClaims, compileCel } from '../../value/cel.ts';
import { charge } from '../ground/allowance.ts';
import { ARENA } from '../ground/arena.ts';
import { FIELD_STRIDE, type Head, NAME_END, NAME_HASH, NAME_START, NO_NAME } from '../ground/head.ts';
import type { Reading } from '../match/condition.ts';
import type { CountryDatabase } from '../state/index.ts';
import { CompiledClientRule } from './client-rule.ts';
import type { FilterScope } from './filter.ts';
import { claimValues, IDENTITY, type Identity } from './identity.ts';
import { RequestMatches } from './request-match.ts';

/** Of telling an expression one header line. */
const TOLD_STEPS = 200;

export class CompiledAccessRule extends CompiledClientRule {
  readonly #matches: RequestMatches | null;
  readonly #claims: readonly ClaimMatch[] | null;
  readonly #cel: CelTest | null;

  /** Throws DMN_CONFIG_INVALID for what cannot be compiled. */
  constructor(rule: AccessRule, reading: Reading, database?: CountryDatabase) {
    super(rule, database);
    const { methods, paths, headers, claims, cel } = rule;
    this.#matches =
      methods.length + paths.length + headers.length === 0 ? null : matchesOf({ methods, paths, headers }, reading);
    this.#claims = claims ?? null;
    this.#cel = cel === undefined ? null : celOf(cel);
  }

  /** `unsure`: what an expression says that has no value for this request. */
  takes(scope: FilterScope, unsure: boolean): boolean {
    if (!this.takesClient(this.asksAddress ? scope.clientAddress : '', unsure)) return false;
    if (this.#matches !== null && !this.#matches.holds(scope.head)) return false;
    if (this.#claims !== null && !allSaid(this.#claims, scope.kept(IDENTITY))) return false;
    return this.#cel === null || says(this.#cel, scope, unsure);
  }
}

/** Of nobody nothing is known. */
function allSaid(claims: readonly ClaimMatch[], identity: Identity | undefined): boolean {
  if (identity === undefined) return false;
  return claims.every(({ name, values }) => {
    const said = claimValues(identity.claims, name);
    return (SCOPES.has(name) ? withWords(said) : said).some((one) => values.includes(one));
  });
}

/** Claims that are lists of words in one text (RFC 6749, section 3.3). */
const SCOPES: ReadonlySet<string> = new Set(['scope', 'scp']);

function withWords(said: readonly string[]): string[] {
  return said.flatMap((one) => [one, ...one.split(' ')]);
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

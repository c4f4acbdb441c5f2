/** Which claims a token must have. */
import type { AccessEntry, Authentication } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import { MOST_CLAIMS, NOBODY } from '../ours.ts';

export interface ClaimParts {
  claims: NonNullable<Authentication['claimsToHeaders']>;
  allow: AccessEntry[];
}

type Wanted = NonNullable<AccessEntry['claims']>;

/** Of rules that must all hold, ways to meet them: each is an entry. */
const MOST_WAYS = 32;

/** Where nobody says otherwise one of the rules is enough, and of a rule one of its claims. Answers the issuers that are asked for. */
export function claimRules(asked: Fields | undefined, { claims, allow }: ClaimParts): string[] {
  if (asked === undefined) return [];
  const issuers = new Set<string>();
  const require = asked.oneOf('require', ['All', 'Any'], { ours: 'AccessPolicy allow' });
  const rules = asked.objects('rules').map((rule): Wanted[] => {
    const isWhole = rule.oneOf('require', ['All', 'Any'], { ours: 'AccessPolicy allow[].claims' }) === 'All';
    const wanted = rule.objects('claims').map((claim) => {
      const header = claim.text('proxySetHeader', { ours: 'claimsToHeaders' });
      const one = claimOf(claim);
      if (header !== undefined && one !== undefined) claims.push({ name: header, claim: one.name });
      if (one?.name === 'iss') for (const value of one.values) issuers.add(value);
      return one;
    });
    const known = wanted.filter((one) => one !== undefined);
    if (!isWhole) return known.map((one) => [one]);
    // With a claim less a rule would let more in.
    return known.length === wanted.length ? [known] : [];
  });
  const ways = require === 'All' ? together(rules) : rules.flat();
  const isBounded = ways.length <= MOST_WAYS && ways.every((one) => one.length <= MOST_CLAIMS);
  if (!isBounded) {
    const why = `are met in more than ${MOST_WAYS} ways, or by more than ${MOST_CLAIMS} claims: nobody is let in`;
    asked.refuse('rules', why);
  }
  allow.push(...(isBounded && ways.length > 0 ? ways.map((one) => ({ claims: one })) : NOBODY));
  return [...issuers];
}

function claimOf(claim: Fields): Wanted[number] | undefined {
  const name = claim.text('name', { ours: 'AccessPolicy allow[].claims' });
  const values = claim.texts('values') ?? [];
  claim.only('match', 'Exact', 'claims are compared exactly: list the values');
  const isExact = !claim.has('match') || claim.text('match') === 'Exact';
  // There, slashes stand between the names on the way to a claim.
  return name === undefined || !isExact ? undefined : { name: name.replaceAll('/', '.'), values };
}

/** One of each. */
function together(rules: readonly Wanted[][]): Wanted[] {
  let ways: Wanted[] = [[]];
  for (const rule of rules) {
    ways = ways.flatMap((way) => rule.map((one) => [...way, ...one]));
    if (ways.length > MOST_WAYS) break;
  }
  return ways;
}

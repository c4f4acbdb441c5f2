import type { AccessEntry, AccessRules, HTTPRouteMatch } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import { isLost } from '../finding.ts';
import { MOST_CLAIMS, NOBODY } from '../ours.ts';
import { compact } from '../suggest/compact.ts';
import type { ClaimLines } from './claim-line.ts';

/** The first rule that fits counts there; here whoever deny takes is refused first. */
export function authorization(asked: Fields | undefined, lines: ClaimLines): Pick<AccessRules, 'deny' | 'allow'> {
  if (asked === undefined) return {};
  const fallback = asked.oneOf('defaultAction', ['Allow', 'Deny'], { ours: 'AccessPolicy allow' }) ?? 'Deny';
  const rules = asked.objects('rules').map((rule) => ({
    action: rule.oneOf('action', ['Allow', 'Deny'], { ours: 'AccessPolicy deny and allow' }),
    entry: entryOf(rule, lines),
    isWhole: !rule.findings.some((one) => one.field.startsWith(`${rule.path}.`) && isLost(one)) && rule.isKnown(),
  }));
  const firstAllow = rules.findIndex(({ action }) => action === 'Allow');
  const lastDeny = rules.findLastIndex(({ action }) => action === 'Deny');
  if (firstAllow >= 0 && firstAllow < lastDeny) {
    const why =
      'one that allows stands before one that denies, which comes first here: nobody is let in until they are in that order';
    asked.refuse('rules', why);
    return { allow: NOBODY };
  }
  // With a condition less a rule would let more in.
  const allow = rules.flatMap(({ action, entry, isWhole }) =>
    action === 'Allow' && isWhole ? [entry ?? ANYBODY] : [],
  );
  const deny = rules.flatMap(({ action, entry }) => (action === 'Deny' ? [entry ?? ANYBODY] : []));
  const denying = deny.length > 0 ? { deny } : {};
  return fallback === 'Allow' ? denying : { ...denying, allow: allow.length > 0 ? allow : NOBODY };
}

const ANYBODY: AccessEntry = { cel: 'true' };

function entryOf(rule: Fields, lines: ClaimLines): AccessEntry | undefined {
  const name = rule.text('name', { ours: 'AccessPolicy deny[].name' });
  rule.lost('cel', "Envoy's expressions see other names: write cel of an AccessPolicy");
  const operation = rule.object('operation');
  const methods = operation?.texts('methods', { ours: 'AccessPolicy methods' });
  const path = operation?.object('path');
  path?.only('invert', false, 'write the other paths');
  const type = path?.oneOf('type', ['Exact', 'PathPrefix', 'RegularExpression']) ?? 'PathPrefix';
  const value = path?.text('value', { ours: 'AccessPolicy paths' });
  const principal = rule.object('principal');
  const countries = countriesOf(principal?.objects('clientIPGeoLocations') ?? []);
  const addresses = principal?.texts('clientCIDRs', { ours: 'AccessPolicy addresses' });
  const said = (principal?.objects('headers') ?? []).map((one) => headerOf(one, lines));
  const claims = [...said.flatMap(({ claim }) => claim ?? []), ...claimsOf(principal?.object('jwt'))];
  if (claims.length > MOST_CLAIMS) principal?.refuse('jwt', `asks for more than ${MOST_CLAIMS} claims`);
  const paths: Array<HTTPRouteMatch['path']> = value === undefined ? [] : [{ type, value }];
  const conditions = compact<AccessEntry>({
    ...(addresses === undefined ? {} : { addresses }),
    countries,
    ...(methods === undefined ? {} : { methods }),
    paths,
    headers: said.flatMap(({ header }) => header ?? []),
    claims: claims.slice(0, MOST_CLAIMS),
  });
  return conditions && { ...(name === undefined ? {} : { name }), ...conditions };
}

/** One of several places is enough: without one that is not known a rule that denies would take fewer. */
function countriesOf(places: readonly Fields[]): string[] {
  const countries = places.map((place) => {
    for (const finer of ['region', 'city', 'asn', 'isp', 'anonymous']) {
      place.lost(finer, 'of an address the country alone can be known: name networks');
    }
    const differs = 'is known by the file that --country-database names';
    return place.text('country', { ours: 'AccessPolicy countries', differs })?.toUpperCase();
  });
  const known = countries.filter((one) => one !== undefined);
  return known.length < countries.length ? [] : [...new Set(known)];
}

interface Said {
  header?: NonNullable<AccessEntry['headers']>[number];
  claim?: NonNullable<AccessEntry['claims']>[number];
}

function headerOf(header: Fields, lines: ClaimLines): Said {
  const name = header.text('name');
  const values = header.texts('values') ?? [];
  const claim = lines.get(name?.toLowerCase() ?? '');
  const differs = 'the line is written by what is known of who asks';
  header.text(
    'name',
    claim === undefined ? { ours: 'AccessPolicy headers' } : { ours: 'AccessPolicy claims', differs },
  );
  if (name === undefined || values.length === 0) return {};
  if (claim !== undefined) return { claim: { name: claim, values } };
  if (values.length === 1) return { header: { type: 'Exact', name, value: values[0]! } };
  const alternatives = values.map((value) => value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return { header: { type: 'RegularExpression', name, value: `^(?:${alternatives.join('|')})$` } };
}

function claimsOf(jwt: Fields | undefined): NonNullable<AccessEntry['claims']> {
  if (jwt === undefined) return [];
  jwt.text('provider', { differs: 'claims are of whoever said who it is' });
  const scopes = jwt.texts('scopes', {
    ours: 'AccessPolicy claims',
    differs: 'are looked for in scope: where the issuer writes scp, write that',
  });
  const claims = jwt.objects('claims').flatMap((claim) => {
    const name = claim.text('name', { ours: 'AccessPolicy claims' });
    claim.oneOf('valueType', ['String', 'StringArray']);
    const values = claim.texts('values');
    return name === undefined || values === undefined ? [] : [{ name, values }];
  });
  return [...claims, ...(scopes ?? []).map((scope) => ({ name: 'scope', values: [scope] }))];
}

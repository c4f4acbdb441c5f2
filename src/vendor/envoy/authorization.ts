import type { AccessEntry, AccessRules, HTTPRouteMatch } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import { isLost } from '../finding.ts';
import { compact } from '../suggest/compact.ts';

/** The first rule that fits counts there; here whoever deny takes is refused first. */
export function authorization(asked: Fields | undefined): Pick<AccessRules, 'deny' | 'allow'> {
  if (asked === undefined) return {};
  const fallback = asked.oneOf('defaultAction', ['Allow', 'Deny'], { ours: 'AccessPolicy allow' }) ?? 'Deny';
  const rules = asked.objects('rules').map((rule) => ({
    action: rule.oneOf('action', ['Allow', 'Deny'], { ours: 'AccessPolicy deny and allow' }),
    entry: entryOf(rule),
    isWhole: !rule.findings.some((one) => one.field.startsWith(`${rule.path}.`) && isLost(one)),
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

const NOBODY: AccessEntry[] = [{ name: 'nobody', cel: 'false' }];
const ANYBODY: AccessEntry = { cel: 'true' };

function entryOf(rule: Fields): AccessEntry | undefined {
  const name = rule.text('name', { ours: 'AccessPolicy deny[].name' });
  rule.lost('cel', "Envoy's expressions see other names: write cel of an AccessPolicy");
  const operation = rule.object('operation');
  const methods = operation?.texts('methods', { ours: 'AccessPolicy methods' });
  const path = operation?.object('path');
  path?.only('invert', false, 'write the other paths');
  const type = path?.oneOf('type', ['Exact', 'PathPrefix', 'RegularExpression']) ?? 'PathPrefix';
  const value = path?.text('value', { ours: 'AccessPolicy paths' });
  const principal = rule.object('principal');
  principal?.lost('clientIPGeoLocations', 'where an address is is not known: name networks');
  const addresses = principal?.texts('clientCIDRs', { ours: 'AccessPolicy addresses' });
  const headers = (principal?.objects('headers') ?? []).flatMap(headerOf);
  const paths: Array<HTTPRouteMatch['path']> = value === undefined ? [] : [{ type, value }];
  const conditions = compact<AccessEntry>({
    ...(addresses === undefined ? {} : { addresses }),
    ...(methods === undefined ? {} : { methods }),
    paths,
    headers,
    claims: claimsOf(principal?.object('jwt')),
  });
  return conditions && { ...(name === undefined ? {} : { name }), ...conditions };
}

function headerOf(header: Fields): NonNullable<AccessEntry['headers']> {
  const name = header.text('name', { ours: 'AccessPolicy headers' });
  const values = header.texts('values') ?? [];
  if (name === undefined || values.length === 0) return [];
  if (values.length === 1) return [{ type: 'Exact', name, value: values[0]! }];
  const alternatives = values.map((value) => value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return [{ type: 'RegularExpression', name, value: `^(?:${alternatives.join('|')})$` }];
}

function claimsOf(jwt: Fields | undefined): NonNullable<AccessEntry['claims']> {
  if (jwt === undefined) return [];
  jwt.text('provider', { differs: 'claims are of whoever said who it is' });
  jwt.lost('scopes', 'write claims with name scope');
  return jwt.objects('claims').flatMap((claim) => {
    const name = claim.text('name', { ours: 'AccessPolicy claims' });
    claim.oneOf('valueType', ['String', 'StringArray']);
    const values = claim.texts('values');
    return name === undefined || values === undefined ? [] : [{ name, values }];
  });
}

/** Rules of policies in words: by the name that they have, or by their place. */
import type {
  AccessRule,
  AccessSettings,
  AuthenticationMethod,
  AuthenticationSettings,
  ClientRule,
  Limit,
  OidcMethod,
  RateLimitSettings,
  RedisSettings,
  StreamAccessSettings,
} from '../../config/index.ts';
import type { RuleWords } from '../../proxy/rehearsal/index.ts';
import { externalAuthText } from './external-auth-text.ts';

/** A rule without a name is called by its place in its list: `0`, which nobody wrote. */
function calledSo(name: string, at: number, list: string): string {
  return name === String(at) ? `${list}[${at}]` : name;
}

/** The place that a rule had in its list as it was written, where others of it are left out; or `at`. */
export function writtenPlace({ name }: { name: string }, at: number): number {
  return /^\d+$/.test(name) ? Number(name) : at;
}

/** Which rule of its policy decided: by its name, or by its place and what it says. */
export const ruleWords: RuleWords = (act, rule, list) => {
  const at = Number(rule);
  if (act?.settings === undefined || !Number.isInteger(at)) return rule;
  // The settings are of the type that stands beside them.
  switch (act.type) {
    case 'Access': {
      const found = (act.settings as AccessSettings)[list][at];
      return found?.name === rule ? accessRuleText(found, at, list) : rule;
    }
    case 'StreamAccess': {
      const found = (act.settings as StreamAccessSettings)[list].find(({ name }) => name === rule);
      return found === undefined ? rule : clientRuleText(found, at, list);
    }
    case 'StreamLimits': {
      return calledSo(rule, at, 'limits');
    }
    case 'Authentication': {
      const found = (act.settings as AuthenticationSettings).methods[at];
      return found?.name === rule ? methodText(found, at) : rule;
    }
    case 'RateLimit': {
      const found = (act.settings as RateLimitSettings).limits[at];
      return found?.name === rule ? calledSo(rule, at, 'limits') : rule;
    }
    default:
      return rule;
  }
};

export function accessRuleText(rule: AccessRule, at: number, list: 'deny' | 'allow'): string {
  return `${calledSo(rule.name, at, list)} (${conditionsText(rule)})`;
}

/** Of a client alone. */
export function clientRuleText(rule: ClientRule, at: number, list: 'deny' | 'allow'): string {
  return accessRuleText({ ...rule, methods: [], paths: [], headers: [] }, at, list);
}

function conditionsText({
  addresses,
  countries = [],
  methods,
  paths,
  headers,
  times,
  claims = [],
  cel,
}: AccessRule): string {
  const conditions = [
    addresses.length > 0 ? `from ${some(addresses)}` : '',
    countries.length > 0 ? `of ${some(countries)}` : '',
    some(methods),
    some(paths.map(({ type, value }) => `${type} ${value}`)),
    // Values may be secrets.
    headers.length > 0 ? `with header ${some(headers.map((header) => header.name))}` : '',
    times.length > 0 ? 'at some times' : '',
    claims.length > 0 ? `with claim ${some(claims.map((claim) => claim.name))}` : '',
    cel === undefined ? '' : `where ${cel}`,
  ];
  return conditions.filter((text) => text !== '').join(', ');
}

/** `at`: its place among the methods. */
export function methodText(method: AuthenticationMethod, at: number): string {
  const name = calledSo(method.name, at, 'methods');
  switch (method.type) {
    case 'Broken':
      return `${name} (lets nobody in: ${method.message})`;
    case 'Basic':
      return `${name} (user and password)`;
    case 'Digest':
      return `${name} (user and password, as a digest)`;
    case 'Oidc':
      return `${name} (signs in at ${method.issuer}, and comes back to ${method.callbackPath}${sharedText(method)})`;
    case 'External':
      return `${name} (${externalAuthText(method.auth)})`;
    case 'ApiKey':
      return `${name} (a key)`;
    case 'ClientCertificate':
      return `${name} (a client certificate${method.match.length > 0 ? ` with ${some(method.match.map(({ field, value }) => `${field} ${value}`))}` : ''})`;
    case 'Jwt':
      return `${name} (a token of ${some(method.providers.map(({ issuer }) => issuer))})`;
  }
}

/** Where Redis is, without what it is logged in to with. */
export function storeText({ kind, servers }: RedisSettings): string {
  return `${kind} ${servers.map(({ host, port }) => `${host}:${port}`).join(', ')}`;
}

function sharedText({ shared }: Pick<OidcMethod, 'shared'>): string {
  return shared === undefined ? '' : `; who has signed out all gateways know by Redis (${storeText(shared.redis)})`;
}

/** `at`: its place among the limits. */
export function limitText(limit: Limit, at: number): string {
  const by = limit.key.map(({ type, name }) => (name === undefined ? type : `${type} ${name}`)).join(' and ');
  const rest = [
    by === '' ? '' : ` for each ${by}`,
    limit.when.length > 0 ? ', of some requests' : '',
    limit.exempt.length > 0 ? `, but not ${limit.exempt.join(', ')}` : '',
    limit.dryRun ? ' (dry run)' : '',
  ].join('');
  return `${calledSo(limit.name, at, 'limits')}: ${amountText(limit)}${rest}`;
}

function amountText(limit: Limit): string {
  switch (limit.type) {
    case 'Requests':
      return `${limit.requests} in ${limit.period / 1000} s, ${limit.burst} at once`;
    case 'Connections':
      return `${limit.maxConnections} under way`;
    case 'Bandwidth':
      return `${limit.bytesPerSecond} bytes a second${limit.afterBytes > 0 ? ` after ${limit.afterBytes}` : ''}`;
  }
}

export function some(items: readonly string[], most = 3): string {
  return items.length > most ? `${items.slice(0, most).join(', ')} and ${items.length - most} more` : items.join(', ');
}

import type { AccessEntry, Authentication, AuthenticationEntry, JwtProviderEntry } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import { ownPolicy } from '../ours.ts';
import { compact } from '../suggest/compact.ts';
import { extensionTargets, withoutExtension } from '../suggest/extension.ts';
import { duration } from '../suggest/quantity.ts';
import { referenceTo } from '../suggest/target.ts';
import type { VendorKind } from '../suggest/vendor-kind.ts';
import { NGINX_GROUP } from './group.ts';

const KIND = 'AuthenticationFilter';

export const authenticationFilter: VendorKind = {
  group: NGINX_GROUP,
  kind: KIND,
  suggest(spec, { namespace, name, site }) {
    spec.oneOf('type', ['Basic', 'JWT', 'OIDC'], { ours: 'AuthenticationPolicy methods[]' });
    const claims: NonNullable<Authentication['claimsToHeaders']> = [];
    const allow: AccessEntry[] = [];
    const method =
      basicOf(spec.object('basic')) ?? jwtOf(spec.object('jwt'), { claims, allow }) ?? oidcOf(spec.object('oidc'));
    if (method === undefined) return {};
    const targetRefs = extensionTargets(site, { kind: KIND, namespace, name }).map(referenceTo);
    if (targetRefs.length === 0) {
      spec.refuse('extensionRef', 'no HTTPRoute refers to it: check it together with its routes');
      return {};
    }
    const settings = { targetRefs, methods: [method], ...(claims.length > 0 ? { claimsToHeaders: claims } : {}) };
    const access = allow.length > 0 ? [ownPolicy('AccessPolicy', { namespace, name }, { targetRefs, allow })] : [];
    return {
      objects: [ownPolicy('AuthenticationPolicy', { namespace, name }, settings), ...access],
      edits: withoutExtension(site, { kind: KIND, namespace, name }),
    };
  },
};

function secretName(reference: Fields | undefined): string | undefined {
  return reference?.text('name', { ours: 'secretRef' });
}

function basicOf(basic: Fields | undefined): AuthenticationEntry | undefined {
  const name = secretName(basic?.object('secretRef'));
  const realm = basic?.text('realm', { ours: 'methods[].basic.realm' });
  if (name === undefined) return undefined;
  const secretRef = { group: '', kind: 'Secret', name };
  return { name: 'basic', basic: { secretRef, format: 'AuthFile', ...(realm === undefined ? {} : { realm }) } };
}

interface ClaimParts {
  claims: NonNullable<Authentication['claimsToHeaders']>;
  allow: AccessEntry[];
}

function jwtOf(jwt: Fields | undefined, parts: ClaimParts): AuthenticationEntry | undefined {
  if (jwt === undefined) return undefined;
  const realm = jwt.text('realm', { ours: 'methods[].jwt.realm' });
  jwt.oneOf('source', ['File', 'Remote']);
  const clockSkew = duration(jwt, 'leeway', { ours: 'methods[].jwt.providers[].clockSkew' });
  const refreshInterval = duration(jwt, 'keyCache', { ours: 'methods[].jwt.providers[].jwks.refreshInterval' });
  const name = secretName(jwt.object('file')?.object('secretRef'));
  const remote = jwt.object('remote');
  const url = remote?.text('uri', { ours: 'methods[].jwt.providers[].jwks.url' });
  remote?.lost('caCertificateRefs', 'write jwks.caCertificateRef, with a ConfigMap');
  const issuer = authorization(jwt.object('authorization'), parts);
  if (issuer === undefined) {
    jwt.refuse(
      'authorization',
      'an issuer must be known: write methods[].jwt.providers[].issuer, or a rule with the claim iss',
    );
    return undefined;
  }
  const jwks =
    url === undefined
      ? { secretRef: { group: '', kind: 'Secret', name: name ?? '', key: 'auth' } }
      : compact({ url, refreshInterval })!;
  const provider = compact<JwtProviderEntry>({ issuer, jwks, ...(clockSkew === undefined ? {} : { clockSkew }) })!;
  return { name: 'jwt', jwt: { providers: [provider], ...(realm === undefined ? {} : { realm }) } };
}

/** Answers the issuer that is asked for. */
function authorization(asked: Fields | undefined, { claims, allow }: ClaimParts): string | undefined {
  let issuer: string | undefined;
  asked?.only('require', 'Any', 'write AccessPolicies: each must let the request pass');
  for (const rule of asked?.objects('rules') ?? []) {
    rule.only('require', 'All', 'each of the claims of one rule must hold');
    const wanted = rule.objects('claims').flatMap((claim) => {
      const name = claim.text('name', { ours: 'AccessPolicy allow[].claims' });
      const values = claim.texts('values') ?? [];
      claim.only('match', 'Exact', 'claims are compared exactly: list the values');
      const header = claim.text('proxySetHeader', { ours: 'claimsToHeaders' });
      if (name === undefined) return [];
      if (header !== undefined) claims.push({ name: header, claim: name });
      if (name === 'iss') issuer ??= values[0];
      return name === 'iss' ? [] : [{ name, values }];
    });
    if (wanted.length > 0) allow.push({ claims: wanted });
  }
  return issuer;
}

function oidcOf(oidc: Fields | undefined): AuthenticationEntry | undefined {
  if (oidc === undefined) return undefined;
  const issuer = oidc.text('issuer', { ours: 'methods[].oidc.issuer' });
  const clientId = oidc.text('clientID', { ours: 'methods[].oidc.clientId' });
  const name = oidc.object('clientSecretRef')?.text('name', {
    ours: 'methods[].oidc.secretRef',
    differs: 'the Secret needs cookie-secret, too',
  });
  const session = oidc.object('session');
  const cookie = compact({ name: session?.text('cookieName', { ours: 'methods[].oidc.cookie.name' }) });
  const sessionLifetime = session && duration(session, 'timeout', { ours: 'methods[].oidc.sessionLifetime' });
  const logout = oidc.object('logout');
  const logoutPath = ownPath(logout, 'uri', 'methods[].oidc.logoutPath');
  const afterLogout = ownPath(logout, 'postLogoutURI', 'methods[].oidc.afterLogout');
  logout?.lost('frontChannelLogoutURI', 'write backchannelLogoutPath: the provider itself says who has signed out');
  logout?.lost('tokenHint', 'id_token_hint is sent where the provider has a place to sign out');
  oidc.only('pkce', true, 'is always used');
  const callbackPath = ownPath(oidc, 'redirectURI', 'methods[].oidc.callbackPath');
  oidc.lost('extraAuthArgs', 'scopes can be given, and nothing else');
  oidc.lost('configURL', 'is found from the issuer');
  oidc.lost('crlSecretRef', 'certificates of providers are verified, and no lists of revoked ones');
  oidc.lost('authorization', 'an AccessPolicy with allow[].claims asks for them');
  oidc.lost('caCertificateRefs', 'write methods[].oidc.caCertificateRef, with a ConfigMap');
  if (issuer === undefined || clientId === undefined || name === undefined) return undefined;
  const secretRef = { group: '', kind: 'Secret', name };
  return {
    name: 'oidc',
    oidc: compact({ issuer, clientId, secretRef, sessionLifetime, callbackPath, logoutPath, afterLogout, cookie })!,
  } as AuthenticationEntry;
}

function ownPath(fields: Fields | undefined, name: string, ours: string): string | undefined {
  const path = fields?.text(name, { ours });
  if (path === undefined || /^\/(?!\/)[A-Za-z0-9/._~-]*$/.test(path)) return path;
  fields!.refuse(name, `${path} is no path of the site itself, of letters, digits, ".", "_", "~" and "-"`);
  return undefined;
}

import type { AuthenticationEntry, JwtProviderEntry } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import { ownPolicy } from '../ours.ts';
import { compact } from '../suggest/compact.ts';
import { extensionTargets, withoutExtension } from '../suggest/extension.ts';
import { duration } from '../suggest/quantity.ts';
import { referenceTo } from '../suggest/target.ts';
import type { VendorKind } from '../suggest/vendor-kind.ts';
import { type ClaimParts, claimRules } from './claim-rule.ts';
import { NGINX_GROUP } from './group.ts';

const KIND = 'AuthenticationFilter';

export const authenticationFilter: VendorKind = {
  group: NGINX_GROUP,
  kind: KIND,
  suggest(spec, { namespace, name, site }) {
    spec.oneOf('type', ['Basic', 'JWT', 'OIDC'], { ours: 'AuthenticationPolicy methods[]' });
    const parts: ClaimParts = { claims: [], allow: [] };
    const method =
      basicOf(spec.object('basic')) ?? jwtOf(spec.object('jwt'), parts) ?? oidcOf(spec.object('oidc'), parts);
    if (method === undefined) return {};
    if (!spec.isKnown()) {
      spec.refuse(
        'type',
        'a field that nobody knows may keep somebody out: the filter stays in its routes, which answer 500',
      );
      return {};
    }
    const targetRefs = extensionTargets(site, { kind: KIND, namespace, name }).map(referenceTo);
    if (targetRefs.length === 0) {
      spec.refuse('extensionRef', 'no HTTPRoute refers to it: check it together with its routes');
      return {};
    }
    const { claims, allow } = parts;
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
  const issuers = claimRules(jwt.object('authorization'), parts);
  if (issuers.length === 0) {
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
  const skew = clockSkew === undefined ? {} : { clockSkew };
  const providers = issuers.map((issuer) => compact<JwtProviderEntry>({ issuer, jwks, ...skew })!);
  return { name: 'jwt', jwt: { providers, ...(realm === undefined ? {} : { realm }) } };
}

function oidcOf(oidc: Fields | undefined, parts: ClaimParts): AuthenticationEntry | undefined {
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
  claimRules(oidc.object('authorization'), parts);
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

/** Passwords, keys and signing in. */
import type { AuthenticationEntry, CredentialPlaceEntry } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import { ownSecret } from '../ours.ts';
import { compact } from '../suggest/compact.ts';
import type { VendorPlace } from '../suggest/vendor-kind.ts';
import type { AuthenticationParts } from './authentication-parts.ts';

/** A reference to a Secret. */
export function secretRef(
  reference: Fields | undefined,
  ours: string,
): { group: string; kind: string; name: string; namespace?: string } | undefined {
  reference?.text('group');
  reference?.text('kind');
  const name = reference?.text('name', { ours });
  const namespace = reference?.text('namespace');
  if (name === undefined) return undefined;
  return { group: '', kind: 'Secret', name, ...(namespace === undefined ? {} : { namespace }) };
}

/** Where Envoy Gateway has the lines of htpasswd. */
const HTPASSWD = '.htpasswd';

export function basicOf(
  basic: Fields | undefined,
  { namespace, name, site }: VendorPlace,
  parts: AuthenticationParts,
): AuthenticationEntry | undefined {
  const users = secretRef(basic?.object('users'), 'methods[].basic.secretRef');
  header(basic, 'forwardUsernameHeader', parts);
  if (basic === undefined || users === undefined) return undefined;
  const lines = site.find('Secret', users.namespace ?? namespace, users.name)?.data?.[HTPASSWD];
  const differs = 'the lines stand under the key auth here';
  const made = `${name}-users`;
  if (lines === undefined) {
    const why = `${differs}: write a Secret ${made} with what Secret ${users.name} has under ${HTPASSWD}`;
    basic.findings.push({ field: basic.at('users'), fate: 'Differs', ours: 'methods[].basic.secretRef', why });
  } else
    parts.objects.push(ownSecret({ namespace, name: made }, { auth: Buffer.from(lines, 'base64').toString('utf8') }));
  return { name: 'basic', basic: { secretRef: { group: '', kind: 'Secret', name: made }, format: 'AuthFile' } };
}

export function apiKeyOf(keys: Fields | undefined, parts: AuthenticationParts): AuthenticationEntry | undefined {
  if (keys === undefined) return undefined;
  const secretRefs = keys
    .objects('credentialRefs')
    .flatMap((one) => secretRef(one, 'methods[].apiKey.secretRefs') ?? []);
  const ours = 'methods[].apiKey.from';
  const from = keys
    .objects('extractFrom')
    .flatMap((one): CredentialPlaceEntry[] => [
      ...(one.texts('headers', { ours }) ?? []).map((name) => ({ header: name })),
      ...(one.texts('params', { ours }) ?? []).map((query) => ({ query })),
      ...(one.texts('cookies', { ours }) ?? []).map((cookie) => ({ cookie })),
    ]);
  header(keys, 'forwardClientIDHeader', parts);
  const sanitize = keys.flag('sanitize', { ours: 'methods[].apiKey.forwardCredential' });
  if (secretRefs.length === 0) return undefined;
  const apiKey = { secretRefs, ...(from.length > 0 ? { from } : {}), forwardCredential: sanitize !== true };
  return { name: 'api-key', apiKey };
}

/** A line for the backend that says who asks. */
function header(fields: Fields | undefined, name: string, { claimsToHeaders }: AuthenticationParts): void {
  const line = fields?.text(name, { ours: 'claimsToHeaders' });
  if (line !== undefined) claimsToHeaders.push({ name: line, claim: 'sub' });
}

const LOST: Readonly<Record<string, string>> = {
  clientIDRef: 'write methods[].oidc.clientId',
  cookieNames: 'all of a session is in one sealed cookie: methods[].oidc.cookie.name',
  resources: 'scopes can be given, and nothing else',
  denyRedirect: 'apiPaths names paths that get 401',
  forwardAccessToken: 'claimsToHeaders tells backends who it is',
  forwardIDToken: 'claimsToHeaders tells backends who it is',
  defaultTokenTTL: 'the provider says how long a token holds',
  defaultRefreshTokenTTL: 'sessionLifetime ends a session',
  csrfTokenTTL: 'signing in has its own time',
  passThroughAuthHeader: 'write two methods and require: Any',
};

export function oidcOf(oidc: Fields | undefined): AuthenticationEntry | undefined {
  if (oidc === undefined) return undefined;
  for (const [field, why] of Object.entries(LOST)) oidc.lost(field, why);
  oidc.only('disableTokenEncryption', false, 'cookies are always sealed');
  oidc.only('refreshToken', true, 'a session is kept alive where the provider gives a refresh token');
  const provider = oidc.object('provider');
  const issuer = provider?.text('issuer', { ours: 'methods[].oidc.issuer' });
  for (const name of ['authorizationEndpoint', 'tokenEndpoint', 'endSessionEndpoint']) {
    provider?.text(name, { differs: 'is found from the issuer' });
  }
  for (const name of ['backendRef', 'backendRefs', 'backendSettings']) {
    provider?.lost(name, 'the provider is asked at its own address');
  }
  const clientId = oidc.text('clientID', { ours: 'methods[].oidc.clientId' });
  const secret = secretRef(oidc.object('clientSecret'), 'methods[].oidc.secretRef');
  oidc.findings.push({
    field: oidc.at('clientSecret'),
    fate: 'Differs',
    ours: 'methods[].oidc.secretRef',
    why: 'the Secret needs cookie-secret, too',
  });
  const domain = oidc.text('cookieDomain', { ours: 'methods[].oidc.cookie.domain' });
  const sameSite = oidc
    .object('cookieConfig')
    ?.oneOf('sameSite', ['Lax', 'None', 'Strict'], { ours: 'methods[].oidc.cookie.sameSite' });
  if (sameSite === 'Strict')
    oidc.refuse('cookieConfig', 'Strict would lose who comes back from the provider: Lax and None are served');
  const redirect = oidc.text('redirectURL', { ours: 'methods[].oidc.callbackPath' });
  const logoutPath = oidc.text('logoutPath', { ours: 'methods[].oidc.logoutPath' });
  const scopes = oidc.texts('scopes', { ours: 'methods[].oidc.scopes' });
  if (issuer === undefined || clientId === undefined || secret === undefined) return undefined;
  const callbackPath = redirect?.replace(/^(?:[a-z]+|%[^%]+%):\/\/[^/]*/, '');
  const settings = { issuer, clientId, secretRef: secret, scopes, callbackPath, logoutPath };
  const cookie = { domain, sameSite: sameSite === 'Strict' ? undefined : sameSite };
  return { name: 'oidc', oidc: compact({ ...settings, cookie }) } as AuthenticationEntry;
}

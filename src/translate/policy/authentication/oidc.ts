import { type OidcAuthentication, POLICY_REASON, type Secret } from '../../../api/index.ts';
import { barredHost, canonicalHash, type OidcClient, type OidcCookie, type OidcMethod } from '../../../config/index.ts';
import { clientKeyFault } from '../../../value/client-key.ts';
import { milliseconds } from '../../../value/duration.ts';
import { resolveTrust } from '../../gateway/trust.ts';
import { readHttpMatches } from '../../http-match.ts';
import { type Problem, problem } from '../../verdict/problem.ts';
import { sharedStoreOf } from '../redis-store.ts';
import type { MethodReader, MethodReading } from './method.ts';
import { credentialKey, findSecret, plainText, policyReferrer } from './secret.ts';

/** Milliseconds after which one must sign in again, where the policy says nothing. */
export const SESSION_LIFETIME = 28_800_000;
/** Characters of the shortest secret that cookies are sealed with: 32 random bytes have no fewer in base64. */
export const MIN_COOKIE_SECRET = 32;

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;

export const readOidc: MethodReader<'oidc'> = (settings, at) => {
  const { issuer, clientId, scopes = ['openid', 'profile', 'email'], apiPaths = [], sessionLifetime } = settings;
  const client = clientOf(settings, at);
  if ('reason' in client) return client;
  const { look, invalid } = at.reading;
  const host = new URL(issuer).hostname.replace(/^\[|\]$/g, '');
  const barred = barredHost(host, look.options.loopbackNames === 'allowed' ? 'allowed' : 'refused');
  if (barred !== undefined) {
    invalid.push(problem(POLICY_REASON.Invalid, `${at.field}.issuer`, `leads to ${host}, which ${barred}`));
  }
  const paths = readHttpMatches(
    apiPaths.map((path) => ({ path })),
    `${at.field}.apiPaths`,
  );
  invalid.push(...paths.invalid);
  const lifetime = sessionLifetime === undefined ? SESSION_LIFETIME : (milliseconds(sessionLifetime) ?? 0);
  if (lifetime === 0) {
    invalid.push(problem(POLICY_REASON.Invalid, `${at.field}.sessionLifetime`, 'must be longer than nothing'));
  }
  checkPaths(settings, at);
  const credential = credentialKey(at);
  at.reading.credentials.push({ kind: 'Credential', key: credential, content: client });
  return {
    type: 'Oidc',
    name: at.name,
    issuer,
    clientId,
    scopes: [...new Set(['openid', ...scopes])],
    algorithms: [...ALGORITHMS],
    credential,
    callbackPath: settings.callbackPath ?? CALLBACK,
    logoutPath: settings.logoutPath ?? LOGOUT,
    ...(settings.backchannelLogoutPath !== undefined && { backchannelLogoutPath: settings.backchannelLogoutPath }),
    ...sharedOf(settings, at),
    afterLogout: settings.afterLogout ?? '/',
    apiPaths: apiPaths.length === 0 ? [] : paths.matches.map(({ path }) => path),
    lifetime,
    ...refreshOf(settings, at),
    cookie: cookieOf(settings, at),
    ...(settings.externalScheme === undefined ? {} : { scheme: settings.externalScheme }),
  };
};

function sharedOf(
  { shared, backchannelLogoutPath }: OidcAuthentication,
  at: MethodReading,
): Pick<OidcMethod, 'shared'> {
  if (shared === undefined) return {};
  const { look, invalid, name } = at.reading;
  const field = `${at.field}.shared`;
  if (backchannelLogoutPath === undefined) {
    const message =
      'goes with backchannelLogoutPath: without it nobody tells who has signed out; add that, or remove this';
    invalid.push(problem(POLICY_REASON.Invalid, field, message));
  }
  return { shared: sharedStoreOf(shared, { look, namespace: name.namespace, field, invalid }) };
}

function refreshOf({ refreshInterval }: OidcAuthentication, at: MethodReading): { refresh?: number } {
  if (refreshInterval === undefined) return {};
  const refresh = milliseconds(refreshInterval) ?? 0;
  if (refresh > 0) return { refresh };
  at.reading.invalid.push(problem(POLICY_REASON.Invalid, `${at.field}.refreshInterval`, 'must be longer than nothing'));
  return {};
}

/** Each is answered by the gateway in its own way. */
function checkPaths({ callbackPath, logoutPath, backchannelLogoutPath }: OidcAuthentication, at: MethodReading): void {
  const paths = [callbackPath ?? CALLBACK, logoutPath ?? LOGOUT, backchannelLogoutPath].filter(
    (one) => one !== undefined,
  );
  if (new Set(paths).size === paths.length) return;
  const message = `has one path for two of callbackPath, logoutPath and backchannelLogoutPath (${paths.join(', ')}): give each its own`;
  at.reading.invalid.push(problem(POLICY_REASON.Invalid, at.field, message));
}

const CALLBACK = '/oauth2/callback';
const LOGOUT = '/oauth2/logout';

/** Two clients on one host have cookies of their own. */
function cookieOf({ cookie = {}, issuer, clientId }: OidcAuthentication, at: MethodReading): OidcCookie {
  const { domain, secure = true, sameSite = 'Lax' } = cookie;
  const prefix = secure && domain === undefined ? '__Host-' : '';
  const name = cookie.name ?? `${prefix}daemun-${canonicalHash({ issuer, clientId }).slice(0, 8)}`;
  const fault = (message: string): void => {
    at.reading.invalid.push(problem(POLICY_REASON.Invalid, `${at.field}.cookie`, message));
  };
  if (name.startsWith('__Host-') && (domain !== undefined || !secure)) {
    fault(`${name} begins with __Host-, which browsers take without domain and with secure only`);
  }
  if (sameSite === 'None' && !secure) fault('sameSite None is taken by browsers with secure only');
  return { name, secure, sameSite, ...(domain === undefined ? {} : { domain }) };
}

function clientOf({ secretRef, caCertificateRef }: OidcAuthentication, at: MethodReading): OidcClient | Problem {
  const field = `${at.field}.secretRef`;
  const secret = findSecret(secretRef, at, field);
  if ('reason' in secret) return secret;
  const cookieSecrets = ['cookie-secret', 'cookie-secret-previous'].flatMap((name) => textOf(secret, name) ?? []);
  if (textOf(secret, 'cookie-secret') === undefined || cookieSecrets.some((one) => one.length < MIN_COOKIE_SECRET)) {
    const { namespace = '', name } = secret.metadata;
    const message = `Secret ${namespace}/${name} has no cookie-secret of ${MIN_COOKIE_SECRET} characters or more: make one with openssl rand -base64 32`;
    return problem(POLICY_REASON.InvalidCredentialRef, field, message);
  }
  const client: OidcClient = { type: 'OidcClient', cookieSecrets };
  const fault = proofOf(secret, client);
  if (fault !== undefined) return problem(POLICY_REASON.InvalidCredentialRef, field, fault);
  if (caCertificateRef === undefined) return client;
  const reasons = { invalid: POLICY_REASON.InvalidCACertificateRef, kind: POLICY_REASON.InvalidKind };
  const trust = resolveTrust(at.reading.look, {
    reference: caCertificateRef,
    field: `${at.field}.caCertificateRef`,
    from: policyReferrer(at),
    reasons,
  });
  return 'reason' in trust ? trust : { ...client, ca: trust.bundle.pem };
}

/** What the client proves itself with: a secret or a private key. What is wrong is told without it. */
function proofOf(secret: Secret, client: OidcClient): string | undefined {
  const { namespace = '', name } = secret.metadata;
  const [own, key, keyId] = ['client-secret', 'client-key', 'client-key-id'].map((one) => textOf(secret, one));
  if (own !== undefined && key !== undefined)
    return `Secret ${namespace}/${name} has both client-secret and client-key: the client is known to the provider by one of them`;
  if (own !== undefined) client.secret = own;
  if (key === undefined) return undefined;
  const fault = clientKeyFault(key);
  if (fault !== undefined) return `Secret ${namespace}/${name}: client-key ${fault}`;
  client.key = key;
  if (keyId !== undefined) client.keyId = keyId;
  return undefined;
}

function textOf({ data = {} }: Secret, name: string): string | undefined {
  const text = data[name] === undefined ? '' : plainText(data[name]).trim();
  return text === '' ? undefined : text;
}

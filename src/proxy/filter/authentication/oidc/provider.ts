/** One provider of OpenID Connect: what it says of itself, its tokens, and who they are about. */
import { randomUUID } from 'node:crypto';
import type { OidcClient, OidcMethod } from '../../../../config/index.ts';
import { signedToken } from '../../../../value/client-key.ts';
import { isObject, type JsonObject } from '../../../../value/json-object.ts';
import { parseStrictly } from '../../../../value/strict-json.ts';
import { type Fetched, type Fetcher, KeySource } from '../../../state/index.ts';
import { namespaceOf } from '../credential-owner.ts';
import { isSignedBy, keysFor, MAX_KEYS_TRIED, readToken, type Token, validUntil } from '../jwt/token.ts';

/** Milliseconds for which what a provider says of itself is believed. */
export const METADATA_REFRESH: number = 3_600_000;
/** Milliseconds between two tries to ask a provider what it is, at least. */
const RETRY = 5_000;
const KEY_REFRESH = 300_000;
const KEY_STALE = 86_400_000;

const CLOCK_SKEW = 60_000;
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
/** For which what the client says of itself with its key holds. */
const ASSERTION_SECONDS = 60;
const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';
/** For which a logout token holds that says nothing of that. */
const LOGOUT_SECONDS = 120;

/** One session, and whose it is where that is said; or all that somebody has. */
export type LoggedOut = ({ sid: string; sub?: string } | { sub: string }) & { jti: string; until: number };

export interface Metadata {
  authorization: string;
  token: string;
  endSession: string | undefined;
  /** How the client says who it is. */
  basic: boolean;
  /** Answers say whose they are (RFC 9207). */
  saysIssuer: boolean;
  keys: KeySource;
}

export interface Tokens {
  claims: JsonObject;
  /** Milliseconds since 1970. */
  expires: number;
  refresh: string | undefined;
}

export class Provider {
  readonly #method: OidcMethod;
  readonly #fetch: (fetched: Fetched) => Promise<string>;
  #metadata: Metadata | null = null;
  #readAt = 0;
  #triedAt = Number.NEGATIVE_INFINITY;
  #under: Promise<Metadata> | null = null;

  constructor(method: OidcMethod, fetch: Fetcher) {
    const tenant = namespaceOf(method.credential);
    this.#method = method;
    this.#fetch = (fetched) => fetch(fetched, tenant);
  }

  /** Rejects where it cannot be found out. */
  metadata(client: OidcClient): Promise<Metadata> {
    const now = performance.now();
    if (this.#metadata !== null && now - this.#readAt < METADATA_REFRESH) return Promise.resolve(this.#metadata);
    if (this.#under !== null) return this.#under;
    if (now - this.#triedAt < RETRY) {
      return this.#metadata === null
        ? Promise.reject(new Error('the provider did not answer a moment ago'))
        : Promise.resolve(this.#metadata);
    }
    this.#triedAt = now;
    this.#under = this.#discover(client)
      .catch((error: unknown) => {
        if (this.#metadata === null) throw error;
        return this.#metadata;
      })
      .finally(() => {
        this.#under = null;
      });
    return this.#under;
  }

  async #discover({ ca }: OidcClient): Promise<Metadata> {
    const { issuer } = this.#method;
    const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const told = parseStrictly(await this.#fetch(withCa(url, ca)));
    if (!isObject(told) || told.issuer !== issuer) throw new Error('the provider calls itself otherwise');
    const endpoint = (name: string): string => {
      const value = told[name];
      if (typeof value !== 'string' || !/^https:\/\/[\x21-\x7e]+$/.test(value)) throw new Error(`it has no ${name}`);
      return value;
    };
    const ways = told.token_endpoint_auth_methods_supported;
    const keys = withCa(endpoint('jwks_uri'), ca);
    this.#metadata = {
      authorization: endpoint('authorization_endpoint'),
      token: endpoint('token_endpoint'),
      endSession: typeof told.end_session_endpoint === 'string' ? endpoint('end_session_endpoint') : undefined,
      basic: !Array.isArray(ways) || ways.includes('client_secret_basic'),
      saysIssuer: told.authorization_response_iss_parameter_supported === true,
      keys: new KeySource({ refresh: KEY_REFRESH, stale: KEY_STALE }, () => this.#fetch(keys)),
    };
    this.#readAt = performance.now();
    return this.#metadata;
  }

  /** Tokens for a code or a refresh token. Rejects where there are none that can be believed. */
  async tokens(client: OidcClient, grant: Record<string, string>, nonce: string | undefined): Promise<Tokens> {
    const metadata = await this.metadata(client);
    const { clientId } = this.#method;
    const form = new URLSearchParams(grant);
    const headers: Record<string, string> = { 'content-type': 'application/x-www-form-urlencoded' };
    if (client.key !== undefined) {
      form.set('client_id', clientId);
      form.set('client_assertion_type', ASSERTION);
      form.set('client_assertion', this.#assertion(client.key, client.keyId, metadata.token));
    } else if (client.secret !== undefined && metadata.basic) {
      const pair = `${formEncoded(clientId)}:${formEncoded(client.secret)}`;
      headers.authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
    } else {
      form.set('client_id', clientId);
      if (client.secret !== undefined) form.set('client_secret', client.secret);
    }
    const post = { body: form.toString(), headers };
    const told = parseStrictly(await this.#fetch({ ...withCa(metadata.token, client.ca), post }));
    if (!isObject(told)) throw new Error('the provider gave no tokens');
    const { id_token: text, refresh_token: refresh, expires_in: seconds } = told;
    if (typeof text !== 'string') {
      // A refresh need not say again who it is about.
      if (nonce !== undefined || grant.grant_type !== 'refresh_token')
        throw new Error('the provider did not say who it is');
    }
    const claims = typeof text === 'string' ? await this.#claims(text, metadata, nonce) : {};
    const lasts = typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : 300_000;
    return { claims, expires: Date.now() + lasts, refresh: typeof refresh === 'string' ? refresh : undefined };
  }

  /** The client says who it is with its own key (RFC 7523). */
  #assertion(key: string, kid: string | undefined, aud: string): string {
    const { clientId } = this.#method;
    const iat = Math.floor(Date.now() / 1000);
    return signedToken(
      key,
      { iss: clientId, sub: clientId, aud, jti: randomUUID(), iat, exp: iat + ASSERTION_SECONDS },
      kid,
    );
  }

  /** Who has signed out elsewhere, as the provider says (OpenID Connect Back-Channel Logout 2.6), or why that is not believed. */
  async loggedOut(client: OidcClient, text: string): Promise<LoggedOut | string> {
    const { keys } = await this.metadata(client);
    const { issuer, clientId, algorithms } = this.#method;
    const provider = { issuer, audiences: [clientId], algorithms, clockSkew: CLOCK_SKEW, credential: '' };
    const token = readToken(text);
    if (token === undefined) return 'it is no token';
    const { iat, nonce, events, sid, sub, jti } = token.claims;
    // Older providers do not say when it expires.
    const claims = typeof iat === 'number' ? { exp: iat + LOGOUT_SECONDS, ...token.claims } : token.claims;
    const until = validUntil({ ...token, claims }, provider, Date.now());
    if (typeof until === 'string') return until;
    if (nonce !== undefined) return 'it is a token of a sign-in';
    if (!isObject(events) || !isObject(events[LOGOUT_EVENT])) return 'it says nothing of signing out';
    if (typeof jti !== 'string' || jti === '') return 'it has no jti';
    if (!(await this.#isSigned(token, keys))) return 'it is not signed by the provider';
    const whose = typeof sub === 'string' && sub !== '' ? { sub } : undefined;
    if (typeof sid === 'string' && sid !== '') return { sid, ...whose, jti, until };
    return whose === undefined ? 'it says neither which session nor whose' : { ...whose, jti, until };
  }

  async #isSigned(token: Token, keys: KeySource): Promise<boolean> {
    const { issuer, algorithms } = this.#method;
    const provider = { issuer, audiences: [], algorithms, clockSkew: 0, credential: '' };
    const fits = (set: Awaited<ReturnType<KeySource['keys']>>): boolean => {
      const found = keysFor(token, provider, set?.keys ?? []).slice(0, MAX_KEYS_TRIED);
      return found.some((key) => isSignedBy(token, key));
    };
    return fits(await keys.keys()) || fits(await keys.newKeys());
  }

  /** OpenID Connect Core 3.1.3.7. */
  async #claims(text: string, { keys }: Metadata, nonce: string | undefined): Promise<JsonObject> {
    const { issuer, clientId, algorithms } = this.#method;
    const provider = { issuer, audiences: [clientId], algorithms, clockSkew: CLOCK_SKEW, credential: '' };
    const token = readToken(text);
    if (token === undefined) throw new Error('its token is none');
    const until = validUntil(token, provider, Date.now());
    if (typeof until === 'string') throw new Error(until);
    const { aud, azp } = token.claims;
    if (Array.isArray(aud) && aud.length > 1 && azp !== clientId) throw new Error('its token is for somebody else');
    if (azp !== undefined && azp !== clientId) throw new Error('its token is for somebody else');
    if (nonce !== undefined && token.claims.nonce !== nonce) throw new Error('its token is of another sign-in');
    if (typeof token.claims.sub !== 'string' || token.claims.sub === '') throw new Error('its token is about nobody');
    if (!(await this.#isSigned(token, keys))) throw new Error('its token is not signed by it');
    return kept(token);
  }
}

/** Of the token alone, and nothing of who it is about. */
const OF_THE_TOKEN = new Set([
  'nonce',
  'at_hash',
  'c_hash',
  's_hash',
  'aud',
  'azp',
  'exp',
  'iat',
  'nbf',
  'jti',
  'auth_time',
  'rat',
]);

function kept({ claims }: Token): JsonObject {
  return Object.fromEntries(Object.entries(claims).filter(([name]) => !OF_THE_TOKEN.has(name)));
}

function withCa(url: string, ca: string | undefined): { url: string; ca?: string } {
  return ca === undefined ? { url } : { url, ca };
}

/** RFC 6749 2.3.1. */
function formEncoded(text: string): string {
  return new URLSearchParams({ a: text }).toString().slice(2);
}

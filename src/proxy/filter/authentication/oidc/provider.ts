/** One provider of OpenID Connect: what it says of itself, its tokens, and who they are about. */
import type { OidcClient, OidcMethod } from '../../../../config/index.ts';
import { isObject, type JsonObject } from '../../../../value/json-object.ts';
import { parseStrictly } from '../../../../value/strict-json.ts';
import type { Fetcher } from '../../../state/index.ts';
import { KeySource } from '../jwt/key-source.ts';
import { isSignedBy, keysFor, MAX_KEYS_TRIED, readToken, type Token, validUntil } from '../jwt/token.ts';

/** Milliseconds for which what a provider says of itself is believed. */
export const METADATA_REFRESH: number = 3_600_000;
/** Milliseconds between two tries to ask a provider what it is, at least. */
const RETRY = 5_000;
const KEY_REFRESH = 300_000;
const KEY_STALE = 86_400_000;

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
  readonly #fetch: Fetcher;
  #metadata: Metadata | null = null;
  #readAt = 0;
  #triedAt = Number.NEGATIVE_INFINITY;
  #under: Promise<Metadata> | null = null;

  constructor(method: OidcMethod, fetch: Fetcher) {
    this.#method = method;
    this.#fetch = fetch;
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
    const keys = { type: 'RemoteKeySet' as const, url: endpoint('jwks_uri'), refresh: KEY_REFRESH, stale: KEY_STALE };
    this.#metadata = {
      authorization: endpoint('authorization_endpoint'),
      token: endpoint('token_endpoint'),
      endSession: typeof told.end_session_endpoint === 'string' ? endpoint('end_session_endpoint') : undefined,
      basic: !Array.isArray(ways) || ways.includes('client_secret_basic'),
      saysIssuer: told.authorization_response_iss_parameter_supported === true,
      keys: new KeySource(ca === undefined ? keys : { ...keys, ca }, this.#fetch),
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
    if (client.secret !== undefined && metadata.basic) {
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

  /** OpenID Connect Core 3.1.3.7. */
  async #claims(text: string, { keys }: Metadata, nonce: string | undefined): Promise<JsonObject> {
    const { issuer, clientId, algorithms } = this.#method;
    const provider = { issuer, audiences: [clientId], algorithms, clockSkew: 60_000, credential: '' };
    const token = readToken(text);
    if (token === undefined) throw new Error('its token is none');
    const until = validUntil(token, provider, Date.now());
    if (typeof until === 'string') throw new Error(until);
    const { aud, azp } = token.claims;
    if (Array.isArray(aud) && aud.length > 1 && azp !== clientId) throw new Error('its token is for somebody else');
    if (azp !== undefined && azp !== clientId) throw new Error('its token is for somebody else');
    if (nonce !== undefined && token.claims.nonce !== nonce) throw new Error('its token is of another sign-in');
    if (typeof token.claims.sub !== 'string' || token.claims.sub === '') throw new Error('its token is about nobody');
    const fits = (set: Awaited<ReturnType<KeySource['keys']>>): boolean => {
      const found = keysFor(token, provider, set?.keys ?? []).slice(0, MAX_KEYS_TRIED);
      return found.some((key) => isSignedBy(token, key));
    };
    if (!fits(await keys.keys()) && !fits(await keys.newKeys())) throw new Error('its token is not signed by it');
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

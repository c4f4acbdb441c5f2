import * as v from 'valibot';
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from '../../../value/json-web-key.ts';
import { pathMatch } from '../../match-shape.ts';
import type { HttpMatch } from '../../route.ts';
import { key, object, type Shape } from '../../shape.ts';
import { type RedisSettings, redisSettings, shownRedis } from '../redis-store.ts';

/** Signing in at a provider of OpenID Connect, by code flow. */
export interface OidcMethod {
  type: 'Oidc';
  name: string;
  /** https. */
  issuer: string;
  clientId: string;
  scopes: string[];
  algorithms: SignatureAlgorithm[];
  /** Key of a Credential that is an OidcClient. */
  credential: string;
  /** Paths that the gateway answers. */
  callbackPath: string;
  logoutPath: string;
  /** Where the provider says who has signed out elsewhere; absent: nowhere. */
  backchannelLogoutPath?: string;
  /** Where all gateways know who has signed out; absent: each by itself. */
  shared?: SharedSignOuts;
  /** Where clients go that have signed out. */
  afterLogout: string;
  /** Requests for these are answered with 401, and not sent to sign in. */
  apiPaths: Array<HttpMatch['path']>;
  /** Milliseconds after which one must sign in again. */
  lifetime: number;
  /** Milliseconds after which the provider is asked again, though its tokens hold longer; absent: while they hold. */
  refresh?: number;
  cookie: OidcCookie;
  /** Of the addresses that the provider sends clients back to; absent: that of the request. */
  scheme?: 'http' | 'https';
}

export interface SharedSignOuts {
  redis: RedisSettings;
  /** Milliseconds that a request waits for an answer. */
  timeout: number;
}

export interface OidcCookie {
  name: string;
  domain?: string;
  secure: boolean;
  sameSite: 'Lax' | 'None';
}

const path = v.pipe(v.string(), v.regex(/^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/));
const algorithms = Object.keys(SIGNATURE_ALGORITHMS) as SignatureAlgorithm[];

export const oidcMethod: Shape<OidcMethod> = object<OidcMethod>({
  type: v.literal('Oidc'),
  name: key,
  issuer: v.pipe(v.string(), v.startsWith('https://')),
  clientId: key,
  scopes: v.array(key),
  algorithms: v.pipe(v.array(v.picklist(algorithms)), v.minLength(1)),
  credential: key,
  callbackPath: path,
  logoutPath: path,
  backchannelLogoutPath: v.optional(path),
  shared: v.optional(
    object<SharedSignOuts>({ redis: redisSettings, timeout: v.pipe(v.number(), v.integer(), v.minValue(1)) }),
  ),
  afterLogout: path,
  apiPaths: v.array(pathMatch),
  lifetime: v.pipe(v.number(), v.minValue(1)),
  refresh: v.optional(v.pipe(v.number(), v.minValue(1))),
  cookie: object<OidcCookie>({
    name: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.-]+$/)),
    domain: v.optional(v.pipe(v.string(), v.regex(/^[a-z0-9.-]+$/))),
    secure: v.boolean(),
    sameSite: v.picklist(['Lax', 'None']),
  }),
  scheme: v.optional(v.picklist(['http', 'https'])),
});

/** Without logins. */
export function shownOidc(method: OidcMethod): OidcMethod {
  const { shared } = method;
  return shared === undefined ? method : { ...method, shared: { ...shared, redis: shownRedis(shared.redis) } };
}

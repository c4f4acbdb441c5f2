import type { HTTPRouteMatch } from './http-route.ts';
import type { RedisStore } from './rate-limit-policy.ts';
import type { BackendObjectReference, ObjectReference } from './reference.ts';
import type { RequestPolicy } from './request-policy.ts';

/** Who asks: what is guarded is answered only where it is known. */
export interface AuthenticationPolicy extends RequestPolicy<Authentication> {
  kind: 'AuthenticationPolicy';
}

export interface Authentication {
  methods: AuthenticationEntry[];
  /** Of several methods: whether one of them must say who it is, or each. */
  require?: 'Any' | 'All';
  /** Paths for which nobody is asked. */
  anonymousPaths?: Array<HTTPRouteMatch['path']>;
  /** Networks whose clients are not asked. */
  anonymousAddresses?: string[];
  /** Lines for the backend; what clients write into them never gets there. */
  claimsToHeaders?: Array<{
    name: string;
    claim: string;
    /** What the line says in the place of a value of the claim; of a value that is not here, nothing. */
    values?: Record<string, string>;
  }>;
}

/** One of these, and a name. */
export interface AuthenticationEntry {
  name?: string;
  basic?: BasicAuthentication;
  digest?: DigestAuthentication;
  apiKey?: ApiKeyAuthentication;
  clientCertificate?: ClientCertificateAuthentication;
  external?: ExternalAuthentication;
  oidc?: OidcAuthentication;
  jwt?: JwtAuthentication;
}

/** A Secret that holds what clients prove themselves with; in another namespace by a ReferenceGrant. */
export interface CredentialReference {
  group?: string;
  kind?: string;
  namespace?: string;
  name: string;
}

/** User and password (RFC 7617). */
export interface BasicAuthentication {
  /** AuthFile: lines as htpasswd writes them, under `auth`. AuthMap: a key for each user. */
  secretRef: CredentialReference;
  format?: 'AuthFile' | 'AuthMap';
  realm?: string;
  /** Whether the backend gets the Authorization line; absent: yes. */
  forwardCredential?: boolean;
}

/** User and password that are not sent (RFC 7616): lines as htdigest writes them, under `auth`. */
export interface DigestAuthentication {
  secretRef: CredentialReference;
  /** Of the lines that count; absent: that of all of them. */
  realm?: string;
  /** Whether the backend gets the Authorization line; absent: yes. */
  forwardCredential?: boolean;
}

/** A service says whether a request may pass. `{place}` stands for what the request says (value/request-template.ts). */
export interface ExternalAuthentication {
  backendRef: BackendObjectReference;
  protocol?: 'HTTP' | 'GRPC';
  /** Absent: 5 s. */
  timeout?: string;
  /** Closed: nobody passes where it does not answer. */
  onFailure?: 'Closed' | 'Open';
  /** What is answered then; absent: 503. */
  failureStatusCode?: number;
  http?: ExternalHttpQuestion;
  grpc?: { headers?: string[] };
  /** Of the request's body what goes with the question. */
  body?: { maxBytes: number; onLarger?: 'Refuse' | 'Truncate' };
  /** Line of its answer that names who asks. */
  subjectHeader?: string;
}

export interface ExternalHttpQuestion {
  /** Absent: GET. */
  method?: string;
  /** Path and query; absent: `/`. */
  path?: string;
  /** Absent: the one that was asked for. */
  host?: string;
  /** Lines of the request that go with it; absent: all. */
  headers?: string[];
  /** Lines that are made for it. */
  setHeaders?: Array<{ name: string; value: string }>;
  /** Statuses that refuse with the answer as it came; absent: 300 to 499. Others are failures. */
  refusals?: number[];
  /** Lines of its answer for the backend. */
  responseHeaders?: string[];
  /** Cookies of an answer that lets pass: for the client with answers that are no errors, with all, with none. */
  cookies?: 'Success' | 'Always' | 'Never';
  signIn?: { url: string; redirectParameter?: string };
  cache?: { key: string[]; durations?: Array<{ statusCodes: number[]; duration: string }> };
}

/** Keys that were given to clients. */
export interface ApiKeyAuthentication {
  /** Each value of each is a key, and its name whose it is. One of the two is there, or both. */
  secretRefs?: CredentialReference[];
  /** Opaque Secrets of the policy's namespace that have all of these labels, as they come and go. */
  secretSelector?: { matchLabels: Record<string, string> };
  /** Where the key stands; absent: in the header X-API-Key. */
  from?: CredentialPlaceEntry[];
  forwardCredential?: boolean;
}

/** Whoever shows a certificate that the listener has verified (Gateway.spec.tls.frontend). */
export interface ClientCertificateAuthentication {
  /** Whose; absent: all that were verified. */
  match?: Array<{
    field: 'Subject' | 'CommonName' | 'DNS' | 'URI' | 'Email';
    type?: 'Exact' | 'RegularExpression';
    value: string;
  }>;
}

/** Signed tokens (RFC 7519). */
export interface JwtAuthentication {
  /** Each issuer once. */
  providers: JwtProviderEntry[];
  /** Where the token stands, the first place at which there is one; absent: Authorization, after `Bearer`. */
  from?: CredentialPlaceEntry[];
  realm?: string;
  forwardCredential?: boolean;
}

export interface JwtProviderEntry {
  /** What `iss` must be. */
  issuer: string;
  /** What `aud` must hold one of; absent: it is not asked for. */
  audiences?: string[];
  jwks: JsonWebKeySet;
  /** Absent: all that sign with a private key. */
  algorithms?: Array<
    | 'RS256'
    | 'RS384'
    | 'RS512'
    | 'PS256'
    | 'PS384'
    | 'PS512'
    | 'ES256'
    | 'ES384'
    | 'ES512'
    | 'EdDSA'
    | 'HS256'
    | 'HS384'
    | 'HS512'
  >;
  /** How much clocks may differ; absent: a minute. */
  clockSkew?: string;
}

/** One of url, backendRef, inline, secretRef and configMapRef. */
export interface JsonWebKeySet {
  /** https, verified. */
  url?: string;
  caCertificateRef?: ObjectReference;
  /** Asked as requests are sent there: over TLS where a BackendTLSPolicy says so. */
  backendRef?: BackendObjectReference;
  /** Absent: /.well-known/jwks.json. */
  path?: string;
  /** Absent: that of the issuer, where it is a URL. */
  host?: string;
  /** After which they are fetched again (absent: 5 minutes), and for how long the last ones hold where that fails (a day). */
  refreshInterval?: string;
  staleFor?: string;
  inline?: string;
  secretRef?: KeySetReference;
  configMapRef?: KeySetReference;
}

export interface KeySetReference extends CredentialReference {
  /** Absent: jwks.json. */
  key?: string;
}

/** One of header, cookie and query. */
export interface CredentialPlaceEntry {
  header?: string;
  /** What stands before it in the header, such as Bearer. */
  scheme?: string;
  cookie?: string;
  query?: string;
}

/** Signing in at a provider of OpenID Connect, by code flow. */
export interface OidcAuthentication {
  issuer: string;
  clientId: string;
  /**
   * `client-secret`, or `client-key` (a private key, PEM) with `client-key-id`; absent: none is asked for. `cookie-secret`,
   * and while it rotates `cookie-secret-previous`.
   */
  secretRef: CredentialReference;
  /** A ConfigMap with the authorities of the provider's certificate; absent: the machine's roots. */
  caCertificateRef?: { group: string; kind: string; name: string; namespace?: string };
  /** Absent: openid, profile, email. */
  scopes?: string[];
  callbackPath?: string;
  logoutPath?: string;
  /** Where the provider says who has signed out elsewhere (back-channel logout); absent: nowhere. */
  backchannelLogoutPath?: string;
  /** Where all gateways know who has signed out; absent: each by itself. `timeout`: a duration. */
  shared?: { redis: RedisStore; timeout: string };
  afterLogout?: string;
  /** Requests for these are answered with 401, and not sent to sign in. */
  apiPaths?: Array<HTTPRouteMatch['path']>;
  /** Absent: 8h. */
  sessionLifetime?: string;
  /** After which the provider is asked again with the refresh token, though its tokens hold longer. */
  refreshInterval?: string;
  cookie?: { name?: string; domain?: string; secure?: boolean; sameSite?: 'Lax' | 'None' };
  /** Of the addresses that the provider sends clients back to; absent: that of the request. */
  externalScheme?: 'http' | 'https';
}

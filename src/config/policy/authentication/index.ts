import * as v from 'valibot';
import { pathMatch } from '../../match-shape.ts';
import type { HttpMatch } from '../../route.ts';
import { cidr, key, object, type Shape } from '../../shape.ts';
import type { PolicyOf, PolicyType } from '../policy.ts';
import { type Stacked, shownActs, stacked } from '../stacked.ts';
import { type ApiKeyMethod, apiKeyMethod } from './api-key.ts';
import { type BasicMethod, basicMethod } from './basic.ts';
import { type BrokenMethod, brokenMethod } from './broken.ts';
import { type ClientCertificateMethod, clientCertificateMethod } from './client-certificate.ts';
import { type DigestMethod, digestMethod } from './digest.ts';
import { type ExternalMethod, externalMethod, shownExternal } from './external.ts';
import { type JwtMethod, jwtMethod } from './jwt.ts';
import { type OidcMethod, oidcMethod, shownOidc } from './oidc.ts';

/** Who asks. */
export type Authentication = PolicyOf<
  'Authentication',
  'Listener' | 'RouteRule' | 'Backend',
  Stacked<AuthenticationSettings>
>;

export interface AuthenticationSettings {
  /** One at least. */
  methods: AuthenticationMethod[];
  /** Whether one of them must say who it is, or each. */
  require: 'Any' | 'All';
  /** Who is not asked: requests for these paths, and clients of these CIDRs. */
  anonymous: { paths: Array<HttpMatch['path']>; addresses: string[] };
  /** Lines for the backend, from claims. No client writes them. */
  headers: ClaimHeader[];
}

export interface ClaimHeader {
  name: string;
  claim: string;
  /** What the line says in the place of a value of the claim; of others, nothing. Absent: the value itself. */
  values?: Record<string, string>;
}

export type { ApiKeyMethod } from './api-key.ts';
export type { BasicMethod } from './basic.ts';
export type { CertificateMatch, ClientCertificateMethod } from './client-certificate.ts';
export type { CredentialPlace } from './credential-place.ts';
export type { DigestMethod } from './digest.ts';
export type { ExternalMethod } from './external.ts';
export type { JwtMethod, JwtProvider } from './jwt.ts';
export type { OidcCookie, OidcMethod } from './oidc.ts';

/** A new one has its file here, a line in this table, and one in proxy/filter/authentication. */
export type AuthenticationMethod =
  | BrokenMethod
  | BasicMethod
  | DigestMethod
  | ApiKeyMethod
  | ClientCertificateMethod
  | JwtMethod
  | ExternalMethod
  | OidcMethod;
const METHODS: { readonly [T in AuthenticationMethod['type']]: Shape<Extract<AuthenticationMethod, { type: T }>> } = {
  Broken: brokenMethod,
  Basic: basicMethod,
  Digest: digestMethod,
  ApiKey: apiKeyMethod,
  ClientCertificate: clientCertificateMethod,
  Jwt: jwtMethod,
  External: externalMethod,
  Oidc: oidcMethod,
};

const method = v.variant('type', Object.values(METHODS) as never) as unknown as Shape<AuthenticationMethod>;

export const authentication: PolicyType<
  'Listener' | 'RouteRule' | 'Backend',
  Stacked<AuthenticationSettings>,
  'stacked'
> = {
  targets: ['Listener', 'RouteRule', 'Backend'],
  merge: 'stacked',
  stages: ['listener', 'rule', 'backend'],
  shape: stacked(
    object<AuthenticationSettings>({
      methods: v.pipe(v.array(method), v.minLength(1)),
      require: v.picklist(['Any', 'All']),
      anonymous: v.object({ paths: v.array(pathMatch), addresses: v.array(cidr) }),
      headers: v.array(
        object<ClaimHeader>({ name: key, claim: key, values: v.optional(v.record(v.string(), v.string())) }),
      ),
    }),
  ),
  credentials: ({ acts }) => acts.flatMap(({ settings }) => settings?.methods.flatMap(credentialsOf) ?? []),
  // What is secret stands in Credentials.
  backends: ({ acts }) => acts.flatMap(({ settings }) => settings?.methods.flatMap(backendsOf) ?? []),
  shown: (spec) => shownActs(spec, (settings) => ({ ...settings, methods: settings.methods.map(shownMethod) })),
};

/** Keys of the Credentials that it needs. */
function credentialsOf(method: AuthenticationMethod): string[] {
  switch (method.type) {
    case 'Broken':
    case 'ClientCertificate':
      return [];
    case 'External':
      return [];
    case 'Basic':
    case 'Digest':
    case 'ApiKey':
    case 'Oidc':
      return [method.credential];
    case 'Jwt':
      return method.providers.map(({ credential }) => credential);
  }
}

/** Keys of the Backends that it asks. */
function backendsOf(method: AuthenticationMethod): string[] {
  return method.type === 'External' ? [method.auth.backend] : [];
}

function shownMethod(method: AuthenticationMethod): AuthenticationMethod {
  if (method.type === 'Oidc') return shownOidc(method);
  return method.type === 'External' ? shownExternal(method) : method;
}

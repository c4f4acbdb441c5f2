import type {
  ApiKeyAuthentication,
  Authentication,
  AuthenticationEntry,
  CredentialPlaceEntry,
  JsonWebKeySet,
  JwtProviderEntry,
} from '../../api/index.ts';
import { SIGNATURE_ALGORITHMS } from '../../value/json-web-key.ts';
import { externalAuthentication } from './external-authentication.ts';
import { cidr, duration, headerName, hostname, kindName, label } from './format.ts';
import { oidcAuthentication } from './oidc-authentication.ts';
import { pathMatch } from './path-match.ts';
import { authorityReference, backendObjectReference, secretReference } from './reference.ts';
import { requestPolicySpec } from './request-policy.ts';
import {
  celRule,
  type Field,
  flag,
  list,
  map,
  NAMES_ARE_DISTINCT,
  type ObjectSchema,
  object,
  oneOf,
  optional,
  type Rule,
  required,
  rule,
  secret,
  text,
} from './schema.ts';

/** What is said in a challenge, between quotes. */
const realm = text({
  max: 128,
  format: {
    is: 'printable ASCII without quotes and backslashes',
    matches: (value) => /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/.test(value),
    openApi: { pattern: '^[ !#-\\[\\]-~]*$' },
  },
});

const httpsUrl = text({
  min: 1,
  max: 2_048,
  format: {
    is: 'a URL with https, a host, and neither user nor fragment, such as https://login.example.com/jwks.json',
    matches: (value) => {
      if (!value.startsWith('https://') || !URL.canParse(value)) return false;
      const { username, password, hash } = new URL(value);
      return `${username}${password}${hash}` === '';
    },
    openApi: { pattern: '^https://[^@#]+$' },
  },
});

function keySetReference(kind: string): ObjectSchema {
  const { fields } = secretReference;
  return object({ ...fields, kind: optional(kindName, kind), key: optional(text({ min: 1, max: 253 })) });
}

function exactlyOne<T>(names: ReadonlyArray<keyof T & string>): Rule {
  return celRule(
    `[${names.map((name) => `has(self.${name})`).join(', ')}].filter(x, x).size() == 1`,
    rule<T>(
      `must have exactly one of ${names.join(', ')}`,
      (one) => names.filter((name) => one[name] !== undefined).length === 1,
    ),
  );
}

const basic = object({
  secretRef: required(secretReference),
  format: optional(oneOf('AuthFile', 'AuthMap'), 'AuthFile'),
  realm: optional(realm),
  forwardCredential: optional(flag),
});

const digest = object({
  secretRef: required(secretReference),
  realm: optional(realm),
  forwardCredential: optional(flag),
});

/** One of header, cookie and query. */
const PLACES = ['header', 'cookie', 'query'] as const;
const place = object(
  {
    header: optional(headerName),
    scheme: optional(headerName),
    cookie: optional(headerName),
    query: optional(text({ min: 1, max: 256 })),
  },
  {
    rules: [
      exactlyOne<CredentialPlaceEntry>(PLACES),
      celRule(
        '!has(self.scheme) || has(self.header)',
        rule<CredentialPlaceEntry>(
          'goes with header only; remove it',
          ({ scheme, header }) => scheme === undefined || header !== undefined,
          'scheme',
        ),
      ),
    ],
  },
);

/** Labels that one selector may ask for. */
const MAX_SELECTOR_LABELS = 16;

/** An empty selector would take every Secret of the namespace for keys. */
const hasLabels = celRule(
  'self.size() > 0',
  rule<Record<string, string>>(
    'must name a label: an empty selector would take every Secret for keys',
    (labels) => Object.keys(labels).length > 0,
  ),
);

const apiKey = object(
  {
    secretRefs: optional(list(secretReference, { min: 1, max: 16 })),
    secretSelector: optional(
      object({ matchLabels: required(map(text({ max: 63 }), { max: MAX_SELECTOR_LABELS, rules: [hasLabels] })) }),
    ),
    from: optional(list(place, { min: 1, max: 8 })),
    forwardCredential: optional(flag),
  },
  {
    rules: [
      celRule(
        'has(self.secretRefs) || has(self.secretSelector)',
        rule<ApiKeyAuthentication>(
          'must have secretRefs or secretSelector: keys that clients have',
          ({ secretRefs, secretSelector }) => (secretRefs ?? secretSelector) !== undefined,
        ),
      ),
    ],
  },
);

const clientCertificate = object({
  match: optional(
    list(
      object({
        field: required(oneOf('Subject', 'CommonName', 'DNS', 'URI', 'Email')),
        type: optional(oneOf('Exact', 'RegularExpression'), 'Exact'),
        value: required(text({ min: 1, max: 1_024 })),
      }),
      { min: 1, max: 64 },
    ),
  ),
});

const keySetPath = text({
  min: 1,
  max: 1_024,
  format: {
    is: 'a path such as /realms/shop/protocol/openid-connect/certs',
    matches: (value) => /^\/[!-~]*$/.test(value) && !value.includes('#'),
    openApi: { pattern: '^/[!"$-~]*$' },
  },
});

/** With what each of the ways to a set of keys goes. */
const KEY_SET_WAYS = [
  { name: 'caCertificateRef', ways: ['url'] },
  { name: 'path', ways: ['backendRef'] },
  { name: 'host', ways: ['backendRef'] },
  { name: 'refreshInterval', ways: ['url', 'backendRef'] },
  { name: 'staleFor', ways: ['url', 'backendRef'] },
] as const;

const jwks = object(
  {
    url: optional(httpsUrl),
    caCertificateRef: optional(authorityReference),
    backendRef: optional(backendObjectReference),
    path: optional(keySetPath),
    host: optional(hostname),
    refreshInterval: optional(duration),
    staleFor: optional(duration),
    // Public keys, but a user may have put a symmetric one here, which is refused and must not be shown.
    inline: optional(secret(text({ min: 1, max: 65_536 }))),
    secretRef: optional(keySetReference('Secret')),
    configMapRef: optional(keySetReference('ConfigMap')),
  },
  {
    rules: [
      exactlyOne<JsonWebKeySet>(['url', 'backendRef', 'inline', 'secretRef', 'configMapRef']),
      ...KEY_SET_WAYS.map(({ name, ways }) =>
        celRule(
          `!has(self.${name}) || ${ways.map((way) => `has(self.${way})`).join(' || ')}`,
          rule<JsonWebKeySet>(
            `goes with ${ways.join(' or ')} only; remove it`,
            (set) => set[name] === undefined || ways.some((way) => set[way] !== undefined),
            name,
          ),
        ),
      ),
    ],
  },
);

const SYMMETRIC = ['HS256', 'HS384', 'HS512'];

const provider = object(
  {
    issuer: required(text({ min: 1, max: 2_048 })),
    audiences: optional(list(text({ min: 1, max: 2_048 }), { min: 1, max: 64, unique: 'set' })),
    jwks: required(jwks),
    algorithms: optional(list(oneOf(...Object.keys(SIGNATURE_ALGORITHMS)), { min: 1, max: 16, unique: 'set' })),
    clockSkew: optional(duration),
  },
  {
    rules: [
      celRule(
        '!has(self.algorithms) || has(self.jwks.secretRef) || !self.algorithms.exists(a, a.startsWith("HS"))',
        rule<JwtProviderEntry>(
          'must not have HS256, HS384 or HS512 but with keys from a secretRef: whoever reads such a key signs with it',
          ({ algorithms = [], jwks: { secretRef } }) =>
            secretRef !== undefined || !algorithms.some((name) => SYMMETRIC.includes(name)),
          'algorithms',
        ),
      ),
    ],
  },
);

/** Whose tokens one method takes: as many as consumers of another gateway may come to, each with a key of his own. */
const MAX_PROVIDERS = 1_000;

const jwt = object({
  providers: required(list(provider, { min: 1, max: MAX_PROVIDERS, unique: ['issuer'] })),
  from: optional(list(place, { min: 1, max: 8 })),
  realm: optional(realm),
  forwardCredential: optional(flag),
});

/** By which methods clients may say who they are: a new one has its line here. */
const METHODS: Readonly<Record<Exclude<keyof AuthenticationEntry, 'name'>, ObjectSchema>> = {
  basic,
  digest,
  apiKey,
  clientCertificate,
  jwt,
  oidc: oidcAuthentication,
  external: externalAuthentication,
};
const NAMES = Object.keys(METHODS) as Array<keyof typeof METHODS>;

const method = object(
  {
    name: optional(label),
    ...Object.fromEntries(NAMES.map((name): [string, Field] => [name, optional(METHODS[name])])),
  },
  {
    rules: [exactlyOne<AuthenticationEntry>(NAMES)],
  },
);

const namesAreDistinct = celRule(
  NAMES_ARE_DISTINCT,
  rule<AuthenticationEntry[]>('must not have one name twice; rename one of the two', (methods) => {
    const names = methods.flatMap(({ name }) => name ?? []);
    return new Set(names).size === names.length;
  }),
);

/** Values of a claim that have a text of their own in a line. */
const MAX_CLAIM_VALUES = 1_000;
const CLAIM = text({ min: 1, max: 256 });

export const authenticationPolicySpec = requestPolicySpec(
  {
    methods: required(list(method, { min: 1, max: 8, rules: [namesAreDistinct] })),
    require: optional(oneOf('Any', 'All')),
    anonymousPaths: optional(list(pathMatch, { min: 1, max: 64 })),
    anonymousAddresses: optional(list(cidr, { min: 1, max: 256, unique: 'set' })),
    claimsToHeaders: optional(
      list(
        object({
          name: required(headerName),
          claim: required(CLAIM),
          values: optional(map(text({ min: 1, max: 1_024 }), { max: MAX_CLAIM_VALUES })),
        }),
        { min: 1, max: 32 },
      ),
    ),
  },
  [
    celRule(
      '!has(self.methods) || self.methods.size() == 1 || has(self.require)',
      rule<Authentication>(
        'is required beside several methods: Any (one of them must say who it is) or All (each must)',
        ({ methods, require }) => (methods?.length ?? 0) < 2 || require !== undefined,
        'require',
      ),
    ),
  ],
);

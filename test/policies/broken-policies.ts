/** Policies that cannot be followed, of every kind and method, each on a route of its own; and what becomes of that. */
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { type PolicyAim, requestPolicy } from './policy.ts';

export interface BrokenPolicy {
  what: string;
  /** What is asked for by whoever would be let in, were it whole. */
  credential: Record<string, string>;
  /** The policy and what it needs; `aim`: the route; `at`: for names of their own. */
  objects(aim: PolicyAim, at: string): object[];
  /** The route's annotation that asks for a plugin: the route's name, and `-guard`. */
  annotation?: string;
  /** Requests meet it, and nothing in the manifests is wrong. */
  untold?: true;
  /** Refused with this; 200: it guards nothing, and the route serves without it. */
  status: number;
  /** Of whoever shows nothing; absent: the same. */
  bare?: number;
}

const ELSEWHERE = 'elsewhere';
const PAIR = generateKeyPairSync('ed25519');
const JWKS = JSON.stringify({ keys: [PAIR.publicKey.export({ format: 'jwk' })] });

function token(): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 3_600;
  const input = `${part({ alg: 'EdDSA' })}.${part({ iss: 'https://id.example', aud: 'somebody-else', exp })}`;
  return `${input}.${sign(null, Buffer.from(input), PAIR.privateKey).toString('base64url')}`;
}

const BASIC = { authorization: `Basic ${Buffer.from('u:secret').toString('base64')}` };
const BEARER = { authorization: `Bearer ${token()}` };
const KEY = { 'x-api-key': 'the key of u' };
const NEVER = { type: 'RegularExpression', name: 'x', value: '(' };
const WHOLE: Record<string, Record<string, string>> = {
  basic: { auth: 'u:{PLAIN}secret' },
  digest: { auth: `u:shop:${createHash('md5').update('u:shop:secret').digest('hex')}` },
  apiKey: { u: 'the key of u' },
  jwt: { 'jwks.json': JWKS },
  oidc: { 'client-secret': 's', 'cookie-secret': 'x'.repeat(32) },
};

const secret = (name: string, stringData: object, namespace?: string): object => ({
  ...{ apiVersion: 'v1', kind: 'Secret', metadata: namespace === undefined ? { name } : { name, namespace } },
  stringData,
});

const one = (kind: string, what: string, spec: object, more: Partial<BrokenPolicy> = {}): BrokenPolicy => ({
  what: `${kind}: ${what}`,
  credential: {},
  objects: (aim, at) => [requestPolicy(kind, at, aim, spec)],
  status: 500,
  ...more,
});

const UNTOLD: Partial<BrokenPolicy> = { status: 503, untold: true };

type Reference = Record<string, string>;

/** By method, with the Secret that it is given. */
const METHODS: Record<string, { method(secretRef: Reference): object; credential: Record<string, string> }> = {
  basic: { method: (secretRef) => ({ basic: { secretRef } }), credential: BASIC },
  digest: { method: (secretRef) => ({ digest: { secretRef } }), credential: BASIC },
  apiKey: { method: (secretRef) => ({ apiKey: { secretRefs: [secretRef] } }), credential: KEY },
  jwt: {
    method: (secretRef) => ({ jwt: { providers: [{ issuer: 'https://id.example', jwks: { secretRef } }] } }),
    credential: BEARER,
  },
  oidc: {
    method: (secretRef) => ({ oidc: { issuer: 'https://id.example', clientId: 'shop', secretRef } }),
    credential: BASIC,
  },
};

/** What may be wrong with a Secret, by name. */
function secrets(method: string): Array<[string, (at: string) => { ref: Reference; objects: object[] }]> {
  const whole = WHOLE[method]!;
  const blank = Object.fromEntries(Object.keys(whole).map((name) => [name, '']));
  const garbage = Object.fromEntries(Object.keys(whole).map((name) => [name, '\u0001']));
  const here = (data: object) => (at: string) => ({ ref: { name: at }, objects: [secret(at, data)] });
  const grantless = (at: string) => ({
    ref: { name: at, namespace: ELSEWHERE },
    objects: [secret(at, whole, ELSEWHERE)],
  });
  return [
    ['no Secret', (at) => ({ ref: { name: at }, objects: [] })],
    ['a Secret of another type', here({ 'tls.crt': 'x', 'tls.key': 'y' })],
    ['a Secret with nothing in it', here({})],
    ['a Secret with empty lines', here(blank)],
    ['a Secret with garbage', here(garbage)],
    ['a Secret of a namespace without a grant', grantless],
    ['a reference that is no Secret', (at) => ({ ref: { name: at, kind: 'Service' }, objects: [secret(at, whole)] })],
  ];
}

/** Any key is one, and nobody who does not know it is let in by it. */
const NO_FAULT = new Set(['apiKey: a Secret of another type', 'apiKey: a Secret with garbage']);

function credentials(): BrokenPolicy[] {
  return Object.entries(METHODS).flatMap(([name, { method, credential }]) =>
    secrets(name)
      .filter(([what]) => !NO_FAULT.has(`${name}: ${what}`))
      .map(([what, make]) => ({
        what: `AuthenticationPolicy ${name}: ${what}`,
        credential,
        objects(aim: PolicyAim, at: string) {
          const { ref, objects } = make(at);
          return [...objects, requestPolicy('AuthenticationPolicy', at, aim, { methods: [method(ref)] })];
        },
        status: 503,
      })),
  );
}

const provider = (jwks: object): object => ({
  methods: [{ jwt: { providers: [{ issuer: 'https://id.example', jwks }] } }],
});
const grantless = { name: 'web', namespace: ELSEWHERE, port: 80 };
const external = (backendRef: object): object => ({ methods: [{ external: { backendRef } }] });

/** A selector without any Secret: nobody has a key. */
const SELECTED = { secretSelector: { matchLabels: { of: 'nobody' } } };

function identity(): BrokenPolicy[] {
  const policy = (what: string, spec: object, more: Partial<BrokenPolicy> = {}): BrokenPolicy =>
    one('AuthenticationPolicy', what, spec, { credential: BEARER, status: 503, ...more });
  return [
    policy('keys of this machine', provider({ url: 'https://127.0.0.1:9/jwks.json' }), { status: 500 }),
    policy('keys that never came', provider({ url: 'https://nowhere.invalid/jwks.json' }), { ...UNTOLD, bare: 401 }),
    policy('keys of a ConfigMap that is not there', provider({ configMapRef: { name: 'nowhere' } })),
    policy('keys of a Service that is not there', provider({ backendRef: { name: 'nowhere', port: 443 } })),
    policy('keys of a Service of a namespace without a grant', provider({ backendRef: grantless })),
    policy('keys of a Service that does not answer', provider({ backendRef: { name: 'away', port: 80 } }), {
      ...UNTOLD,
      bare: 401,
    }),
    policy('keys of clients in Secrets that there are not', { methods: [{ apiKey: SELECTED }] }, { credential: KEY }),
    policy('no keys', provider({ inline: '{"keys":[]}' })),
    policy('keys that are none', provider({ inline: 'nothing' })),
    policy('a service that is not there', external({ name: 'nowhere', port: 80 })),
    policy('a service without such a port', external({ name: 'web', port: 81 })),
    policy('a service of a namespace without a grant', external(grantless)),
    policy('a service that does not answer', external({ name: 'away', port: 80 }), UNTOLD),
    policy(
      'whose certificate, by a pattern that is none',
      {
        methods: [{ clientCertificate: { match: [{ field: 'Subject', type: 'RegularExpression', value: '(' }] } }],
      },
      { status: 500 },
    ),
    policy(
      'two methods, and not how many of them',
      { methods: [external(grantless), provider({ inline: JWKS })] },
      { status: 500 },
    ),
  ];
}

const shared = (redis: object, more: object = {}): object => ({
  mode: 'Shared',
  limits: [{ requests: 1_000, per: 'Second' }],
  shared: { redis, ...more },
});
const AWAY = 'redis://127.0.0.1:9';
const TRUST = { tls: { caCertificateRefs: [{ name: 'nowhere' }] } };

function others(): BrokenPolicy[] {
  const limit = (what: string, spec: object, more: Partial<BrokenPolicy> = {}): BrokenPolicy =>
    one('RateLimitPolicy', what, spec, more);
  const access = (what: string, spec: object): BrokenPolicy => one('AccessPolicy', what, spec);
  return [
    limit('a pattern that is none', { limits: [{ requests: 9, per: 'Day', when: [{ headers: [NEVER] }] }] }),
    limit('Redis is away, and so it is closed', shared({ url: AWAY }, { onFailure: 'Closed' }), UNTOLD),
    limit('no Secret for Redis', shared({ url: AWAY, secretRef: { name: 'nowhere' } }, { onFailure: 'Open' })),
    limit('nobody to vouch for Redis', shared({ url: 'rediss://127.0.0.1:9', ...TRUST }, { onFailure: 'Open' })),
    access('an expression that is none', { deny: [{ cel: 'request.nothing(' }] }),
    access('a pattern that is none', { deny: [{ headers: [NEVER] }] }),
    access('an origin that is none', { csrf: { allowedOrigins: ['shop'] } }),
    // The data plane is what lacks it.
    access('countries without a database', { deny: [{ countries: ['FR'] }] }),
    access('a time zone that is none', { deny: [{ times: [{ timeZone: 'Moon/North' }] }] }),
    access('a claim without values', { allow: [{ claims: [{ name: 'role', values: [] }] }] }),
    one('RewritePolicy', 'a pattern that is none', { paths: [{ pattern: '(', substitution: '/' }] }),
    one('RewritePolicy', 'a group that there is not', { paths: [{ pattern: '/(.*)', substitution: '/$2' }] }),
    ...['key-auth', 'basic-auth', 'jwt', 'openid-connect'].map((plugin) => kong(plugin, { typo: 1 })),
    ...['ip-restriction', 'rate-limiting'].map((plugin) => kong(plugin, {})),
    kong('request-size-limiting', { allowed_payload_size: 'many' }),
    kong('request-termination', { trigger: 'x-stop' }),
    kong(undefined, {}),
  ];
}

function kong(plugin: string | undefined, config: object): BrokenPolicy {
  return {
    what: plugin === undefined ? 'KongPlugin: none of that name' : `KongPlugin ${plugin}: ${JSON.stringify(config)}`,
    credential: BEARER,
    annotation: 'konghq.com/plugins',
    objects: ({ name }) =>
      plugin === undefined
        ? []
        : [
            {
              ...{ apiVersion: 'configuration.konghq.com/v1', kind: 'KongPlugin', metadata: { name: `${name}-guard` } },
              ...{ plugin, config },
            },
          ],
    status: 500,
  };
}

/** A section that is not there. */
function strays(): BrokenPolicy[] {
  const specs: Record<string, object> = {
    AuthenticationPolicy: { methods: [{ basic: { secretRef: { name: 'users' } } }] },
    AccessPolicy: { allow: [{ addresses: ['127.0.0.0/8'] }] },
    RateLimitPolicy: { limits: [{ requests: 1_000, per: 'Second' }] },
    RewritePolicy: { paths: [{ pattern: '^/other', substitution: '/' }] },
  };
  return Object.entries(specs).map(([kind, spec]) => ({
    ...one(kind, 'a rule that is not there', spec, { credential: BASIC }),
    objects: (aim, at) => [requestPolicy(kind, at, { ...aim, sectionName: 'nosuch' }, spec)],
  }));
}

/** A letter too few or too many: what is left is less of a guard than what was meant. */
function misspelt(): BrokenPolicy[] {
  const users = { secretRef: { name: 'users' } };
  const jwt = { issuer: 'https://id.example', jwks: { inline: JWKS } };
  const specs: Array<[kind: string, field: string, spec: object]> = [
    ['AuthenticationPolicy', 'audience', { methods: [{ jwt: { providers: [{ ...jwt, audience: ['shop'] }] } }] }],
    ['AuthenticationPolicy', 'algorithm', { methods: [{ jwt: { providers: [{ ...jwt, algorithm: ['RS256'] }] } }] }],
    ['AuthenticationPolicy', 'requires', { methods: [{ basic: users }], requires: 'All' }],
    ['AuthenticationPolicy', 'realms', { defaults: { methods: [{ basic: { ...users, realms: 'shop' } }] } }],
    ['AccessPolicy', 'adresses', { allow: [{ adresses: ['192.0.2.1/32'], methods: ['GET'] }] }],
    ['AccessPolicy', 'denies', { allow: [{ methods: ['GET'] }], denies: [{ addresses: ['127.0.0.0/8'] }] }],
    ['AccessPolicy', 'override', { maxBodyBytes: 9, override: { deny: [{ methods: ['GET'] }] } }],
    ['RateLimitPolicy', 'costs', { limits: [{ requests: 9, per: 'Second', costs: 9 }] }],
    [
      'RewritePolicy',
      'header',
      { paths: [{ pattern: '^/x', substitution: '/', header: [{ name: 'a', value: 'b' }] }] },
    ],
  ];
  return specs.map(([kind, field, spec]) =>
    one(kind, `${field} is not a field`, spec, { credential: { ...BEARER, ...(field === 'realms' ? BASIC : {}) } }),
  );
}

/** What guards nothing does nothing where it cannot be followed, or what it can of it. */
function harmless(): BrokenPolicy[] {
  const free = (kind: string, what: string, spec: object): BrokenPolicy => one(kind, what, spec, { status: 200 });
  const when = [{ headers: [NEVER] }];
  return [
    free('FaultPolicy', 'a pattern that is none', { abort: { statusCode: 500 }, when }),
    free('FaultPolicy', 'a delay that is none', { delay: { duration: 'long' } }),
    free('ResponsePolicy', 'a disk of no size', { cache: { disk: { maxBytes: 0 } } }),
    free('ResponsePolicy', 'a page by a service that is not there', {
      errorPages: [{ codes: [404], backendRef: { name: 'nowhere', port: 80 } }],
    }),
    free('ResponsePolicy', 'a page by a service without a grant', {
      errorPages: [{ codes: [404], backendRef: grantless }],
    }),
    free('ResponsePolicy', 'another compression', { compression: { algorithms: ['lzma'] } }),
  ];
}

const UNFOLLOWED_TRAFFIC: Array<[string, object]> = [
  ['an expected status that is none', { healthCheck: { type: 'HTTP', http: { statuses: [{ from: 600 }] } } }],
  ['a check of another kind', { healthCheck: { type: 'ICMP' } }],
  ['outliers of no share', { outlierDetection: { maxEjectionPercent: 101 } }],
  ['names of the past', { dns: { minRefresh: '-1s' } }],
  ['another version', { httpVersion: 'HTTP3' }],
  ['a hash of nothing', { loadBalancing: { type: 'ConsistentHash' } }],
  ['codes that are none', { retry: { attempts: 1, codes: [99] } }],
];

/** Of the Service behind the route, which `at` names. */
function traffic(): BrokenPolicy[] {
  return UNFOLLOWED_TRAFFIC.map(([what, spec]) => ({
    ...one('BackendTrafficPolicy', what, spec, { status: 200 }),
    objects: (_, at) => [requestPolicy('BackendTrafficPolicy', at, { kind: 'Service', name: at }, spec)],
  }));
}

const AUTHORITY = { group: '', kind: 'ConfigMap', name: 'nowhere' };

const UNFOLLOWED_CLIENTS: Array<[what: string, spec: object]> = [
  ['versions in the wrong order', { tls: { minVersion: '1.3', maxVersion: '1.2' } }],
  ['a cipher that is none', { tls: { ciphers: ['NOTHING'] } }],
  ['streams without number', { http2: { maxConcurrentStreams: 0 } }],
  ['hints to others', { earlyHints: { to: 'Others' } }],
  ['underscores as they like', { headersWithUnderscores: 'Maybe' }],
  ['certificates that nobody asks for', { clientCertificates: { mode: 'Maybe', caCertificateRefs: [AUTHORITY] } }],
  ['authorities that are not there', { clientCertificates: { caCertificateRefs: [AUTHORITY] } }],
  [
    'revoked ones that are not listed anywhere',
    { clientCertificates: { caCertificateRefs: [AUTHORITY], revocationListRefs: [AUTHORITY] } },
  ],
  ['a guard that is misspelt', { clientCertificate: { caCertificateRefs: [AUTHORITY] } }],
  ['sources that are none', { clientAddress: { trustedSources: ['everybody'] } }],
];

/** Of a listener that nobody else has: `spare`. */
export function brokenClientPolicies(): object[] {
  return UNFOLLOWED_CLIENTS.map(([what, spec]) =>
    requestPolicy('ClientTrafficPolicy', what.replaceAll(' ', '-'), { ...SPARE }, spec),
  );
}

const SPARE: PolicyAim = { kind: 'Gateway', name: 'gw', sectionName: 'spare' };

export function brokenPolicies(): BrokenPolicy[] {
  return [...credentials(), ...identity(), ...others(), ...strays(), ...misspelt(), ...harmless(), ...traffic()];
}

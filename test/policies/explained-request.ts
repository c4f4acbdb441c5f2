/** Requests that are asked about and served: for each kind of policy a route of its own, and the status that comes of it. */
import { createHash, generateKeyPairSync, sign } from 'node:crypto';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const JWKS = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'EdDSA' }] });

export function token(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'EdDSA', kid: 'k' })}.${part({ iss: 'https://i.example', exp: 4e9, ...claims })}`;
  return `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`;
}

function secret(name: string, data: Record<string, string>): object {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: data };
}

export const SECRETS: object[] = [
  // A form that takes long on purpose, and one that does not.
  secret('users', {
    auth: `ann:{SHA}${createHash('sha1').update('pw-of-ann').digest('base64')}\nbob:$apr1$salt$BSLRvmmfPTnk7Wy7jjBFv.`,
  }),
  secret('digests', { auth: `ann:shop:${createHash('md5').update('ann:shop:x').digest('hex')}` }),
  secret('keys', { ann: 'key-of-ann-123' }),
  secret('sign-in', { 'cookie-secret': 'x'.repeat(40) }),
];

const basic = { basic: { secretRef: { name: 'users' } } };
const apiKey = { apiKey: { secretRefs: [{ name: 'keys' }] } };
const jwt = { jwt: { providers: [{ issuer: 'https://i.example', jwks: { inline: JWKS } }] } };
export const SESSION = 'signed-in';
const oidc = {
  oidc: {
    issuer: 'https://192.0.2.9',
    clientId: 'x',
    secretRef: { name: 'sign-in' },
    cookie: { name: SESSION },
  },
};
export const annWith = (password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`ann:${password}`).toString('base64')}`,
});
export const ann: Record<string, string> = annWith('pw-of-ann');

export interface Question {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string;
}

export function bearer(claims: object): Question {
  return { headers: { authorization: `Bearer ${token(claims)}` } };
}

/** A route of its own, its policies, and requests, each with the status that comes of it. */
interface Case {
  policies: Array<[kind: string, spec: object]>;
  asked: Array<[Question, number]>;
}

export const CASES: Record<string, Case> = {
  'access-address': {
    policies: [['AccessPolicy', { allow: [{ name: 'here', addresses: ['127.0.0.0/8'] }] }]],
    asked: [[{}, 200]],
  },
  'access-country': { policies: [['AccessPolicy', { allow: [{ name: 'home', countries: ['DE'] }] }]], asked: [] },
  'access-address-denied': {
    policies: [['AccessPolicy', { deny: [{ name: 'here', addresses: ['127.0.0.0/8'] }] }]],
    asked: [[{}, 403]],
  },
  access: {
    policies: [
      [
        'AccessPolicy',
        {
          deny: [
            { name: 'writes', methods: ['DELETE'] },
            { name: 'bot', headers: [{ name: 'x-bot', value: '1' }] },
          ],
          allow: [
            { name: 'api', paths: [{ value: '/api' }] },
            { name: 'cel', cel: 'request.query == "a=1"' },
          ],
          refusal: { statusCode: 451 },
        },
      ],
    ],
    asked: [
      [{ path: '/api/x' }, 200],
      [{ path: '/?a=1' }, 200],
      [{ path: '/other' }, 451],
      [{ path: '/api', method: 'DELETE' }, 451],
      [{ path: '/api', headers: { 'x-bot': '1' } }, 451],
    ],
  },
  'access-shadow': {
    policies: [['AccessPolicy', { deny: [{ methods: ['GET'] }], shadow: true }]],
    asked: [[{}, 200]],
  },
  nameless: {
    policies: [
      [
        'AccessPolicy',
        {
          deny: [
            { name: 'first', methods: ['PATCH'] },
            { methods: ['PUT'], paths: [{ value: '/x' }] },
          ],
          allow: [{ methods: ['POST'] }, { methods: ['GET'] }, { methods: ['PUT'] }],
        },
      ],
      ['RateLimitPolicy', { limits: [{ requests: 1000, per: 'Day' }] }],
    ],
    asked: [
      [{}, 200],
      [{ method: 'PUT', path: '/x' }, 403],
      [{ method: 'PATCH' }, 403],
    ],
  },
  csrf: {
    policies: [['AccessPolicy', { csrf: { withoutOrigin: 'Deny' } }]],
    asked: [
      [{ method: 'POST', body: 'x' }, 403],
      [{ method: 'POST', body: 'x', headers: { origin: 'http://csrf.example' } }, 200],
      [{ method: 'POST', body: 'x', headers: { origin: 'http://evil.example' } }, 403],
      [{}, 200],
    ],
  },
  'body-size': {
    policies: [['AccessPolicy', { maxBodyBytes: 4 }]],
    asked: [
      [{ method: 'POST', body: '1234' }, 200],
      [{ method: 'POST', body: '12345' }, 413],
    ],
  },
  basic: {
    policies: [['AuthenticationPolicy', { methods: [basic], anonymousPaths: [{ value: '/open' }] }]],
    asked: [
      [{}, 401],
      [{ headers: ann }, 200],
      [{ headers: annWith('wrong') }, 401],
      [{ headers: { authorization: `Basic ${Buffer.from('bob:wrong').toString('base64')}` } }, 401],
      [{ path: '/open' }, 200],
      [{ path: '/open;x' }, 401],
    ],
  },
  digest: {
    policies: [['AuthenticationPolicy', { methods: [{ digest: { secretRef: { name: 'digests' } } }] }]],
    asked: [
      [{}, 401],
      [{ headers: { authorization: 'Digest username="ann", realm="shop"' } }, 401],
    ],
  },
  'any-of': {
    policies: [['AuthenticationPolicy', { methods: [basic, apiKey, jwt], require: 'Any' }]],
    asked: [
      [{}, 401],
      [{ headers: { 'x-api-key': 'key-of-ann-123' } }, 200],
      [{ headers: { 'x-api-key': 'key-of-nobody' } }, 401],
      [{ headers: { authorization: `Bearer ${token({ sub: 'ann' })}` } }, 200],
      [{ headers: { authorization: `Bearer ${token({ sub: 'ann', exp: 1 })}` } }, 401],
      [{ headers: { authorization: 'Bearer nonsense' } }, 401],
    ],
  },
  'all-of': {
    policies: [['AuthenticationPolicy', { methods: [basic, apiKey], require: 'All' }]],
    asked: [
      [{ headers: ann }, 401],
      [{ headers: { ...ann, 'x-api-key': 'key-of-ann-123' } }, 200],
    ],
  },
  claims: {
    policies: [
      ['AuthenticationPolicy', { methods: [jwt] }],
      ['AccessPolicy', { allow: [{ name: 'admins', claims: [{ name: 'groups', values: ['admin'] }] }] }],
    ],
    asked: [
      [{}, 401],
      [{ headers: { authorization: `Bearer ${token({ sub: 'ann', groups: ['admin'] })}` } }, 200],
      [{ headers: { authorization: `Bearer ${token({ sub: 'bob', groups: ['user'] })}` } }, 403],
    ],
  },
  'claims-cel': {
    policies: [
      ['AuthenticationPolicy', { methods: [jwt], anonymousPaths: [{ value: '/open' }] }],
      [
        'AccessPolicy',
        {
          allow: [
            { name: 'groups', cel: "request.auth.claims.groups.exists(g, g == 'admin')" },
            { name: 'level', cel: 'request.auth.claims.level in [3, 4] && request.auth.claims.of.size() == 2' },
            { name: 'whole', cel: '5 in request["auth"].claims.of' },
            { name: 'subject', cel: "request.auth.subject == 'root'" },
            { name: 'not-banned', cel: "request.path == '/open' && !('banned' in request.auth.claims.groups)" },
            { name: 'nobody', cel: "request.path == '/open/nobody' && !has(request.auth)" },
          ],
        },
      ],
    ],
    asked: [
      [{}, 401],
      [bearer({ groups: ['user', 'admin'] }), 200],
      [bearer({ groups: ['user'] }), 403],
      [bearer({}), 403],
      [bearer({ level: 3, of: ['a', 'b'] }), 200],
      [bearer({ level: 3.5, of: ['a', 'b'] }), 403],
      [bearer({ of: [1, 5] }), 200],
      [bearer({ sub: 'root' }), 200],
      [{ path: '/open' }, 403],
      [{ path: '/open/nobody' }, 200],
    ],
  },
  'claims-cel-deny': {
    policies: [
      ['AuthenticationPolicy', { methods: [jwt], anonymousPaths: [{ value: '/open' }] }],
      ['AccessPolicy', { deny: [{ name: 'banned', cel: "request.auth.claims.groups.exists(g, g == 'banned')" }] }],
    ],
    asked: [
      [bearer({ groups: ['user'] }), 200],
      [bearer({ groups: ['banned'] }), 403],
      // What has no value denies.
      [bearer({}), 403],
      [{ path: '/open' }, 403],
    ],
  },
  unknown: {
    policies: [
      [
        'AuthenticationPolicy',
        {
          methods: [basic, { jwt: { ...jwt.jwt, from: [{ header: 'x-token' }] } }],
          require: 'Any',
        },
      ],
      ['AccessPolicy', { allow: [{ name: 'admins', claims: [{ name: 'groups', values: ['admin'] }] }] }],
    ],
    asked: [[{}, 401]],
  },
  oidc: {
    policies: [['AuthenticationPolicy', { methods: [oidc] }]],
    asked: [
      [{ headers: { accept: 'application/json' } }, 401],
      [{ method: 'POST' }, 401],
      [{ path: '/oauth2/callback?code=1&state=2' }, 400],
    ],
  },
  'rate-limit': {
    policies: [
      [
        'RateLimitPolicy',
        { limits: [{ name: 'each', requests: 1000, per: 'Second', key: [{ type: 'Header', name: 'x-who' }] }] },
      ],
    ],
    asked: [[{ headers: { 'x-who': 'ann' } }, 200]],
  },
  fault: {
    policies: [['FaultPolicy', { abort: { statusCode: 418 }, when: [{ headers: [{ name: 'x-fault', value: '1' }] }] }]],
    asked: [
      [{}, 200],
      [{ headers: { 'x-fault': '1' } }, 418],
    ],
  },
  'fault-delay': {
    policies: [['FaultPolicy', { delay: { duration: '5ms' }, abort: { statusCode: 418 } }]],
    asked: [[{}, 418]],
  },
  rewrite: {
    policies: [
      [
        'RewritePolicy',
        {
          paths: [
            { pattern: '^/dots/(.*)$', substitution: '/./$1' },
            { pattern: '^/(a)/(.*)$', substitution: '/$2' },
          ],
        },
      ],
    ],
    asked: [
      [{ path: '/a/b' }, 200],
      [{ path: '/dots/b' }, 400],
    ],
  },
  maintained: {
    policies: [['ResponsePolicy', { maintenance: { exempt: ['127.0.0.1/32'] } }]],
    asked: [[{}, 200]],
  },
  'direct-response': {
    policies: [['ResponsePolicy', { directResponse: { statusCode: 410 } }]],
    asked: [[{}, 410]],
  },
  broken: {
    policies: [['AccessPolicy', { allow: [{ cel: '(' }] }]],
    asked: [[{}, 500]],
  },
};

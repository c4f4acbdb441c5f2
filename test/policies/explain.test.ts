/** What `daemun explain` says of a request is what a gateway does with it: each kind of policy, asked and served. */
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AskedRequest } from '../../src/cli/explain/asked-request.ts';
import { explanationOf } from '../../src/cli/explain/explanation.ts';
import { Snapshot } from '../../src/config/index.ts';
import { openPipeline } from '../../src/control/index.ts';
import { fileSource } from '../../src/sources/index.ts';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { clientTraffic, requestPolicy } from './policy.ts';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const JWKS = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'EdDSA' }] });

function token(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'EdDSA', kid: 'k' })}.${part({ iss: 'https://i.example', exp: 4e9, ...claims })}`;
  return `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`;
}

function secret(name: string, data: Record<string, string>): object {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: data };
}

const SECRETS = [
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
const oidc = { oidc: { issuer: 'https://192.0.2.9', clientId: 'x', secretRef: { name: 'sign-in' } } };
const ann = { authorization: `Basic ${Buffer.from('ann:pw-of-ann').toString('base64')}` };

interface Question {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string;
}

function bearer(claims: object): Question {
  return { headers: { authorization: `Bearer ${token(claims)}` } };
}

/** A route of its own, its policies, and requests, each with the status that comes of it. */
interface Case {
  policies: Array<[kind: string, spec: object]>;
  asked: Array<[Question, number]>;
}

const CASES: Record<string, Case> = {
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
      [{ headers: { authorization: `Basic ${Buffer.from('ann:wrong').toString('base64')}` } }, 401],
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
  'direct-response': {
    policies: [['ResponsePolicy', { directResponse: { statusCode: 410 } }]],
    asked: [[{}, 410]],
  },
  broken: {
    policies: [['AccessPolicy', { allow: [{ cel: '(' }] }]],
    asked: [[{}, 500]],
  },
};

const NAMES = Object.keys(CASES);
const MANIFESTS = manifests(
  [HTTP],
  ...NAMES.map((name) => httpRoute(name, [backendRefs('web')], { hostnames: [`${name}.example`] })),
  httpRoute('cors', [{ ...backendRefs('web'), filters: [{ type: 'CORS', cors: { allowOrigins: ['*'] } }] }], {
    hostnames: ['cors.example'],
  }),
  service('web'),
  ...SECRETS,
  ...NAMES.flatMap((name) =>
    CASES[name]!.policies.map(([kind, spec], at) =>
      requestPolicy(kind, `${name}-${at}`, { kind: 'HTTPRoute', name }, spec),
    ),
  ),
  clientTraffic('edge', { body: { maxBytes: 1_000 }, headers: { underscores: 'Reject' } }),
);

let rig: Rig;
let known: Parameters<typeof explanationOf>[0];
const folder = mkdtempSync(join(tmpdir(), 'daemun-explain-'));
beforeAll(async () => {
  rig = await serveManifests(MANIFESTS, { echo: true });
  writeFileSync(join(folder, 'all.yaml'), MANIFESTS);
  const pipeline = openPipeline({
    source: (lastGood) => fileSource({ paths: [folder], watch: false, endpoints: [], lastGood }),
    acme: false,
  });
  await pipeline.source.ready;
  await pipeline.source.close();
  const secretly = Snapshot.EMPTY.apply({ version: 1, upserts: [...pipeline.config.values()], removals: [] });
  const endpoints = [
    { kind: 'Endpoints', key: 'default/web:80', endpoints: [{ address: '127.0.0.1', port: 1, state: 'ready' }] },
  ] as const;
  const whole = secretly.apply({
    version: 2,
    upserts: endpoints.map((one) => ({ ...one, endpoints: [...one.endpoints] })),
    removals: [],
  });
  known = {
    snapshot: Snapshot.EMPTY.apply({ version: 1, upserts: whole.shown(), removals: [] }),
    secret: whole,
    unserved: [],
  };
});
afterAll(async () => {
  await rig.close();
  rmSync(folder, { recursive: true });
});

function served(host: string, { method = 'GET', path = '/', headers = {}, body }: Question): Promise<number> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(body.length) };
    http
      .request(
        { port: rig.port(), host: '127.0.0.1', agent: false, method, path, headers: { host, ...headers, ...length } },
        (answer) => answer.resume().on('end', () => resolve(answer.statusCode!)),
      )
      .on('error', reject)
      .end(body);
  });
}

function asked(host: string, question: Question, peer: string | undefined = '127.0.0.1'): AskedRequest {
  const { method = 'GET', path = '/', headers = {}, body } = question;
  return {
    method,
    scheme: 'http',
    host,
    serverName: '',
    port: 80,
    target: path,
    headers: Object.entries(headers),
    ...(peer === '' ? {} : { peer }),
    ...(body === undefined ? {} : { bodyBytes: body.length }),
  };
}

const explain = (host: string, question: Question, peer?: string) => explanationOf(known, asked(host, question, peer));

describe('what is told is what is done', () => {
  test.each(
    NAMES.flatMap((name) =>
      CASES[name]!.asked.map(([question, status]) => [name, JSON.stringify(question), status] as const),
    ),
  )('%s: %s is answered with %i', async (name, text, status) => {
    const question = JSON.parse(text) as Question;
    expect(await served(`${name}.example`, question)).toBe(status);
    const { outcome, policies } = await explain(`${name}.example`, question);
    if (status === 200) expect(outcome).toEqual({ kind: 'proxied', reason: 'a backend answers' });
    else expect(outcome).toMatchObject({ kind: name === 'direct-response' ? 'answered' : 'denied', status });
    // Whoever decided is named.
    if (status !== 200) {
      const deciding = policies.filter(({ decision }) => decision === 'refuses' || decision === 'answers');
      expect(deciding.map((one) => one.status)).toEqual([status]);
      expect(outcome.reason).toContain(deciding[0]!.policy);
    }
  });

  test('what a listener asks of requests comes before all policies', async () => {
    const long = { method: 'POST', body: 'x'.repeat(1_001) };
    expect(await served('access.example', long)).toBe(413);
    expect((await explain('access.example', long)).outcome).toMatchObject({ kind: 'error', status: 413 });
    const odd = { headers: { x_y: '1' } };
    expect(await served('access.example', odd)).toBe(400);
    expect((await explain('access.example', odd)).outcome).toMatchObject({ kind: 'error', status: 400 });
  });

  test('a filter of the route that answers is named', async () => {
    const preflight = {
      method: 'OPTIONS',
      headers: { origin: 'http://a.example', 'access-control-request-method': 'GET' },
    };
    expect(await served('cors.example', preflight)).toBe(204);
    expect((await explain('cors.example', preflight)).outcome).toMatchObject({ kind: 'answered', status: 204 });
  });
});

describe('what is not known', () => {
  test('an address that nobody said decides nothing', async () => {
    for (const name of ['access-address', 'access-address-denied']) {
      const { outcome, policies } = await explain(`${name}.example`, {}, '');
      expect(policies[0]).toMatchObject({ decision: 'undecided', says: [expect.stringContaining('--client-address')] });
      expect(outcome.reason).toBe(`a backend answers, if AccessPolicy/default/${name}-0 let it pass`);
    }
  });

  test('where an address is decides nothing: data planes find it in their database', async () => {
    const { outcome, policies } = await explain('access-country.example', {});
    expect(policies[0]).toMatchObject({ decision: 'undecided', says: [expect.stringContaining('database')] });
    expect(outcome.reason).toBe('a backend answers, if AccessPolicy/default/access-country-0 let it pass');
  });

  test('whoever must sign in is told where, without anybody being asked', async () => {
    const { outcome } = await explain('oidc.example', { headers: { accept: 'text/html' } });
    expect(outcome).toMatchObject({
      kind: 'denied',
      status: 302,
      reason: expect.stringContaining('https://192.0.2.9'),
    });
  });

  test('a limit says what the request is counted with, and when it passes', async () => {
    const { policies } = await explain('rate-limit.example', { headers: { 'x-who': 'ann' } });
    expect(policies[0]!.says).toEqual([
      'each: passes if no more than 999 came of Header x-who ann before it within 1 s',
    ]);
  });

  test('claims that are given take the place of authentication', async () => {
    const given = async (groups: string) =>
      (await explanationOf(known, { ...asked('claims.example', {}), claims: { sub: 'ann', groups } })).outcome;
    expect(await given('admin')).toMatchObject({ kind: 'proxied' });
    expect(await given('user')).toMatchObject({
      kind: 'denied',
      status: 403,
      reason: expect.stringContaining('claims-1'),
    });
  });

  test('what a running gateway does not show is not compared', async () => {
    const shown = { snapshot: known.snapshot, unserved: [] };
    const basicAuth = await explanationOf(shown, asked('basic.example', { headers: ann }));
    expect(basicAuth.outcome.reason).toBe('a backend answers, if AuthenticationPolicy/default/basic-0 let it pass');
    const header = await explanationOf(shown, asked('access.example', { path: '/api' }));
    expect(header.outcome.reason).toBe('a backend answers, if AccessPolicy/default/access-0 let it pass');
  });
});

test('a challenge without a realm has none', async () => {
  const answer = await new Promise<http.IncomingMessage>((resolve) =>
    http.get({ port: rig.port(), host: '127.0.0.1', agent: false, headers: { host: 'claims.example' } }, resolve),
  );
  answer.resume();
  expect(answer.headers['www-authenticate']).toBe('Bearer');
});

test('nothing that is secret is told', async () => {
  for (const name of NAMES) {
    for (const [question] of CASES[name]!.asked) {
      const told = JSON.stringify(await explain(`${name}.example`, { ...question, headers: {} }));
      for (const value of ['pw-of-ann', '{SHA}', 'apr1', 'key-of-ann-123', 'xxxxxxxx'])
        expect(told).not.toContain(value);
    }
  }
});

/** What `daemun explain` says of a request is what a gateway does with it: each kind of policy, asked and served. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AskedRequest } from '../../src/cli/explain/asked-request.ts';
import { explanationOf } from '../../src/cli/explain/explanation.ts';
import { narrative } from '../../src/cli/explain/narrative.ts';
import { Snapshot } from '../../src/config/index.ts';
import { openPipeline } from '../../src/control/index.ts';
import { fileSource } from '../../src/sources/index.ts';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { ann, annWith, bearer, CASES, type Question, SECRETS, SESSION, token } from './explained-request.ts';
import { clientTraffic, requestPolicy } from './policy.ts';

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

/** As who asks a running gateway, which shows no secrets. */
const shown = (name: string, question: Question) =>
  explanationOf({ snapshot: known.snapshot, unserved: [] }, asked(`${name}.example`, question));

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

  test('a broken policy, which refuses by each of its types, is told once', async () => {
    const text = narrative(await explain('broken.example', {}), (_tone, plain) => plain);
    expect(text.match(/AccessPolicy\/default\/broken-0 \(/g)).toHaveLength(1);
    expect(text).toContain('refuses with 500');
    expect(text).toContain('AccessPolicy/default/broken-0 refuses it: unusable; ');
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

  test('maintenance that some networks are exempt from is undecided, too', async () => {
    const { outcome, policies } = await explain('maintained.example', {}, '');
    expect(policies[0]).toMatchObject({ decision: 'undecided', says: [expect.stringContaining('--client-address')] });
    expect(policies[0]).toMatchObject({ effect: 'answers 503 in the place of the backend, but not for 127.0.0.1/32' });
    expect(outcome.reason).toContain('a backend answers, if ResponsePolicy/default/maintained-0');
    const elsewhere = await explain('maintained.example', {}, '192.0.2.1');
    expect(elsewhere.outcome).toMatchObject({ kind: 'answered', status: 503 });
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
    const basicAuth = await shown('basic', { headers: ann });
    expect(basicAuth.outcome.reason).toBe('a backend answers, if AuthenticationPolicy/default/basic-0 let it pass');
    const header = await shown('access', { path: '/api', headers: { 'x-bot': '1' } });
    expect(header.outcome.reason).toBe('a backend answers, if AccessPolicy/default/access-0 let it pass');
    const session = await shown('oidc', { headers: { cookie: `${SESSION}=x` } });
    expect(session.outcome.reason).toBe('a backend answers, if AuthenticationPolicy/default/oidc-0 let it pass');
  });

  test('all else is told of a running gateway as of files', async () => {
    const different: Array<[string, Question]> = [];
    for (const name of NAMES) {
      for (const [question] of CASES[name]!.asked) {
        const [running, files] = [await shown(name, question), await explain(`${name}.example`, question)];
        if (!isDeepStrictEqual(running.outcome, files.outcome)) different.push([name, question]);
      }
    }
    expect(different).toEqual([
      ['access', { path: '/api', headers: { 'x-bot': '1' } }],
      ['basic', { headers: ann }],
      ['basic', { headers: annWith('wrong') }],
      ['basic', { headers: { authorization: `Basic ${Buffer.from('bob:wrong').toString('base64')}` } }],
      ['any-of', { headers: { 'x-api-key': 'key-of-ann-123' } }],
      ['any-of', { headers: { 'x-api-key': 'key-of-nobody' } }],
      // Of all that are asked for one is not there: whatever the password is.
      ['all-of', { headers: { ...ann, 'x-api-key': 'key-of-ann-123' } }],
    ]);
  });

  test.each<[string, Question, string]>([
    ['a token that is none', { headers: { authorization: 'Bearer x' } }, 'What was sent is no token.'],
    ['one that has expired', bearer({ exp: 1 }), 'The token has expired.'],
    ['one of another issuer', bearer({ iss: 'https://o.example' }), 'The token is of another issuer.'],
    [
      'one of another key',
      { headers: { authorization: `Bearer ${token({}).slice(0, -6)}AAAAAA` } },
      'Its signature is wrong.',
    ],
    ['none', {}, 'A token is needed.'],
  ])('who shows %s is told so by a running gateway', async (_, question, says) => {
    const { outcome, policies } = await shown('claims', question);
    expect(policies.find(({ policy }) => policy === 'AuthenticationPolicy/default/claims-0')).toMatchObject({
      decision: 'refuses',
      status: 401,
      says: ['denied by methods[0] (a token of https://i.example)', says],
    });
    expect(outcome).toMatchObject({ kind: 'denied', status: 401 });
  });

  test('rules without a name are told by their place and what they say', async () => {
    const saysOf = async (question: Question) => {
      const { policies } = await explain('nameless.example', question);
      return policies.flatMap(({ says = [] }) => says);
    };
    const put = await saysOf({ method: 'PUT', path: '/x' });
    expect(put).toContain('denied by deny[1] (PUT, PathPrefix /x)');
    expect(await saysOf({ method: 'PATCH' })).toContain('denied by first');
    const get = await saysOf({});
    expect(get).toContain('allowed by allow[1] (GET)');
    expect(get).toContainEqual(expect.stringMatching(/^limits\[0\]: passes if no more than 999 came/));
    const { policies } = await explain('nameless.example', {});
    expect(policies.map(({ effect }) => effect)).toEqual([
      'limits[0]: 1000 in 86400 s, 1000 at once',
      'denies first (PATCH); denies deny[1] (PUT, PathPrefix /x); allows only allow[0] (POST), or allow[1] (GET), or allow[2] (PUT) (403)',
    ]);
  });

  test('who asks is not known where one of several methods could not be judged', async () => {
    const both = { headers: { ...ann, 'x-token': token({ sub: 'ann', groups: ['user'] }) } };
    expect(await served('unknown.example', both)).toBe(403);
    const { policies } = await shown('unknown', both);
    expect(policies.map(({ decision }) => decision)).toEqual(['undecided', 'undecided']);
    expect(policies.flatMap(({ says }) => says)).toContain('depends on who asks: say it with --claim');
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

/** AuthenticationPolicy over real sockets: who is asked, who comes in, and what becomes of what is not clear. */
import { createHash } from 'node:crypto';
import { hashSync } from 'bcryptjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Answer,
  type Asked,
  Asker,
  authentication,
  basicLine,
  GATEWAY,
  guardedSite,
  ROUTE,
  secret,
} from './authentication-asker.ts';

const USERS = secret('users', { auth: '# people\nu:{PLAIN}secret\nsha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n' });
const OTHERS = secret('others', { auth: 'o:{PLAIN}other' });
const basic = (name = 'users', more: object = {}): object => ({ basic: { secretRef: { name }, ...more } });
const AUTH = basicLine('u', 'secret');
const O = basicLine('o', 'other');

let asker: Asker;
beforeAll(async () => {
  asker = await Asker.over(guardedSite());
});
afterAll(() => asker.rig.close());

const serve = (...objects: object[]): Promise<void> => asker.serve(guardedSite(USERS, OTHERS, ...objects));
const status = (asked?: Asked): Promise<number> => asker.status(asked);
const told = (): string =>
  asker.rig
    .report()
    .diagnostics.map(({ field, message }) => `${field}: ${message}`)
    .join('\n');

describe('basic', () => {
  test('lets in who knows user and password, as nginx does, and nobody else', async () => {
    await serve(authentication({ methods: [basic('users', { realm: 'The Realm' })] }));
    const refused = await asker.ask();
    expect(refused.status).toBe(401);
    expect(refused.headers['www-authenticate']).toBe('Basic realm="The Realm"');
    const cases: Array<[Asked, number]> = [
      [{ authorization: AUTH }, 200],
      [{ authorization: basicLine('sha', 'secret') }, 200],
      [{ authorization: AUTH.replace('Basic', 'bAsIc') }, 200],
      [{ authorization: basicLine('u', 'wrong') }, 401],
      [{ authorization: basicLine('u', '') }, 401],
      [{ authorization: basicLine('', '') }, 401],
      [{ authorization: basicLine('nobody', 'secret') }, 401],
      [{ authorization: basicLine('# people\nu', 'secret') }, 401],
      [{ authorization: 'Basic' }, 401],
      [{ authorization: 'Basic ' }, 401],
      [{ authorization: 'Basic !!!' }, 401],
      [{ authorization: 'Basic dTo=' }, 401],
      [{ authorization: AUTH.replace('Basic', 'Bearer') }, 401],
      [{ authorization: AUTH.replace('Basic', 'Basically') }, 401],
      [{ lines: ['authorization', AUTH, 'authorization', AUTH] }, 401],
      [{ lines: ['authorization', basicLine('x', 'y'), 'Authorization', AUTH] }, 401],
      [{ lines: ['proxy-authorization', AUTH] }, 401],
      [{ method: 'OPTIONS' }, 401],
      [{ method: 'HEAD' }, 401],
      [{ host: 'b.example' }, 200],
    ];
    for (const [asked, expected] of cases) expect([asked, await status(asked)]).toEqual([asked, expected]);
  });

  test('the access log and the metrics say who came, and by what', async () => {
    await serve(authentication({ methods: [{ name: 'people', ...basic() }] }));
    await status({ authorization: AUTH });
    const policy = 'AuthenticationPolicy/default/who#people';
    expect(asker.rig.accesses.at(-1)).toMatchObject({ user: 'u', policy, decision: 'allowed', reason: '' });
    await status({ authorization: basicLine('u', 'x') });
    expect(asker.rig.accesses.at(-1)).toMatchObject({
      user: '',
      policy,
      decision: 'denied',
      reason: 'unauthenticated',
    });
    const counts = asker.rig.proxy.metrics().find(({ name }) => name === 'daemun_policy_decisions_total')!.series;
    expect(counts.map(({ labels }) => labels)).toContainEqual({
      policy: 'AuthenticationPolicy/default/who',
      rule: 'people',
      decision: 'denied',
    });
  });

  test('knows the forms of htpasswd and crypt, and what takes long keeps nobody else waiting', async () => {
    const hashes = {
      apr1: '$apr1$goldengo$JsRo9WF8G47BQQMCTRTcl1',
      six: '$6$goldengo$kMxD.gsG82kzS9e4cuR5oWJUG8Agi9MVXQGT0xEx9iXZKrzFyZdmjWHMg8vVNWshISwWjde1ntoCxTTnXps2J.',
      bcrypt: hashSync('secret', 10).replace('$2b$', '$2y$'),
      ssha: `{SSHA}${Buffer.concat([createHash('sha1').update('secretsalt').digest(), Buffer.from('salt')]).toString('base64')}`,
    };
    const lines = Object.entries(hashes).map(([name, hash]) => `${name}:${hash}`);
    await serve(secret('forms', { auth: lines.join('\n') }), authentication({ methods: [basic('forms')] }));
    for (const name of Object.keys(hashes)) {
      for (let i = 0; i < 2; i++) {
        expect([name, await status({ authorization: basicLine(name, 'secret') })]).toEqual([name, 200]);
        expect([name, await status({ authorization: basicLine(name, 'wrong') })]).toEqual([name, 401]);
      }
    }
    expect(await status({ authorization: basicLine('six', 'x'.repeat(2_000)) })).toBe(401);
    const began = performance.now();
    const guesses = Array.from({ length: 12 }, (_, i) => status({ authorization: basicLine('bcrypt', `${i}`) }));
    let slowest = 0;
    for (let i = 0; i < 10; i++) {
      const before = performance.now();
      expect(await status({ host: 'b.example' })).toBe(200);
      slowest = Math.max(slowest, performance.now() - before);
    }
    expect(new Set(await Promise.all(guesses))).toEqual(new Set([401]));
    // One that waited for them all would have waited as long as they took.
    expect(slowest).toBeLessThan((performance.now() - began) / 2);
  });

  test('in a list of several forms, who is not there is not known by a quick refusal', async () => {
    const slow = Array.from({ length: 7 }, (_, i) => `b${i}:${hashSync(`${i}`, 10)}`);
    const list = secret('mixed', { auth: ['p:{PLAIN}secret', ...slow].join('\n') });
    await serve(list, authentication({ methods: [basic('mixed')] }));
    let longest = 0;
    for (let i = 0; i < 12; i++) {
      const begun = performance.now();
      expect(await status({ authorization: basicLine(`nobody${i}`, `guess${i}`) })).toBe(401);
      longest = Math.max(longest, performance.now() - begun);
    }
    expect(longest).toBeGreaterThan(25);
  });

  test('more passwords than may wait are told to come again', async () => {
    await serve(secret('slow', { auth: `u:${hashSync('secret', 9)}` }), authentication({ methods: [basic('slow')] }));
    const many = Array.from({ length: 100 }, (_, i) => asker.ask({ authorization: basicLine('u', `guess-${i}`) }));
    const answers = await Promise.all(many);
    expect(new Set(answers.map((one) => one.status))).toEqual(new Set([401, 503]));
    expect(answers.find((one) => one.status === 503)!.headers['retry-after']).toBe('1');
    expect(await status({ authorization: basicLine('u', 'secret') })).toBe(200);
  });

  test('who crowds with hashes that take long is told so alone: others are let in', async () => {
    const hash = hashSync('secret', 9);
    await serve(
      secret('slow', { auth: `u:${hash}` }),
      secret('quick', { auth: ['v', 'w', 'x'].map((user) => `${user}:${hashSync(user, 5)}`).join('\n') }),
      authentication({ methods: [basic('slow')] }),
      authentication({ methods: [basic('quick')] }, { kind: 'HTTPRoute', name: 'b' }, 'quick'),
    );
    const crowd = Array.from({ length: 120 }, (_, i) => status({ authorization: basicLine('u', `guess-${i}`) }));
    // Some have been told that they are too many: the others wait.
    expect(await Promise.any(crowd.map(async (one) => ((await one) === 503 ? 503 : Promise.reject())))).toBe(503);
    for (const user of ['v', 'w', 'x']) {
      expect(await status({ host: 'b.example', authorization: basicLine(user, user) })).toBe(200);
      expect(await status({ host: 'b.example', authorization: basicLine(user, 'wrong') })).toBe(401);
    }
    expect(new Set(await Promise.all(crowd))).toEqual(new Set([401, 503]));
  });

  test('a hash of no known form, or that would take too long, lets its user not in, and is told', async () => {
    const long = `$2y$20$${'a'.repeat(53)}`;
    const auth = `u:{PLAIN}secret\nold:rl.3StKT.4T8M\nlong:${long}\nmany:$6$rounds=999999999$s$${'a'.repeat(86)}`;
    await serve(secret('odd', { auth }), authentication({ methods: [basic('odd')] }));
    expect(await status({ authorization: AUTH })).toBe(200);
    for (const name of ['old', 'long', 'many']) expect(await status({ authorization: basicLine(name, 'x') })).toBe(401);
    expect(told()).toContain('user old has a hash of no known form');
    expect(told()).toContain('user long has a cost of 20, and 14 is the most');
    expect(told()).toContain('user many has 999999999 rounds, and 200000 are the most');
    expect(told()).not.toContain('rl.3St');
  });

  test('a map has a key for each user', async () => {
    const map = secret('map', { u: '{PLAIN}secret', v: '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=' });
    await serve(map, authentication({ methods: [basic('map', { format: 'AuthMap' })] }));
    expect(await status({ authorization: AUTH })).toBe(200);
    expect(await status({ authorization: basicLine('v', 'secret') })).toBe(200);
    expect(await status({ authorization: basicLine('v', 'x') })).toBe(401);
  });

  test('a Secret that changes holds from the next request on, and one that goes lets nobody in', async () => {
    const policy = authentication({ methods: [basic()] });
    await serve(policy);
    expect(await status({ authorization: AUTH })).toBe(200);
    await asker.serve(guardedSite(secret('users', { auth: 'u:{PLAIN}next' }), policy));
    expect(await status({ authorization: AUTH })).toBe(401);
    expect(await status({ authorization: basicLine('u', 'next') })).toBe(200);
    await asker.serve(guardedSite(policy));
    expect(await status({ authorization: basicLine('u', 'next') })).toBe(503);
    expect(await status({ host: 'b.example' })).toBe(200);
    await serve(policy);
    expect(await status({ authorization: AUTH })).toBe(200);
  });

  test('the backend gets the line as it came, or none', async () => {
    await serve(authentication({ methods: [basic()] }));
    expect((await asker.ask({ authorization: AUTH })).saw.authorization).toBe(AUTH);
    await serve(authentication({ methods: [basic('users', { forwardCredential: false })] }));
    expect((await asker.ask({ authorization: AUTH })).saw).not.toHaveProperty('authorization');
  });

  test.each<[string, object[], object, string]>([
    ['missing', [], { name: 'nowhere' }, 'Secret default/nowhere does not exist'],
    ['without a file', [secret('x', { password: 'u:{PLAIN}p' })], { name: 'x' }, 'has no auth: lines of user:hash'],
    ['empty', [secret('x', { auth: '\n# none\n' })], { name: 'x' }, 'names no user'],
    [
      'without a hash',
      [secret('x', { auth: 'a:{PLAIN}b\nuser:\n' })],
      { name: 'x' },
      'has no user:hash in line 2 of auth',
    ],
    ['no Secret', [], { name: 'users', kind: 'ConfigMap' }, 'ConfigMap holds no credentials: refer to a Secret'],
    [
      'of another namespace',
      [secret('users', { auth: 'u:{PLAIN}secret' }, 'other')],
      { name: 'users', namespace: 'other' },
      'add a ReferenceGrant to namespace other from AuthenticationPolicy in default to Secret users',
    ],
  ])('a Secret that is %s: 503 for all, and the status says why', async (_, objects, secretRef, message) => {
    await serve(...objects, authentication({ methods: [{ basic: { secretRef } }] }));
    for (const asked of [{}, { authorization: AUTH }]) expect(await status(asked)).toBe(503);
    expect(await status({ host: 'b.example' })).toBe(200);
    expect(told()).toContain(message);
    expect(told()).not.toContain('PLAIN');
    expect(told()).toContain('spec.methods[0].basic.secretRef');
  });

  test('a grant opens the Secret of another namespace', async () => {
    const grant = {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'ReferenceGrant',
      metadata: { name: 'g', namespace: 'other' },
      spec: {
        from: [{ group: 'policies.daemun.dev', kind: 'AuthenticationPolicy', namespace: 'default' }],
        to: [{ group: '', kind: 'Secret' }],
      },
    };
    const users = secret('theirs', { auth: 'u:{PLAIN}secret' }, 'other');
    const policy = authentication({ methods: [{ basic: { secretRef: { name: 'theirs', namespace: 'other' } } }] });
    await serve(users, grant, policy);
    expect(await status({ authorization: AUTH })).toBe(200);
    await serve(users, policy);
    expect(await status({ authorization: AUTH })).toBe(503);
  });
});

describe('several methods', () => {
  const both = (require: 'Any' | 'All', ...methods: object[]): object => authentication({ require, methods });

  test('Any: one of them is enough, and each may be tried', async () => {
    await serve(both('Any', basic('users', { realm: 'one' }), basic('others', { realm: 'two' })));
    expect(await status({ authorization: AUTH })).toBe(200);
    expect(await status({ authorization: O })).toBe(200);
    const refused = await asker.ask({ authorization: basicLine('u', 'other') });
    expect(refused.status).toBe(401);
    expect(refused.headers['www-authenticate']).toBe('Basic realm="one", Basic realm="two"');
  });

  test('Any: one that is broken lets nobody in, and keeps nobody out', async () => {
    await serve(both('Any', basic('nowhere'), basic()));
    expect(await status({ authorization: AUTH })).toBe(200);
    expect(await status({ authorization: O })).toBe(401);
    expect(await status()).toBe(401);
    await serve(both('Any', basic(), basic('nowhere')));
    expect(await status()).toBe(401);
    await serve(both('Any', basic('nowhere'), basic('nowhere')));
    expect(await status({ authorization: AUTH })).toBe(503);
  });

  test('All: each must say who it is', async () => {
    await serve(both('All', basic(), basic('others')));
    expect(await status({ authorization: AUTH })).toBe(401);
    expect(await status({ authorization: O })).toBe(401);
    await serve(secret('more', { auth: 'u:{PLAIN}secret' }), both('All', basic(), basic('more')));
    expect(await status({ authorization: AUTH })).toBe(200);
    await serve(both('All', basic(), basic('nowhere')));
    expect(await status({ authorization: AUTH })).toBe(503);
  });

  test('which of the two must be said', async () => {
    await serve(authentication({ methods: [basic(), basic('others')] }, ROUTE, 'unclear'));
    expect(told()).toContain('Any (one of them must say who it is) or All (each must)');
    expect(await status({ authorization: AUTH })).toBe(500);
  });
});

describe('who is not asked', () => {
  test('paths, in one spelling only: what a backend might read otherwise is asked for', async () => {
    const anonymousPaths = [
      { type: 'Exact', value: '/health' },
      { type: 'PathPrefix', value: '/public' },
    ];
    await serve(authentication({ methods: [basic()], anonymousPaths }));
    for (const path of [
      '/health',
      '/public',
      '/public/',
      '/public/a.b',
      '/public/%C3%A4',
      '/public/%E0%A4%85%F0%9F%98%80',
      '/public/a%20b',
      '/public?x=/..',
    ]) {
      expect([path, await status({ path })]).toEqual([path, 200]);
    }
    const asked = [
      '/',
      '/healthy',
      '/health/',
      '/publicity',
      '/Public/a',
      '/public/../admin',
      '/public/%2e%2e/admin',
      '/public/..%2fadmin',
      '/public/%2e%2e%2fadmin',
      '/public/..%5cadmin',
      '/public/..\\admin',
      '/public/..;/admin',
      '/public;/../admin',
      '/public/%252e%252e/admin',
      '/public/x%3b/../../admin',
      '/public%2f..%2fadmin',
      '/public/a%00',
      '/public/%c0%ae%c0%ae/admin',
      '/public/..%c0%afadmin',
      '/public/%e0%80%ae%e0%80%ae/admin',
      '/public/%f0%80%80%aeadmin',
      '/public/%f8%80%80%80%afadmin',
      '/x/..//public/../admin',
    ];
    for (const path of asked) expect([path, [400, 401].includes(await status({ path }))]).toEqual([path, true]);
    expect(asker.rig.accesses.some(({ decision }) => decision === 'anonymous')).toBe(true);
  });

  test('paths that are served as they came are no less looked at', async () => {
    const keep = {
      apiVersion: 'policies.daemun.dev/v1alpha1',
      kind: 'ClientTrafficPolicy',
      metadata: { name: 'keep' },
      spec: {
        targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'gw' }],
        pathForm: 'Keep',
      },
    };
    await serve(keep, authentication({ methods: [basic()], anonymousPaths: [{ value: '/public' }] }));
    expect(await status({ path: '/public/a' })).toBe(200);
    const asked = ['/public//a', '/public/%2Fadmin', '/public/%5cadmin', '/public;/a'];
    for (const path of asked) expect([path, await status({ path })]).toEqual([path, 401]);
  });

  test('clients of a network, as nginx has it with `satisfy any`', async () => {
    await serve(authentication({ methods: [basic()], anonymousAddresses: ['192.0.2.0/25'] }));
    expect(await status({ from: '192.0.2.7' })).toBe(200);
    expect(await status({ from: '192.0.2.200' })).toBe(401);
    expect(await status({ from: '192.0.2.200', authorization: AUTH })).toBe(200);
  });
});

describe('what the backend is told', () => {
  const headers = [
    { name: 'X-User', claim: 'sub' },
    { name: 'X-Team', claim: 'team' },
  ];
  const forged = ['X-User', 'root', 'x_user', 'root', 'X-TEAM', 'admins'];

  test('who it is, and nothing that a client wrote there, in any spelling', async () => {
    await serve(authentication({ methods: [basic()], claimsToHeaders: headers, anonymousPaths: [{ value: '/open' }] }));
    const names = (answer: Answer): string[] => Object.keys(answer.saw).filter((name) => /user$|team$/i.test(name));
    const known = await asker.ask({ authorization: AUTH, lines: forged });
    expect(known.saw['x-user']).toBe('u');
    expect(names(known)).toEqual(['x-user']);
    const open = await asker.ask({ path: '/open', lines: forged });
    expect(names(open)).toEqual([]);
  });

  test('lines that only the gateway writes are none of them', async () => {
    const claimsToHeaders = [{ name: 'Transfer-Encoding', claim: 'sub' }];
    await serve(authentication({ methods: [basic()], claimsToHeaders }));
    expect(told()).toContain('is written by the gateway alone');
    expect(await status({ authorization: AUTH })).toBe(500);
  });
});

describe('policies further out and further in', () => {
  const outer = (spec: object): object => authentication(spec, GATEWAY, 'outer');

  test('a route’s takes the place of the Gateway’s, but not of what it overrides', async () => {
    const inner = authentication({ methods: [basic('others')] }, ROUTE, 'inner');
    await serve(outer({ methods: [basic()] }), inner);
    expect(await status({ authorization: O })).toBe(200);
    expect(await status({ authorization: AUTH })).toBe(401);
    expect(await status({ authorization: AUTH, host: 'b.example' })).toBe(200);
    await serve(outer({ overrides: { methods: [basic()] } }), inner);
    expect(await status({ authorization: O })).toBe(401);
    expect(await status({ authorization: AUTH })).toBe(401);
  });

  test('the Gateway’s asks before it says that there is no route', async () => {
    await serve(outer({ methods: [basic()] }));
    expect(await status({ host: 'nowhere.example' })).toBe(401);
  });

  test('a Service’s asks whoever comes to it, by whatever route', async () => {
    await serve(authentication({ methods: [basic()] }, { kind: 'Service', name: 'web' }));
    for (const host of ['a.example', 'b.example']) {
      expect(await status({ host })).toBe(401);
      expect(await status({ host, authorization: AUTH })).toBe(200);
    }
  });

  test('who it is, is what the outermost says', async () => {
    const more = secret('more', { auth: 'u:{PLAIN}secret' });
    const headers = (name: string) => ({ claimsToHeaders: [{ name, claim: 'sub' }] });
    const inner = authentication({ methods: [basic('more')], ...headers('X-Inner') }, ROUTE, 'inner');
    await serve(more, outer({ overrides: { methods: [basic()], ...headers('X-Outer') } }), inner);
    const { saw } = await asker.ask({ authorization: AUTH });
    expect([saw['x-outer'], saw['x-inner']]).toEqual(['u', 'u']);
  });
});

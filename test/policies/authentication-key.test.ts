/** Keys of clients, and what claims are good for after it is known who asks. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MAX_SELECTED_SECRETS } from '../../src/translate/policy/authentication/api-key.ts';
import { type Asked, Asker, authentication, basicLine, guardedSite, ROUTE, secret } from './authentication-asker.ts';
import { requestPolicy } from './policy.ts';

const KEYS = secret('keys', { alice: 'key-of-alice', bob: 'key-of-bob\n' });

let asker: Asker;
beforeAll(async () => {
  asker = await Asker.over(guardedSite());
});
afterAll(() => asker.rig.close());

const serve = (...objects: object[]): Promise<void> => asker.serve(guardedSite(KEYS, ...objects));
const status = (asked?: Asked): Promise<number> => asker.status(asked);
const told = (): string =>
  asker.rig
    .report()
    .diagnostics.map(({ message }) => message)
    .join('\n');
const keys = (more: object = {}, around: object = {}): object =>
  authentication({ methods: [{ apiKey: { secretRefs: [{ name: 'keys' }], ...more } }], ...around });
const key = (value: string): Asked => ({ lines: ['x-api-key', value] });

describe('a key', () => {
  test('is whose its name says, and nobody else comes in', async () => {
    await serve(keys({}, { claimsToHeaders: [{ name: 'X-Consumer', claim: 'sub' }] }));
    const alice = await asker.ask({ lines: ['x-api-key', 'key-of-alice', 'x-consumer', 'root', 'X_Consumer', 'root'] });
    expect([alice.status, alice.saw['x-consumer'], alice.saw['x-api-key']]).toEqual([200, 'alice', 'key-of-alice']);
    expect(alice.saw).not.toHaveProperty('x_consumer');
    expect(asker.rig.accesses.at(-1)).toMatchObject({ user: 'alice' });
    expect(await status(key('key-of-bob'))).toBe(200);
    const none = await asker.ask();
    expect([none.status, none.headers['www-authenticate']]).toEqual([401, 'ApiKey']);
    for (const value of ['', 'key-of', 'key-of-alice2', 'KEY-OF-ALICE', 'key-of-alice,key-of-bob', 'alice']) {
      expect([value, await status(key(value))]).toEqual([value, 401]);
    }
    expect(await status({ lines: ['x-api-key', 'x', 'X-API-Key', 'key-of-alice'] })).toBe(401);
    expect(await status({ path: '/?x-api-key=key-of-alice' })).toBe(401);
  });

  test.each([true, false])('in header, cookie or query; the backend gets it: %s', async (forwardCredential) => {
    const from = [{ header: 'Authorization', scheme: 'Key' }, { cookie: 'key' }, { query: 'key' }];
    await serve(keys({ from, forwardCredential }, { anonymousPaths: [{ value: '/open' }] }));
    const asked: Asked[] = [
      { authorization: 'Key key-of-alice' },
      { lines: ['cookie', 'key=key-of-alice; other=1'] },
      { path: '/p?other=1&key=key-of-alice' },
      { path: '/p?k%65y=key-of-alice&other=1' },
      { path: '/open?key=key-of-alice&other=1' },
    ];
    for (const one of asked) {
      const answer = await asker.ask(one);
      expect([one, answer.status]).toEqual([one, 200]);
      expect([one, answer.body.includes('key-of-alice')]).toEqual([one, forwardCredential]);
      if (one.authorization === undefined) expect(answer.body).toContain('other=1');
    }
    expect(await status(key('key-of-alice'))).toBe(401);
  });

  test('at the second of two cookies: none of them reaches the backend that is to see none', async () => {
    await serve(keys({ from: [{ cookie: 'a' }, { cookie: 'b' }], forwardCredential: false }));
    const { status: got, saw } = await asker.ask({ lines: ['cookie', 'a=key-of-alice; b=key-of-bob; c=3'] });
    expect([got, saw.cookie]).toEqual([200, 'c=3']);
  });

  test('Any: what only another method looks at, and nobody has verified, does not reach the backend', async () => {
    const byKey = { apiKey: { secretRefs: [{ name: 'keys' }], from: [{ header: 'x-api-key' }, { cookie: 'key' }] } };
    const byUser = { basic: { secretRef: { name: 'users' } } };
    const users = secret('users', { auth: 'u:{PLAIN}secret' });
    const [right, forged] = [basicLine('u', 'secret'), basicLine('root', 'x')];
    for (const methods of [
      [byKey, byUser],
      [byUser, byKey],
    ]) {
      await serve(users, authentication({ require: 'Any', methods }));
      const first = await asker.ask({ authorization: forged, lines: ['x-api-key', 'key-of-alice'] });
      expect([first.status, first.saw['x-api-key'], first.saw.authorization]).toEqual([200, 'key-of-alice', undefined]);
      const other = await asker.ask({ authorization: right, lines: ['x-api-key', 'x', 'cookie', 'key=y; c=3'] });
      expect([other.status, other.saw.authorization, other.saw['x-api-key']]).toEqual([200, right, undefined]);
      expect(other.saw.cookie).toBe('c=3');
      // Nobody here would have looked at it.
      const bearer = await asker.ask({ authorization: 'Bearer x', lines: ['x-api-key', 'key-of-alice'] });
      expect([bearer.status, bearer.saw.authorization]).toEqual([200, 'Bearer x']);
    }
  });

  test('that stands in the query is nothing for the access log, right or wrong, used or not', async () => {
    const [log, queries] = [asker.rig.accesses, ['key=key-of-alice&b=1', 'b=1&k%65y=key-0f-alice&key=key-of-alice']];
    await serve(keys({ from: [{ header: 'X-Key' }, { query: 'key' }] }, { anonymousPaths: [{ value: '/open' }] }));
    for (const query of queries) {
      for (const path of ['/', '/open']) await asker.ask({ path: `${path}?${query}` });
      await asker.ask({ path: `/?${query}`, lines: ['x-key', 'key-of-bob'] });
    }
    const seen = log.slice(-6).map(({ query }) => query);
    expect(seen.slice(0, 3)).toEqual(Array(3).fill('key=redacted&b=1'));
    expect(seen.slice(3)).toEqual(Array(3).fill('b=1&k%65y=redacted&key=redacted'));
    await asker.ask({ lines: ['referer', 'https://a.example/p?a=1&key=key-of-alice#x'] });
    expect(log.at(-1)!.referer).toBe('https://a.example/p?a=1&key=redacted');
    await serve(keys());
    await asker.ask({ path: '/?key=a' });
    expect(log.at(-1)!.query).toBe('key=a');
  });

  test('is not shown to a backend by a rewrite either', async () => {
    const rewritten = {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name: 'rewritten' },
      spec: {
        parentRefs: [{ name: 'gw' }],
        hostnames: ['r.example'],
        rules: [
          {
            filters: [
              { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplaceFullPath', replaceFullPath: '/new' } } },
            ],
            backendRefs: [{ name: 'web', port: 80 }],
          },
        ],
      },
    };
    const aim = { kind: 'HTTPRoute', name: 'rewritten' } as const;
    const methods = [
      { apiKey: { secretRefs: [{ name: 'keys' }], from: [{ query: 'key' }], forwardCredential: false } },
    ];
    await serve(rewritten, authentication({ methods }, aim));
    const { body } = await asker.ask({ host: 'r.example', path: '/p?a=1&key=key-of-alice' });
    expect(body).toContain('/new?a=1');
    expect(body).not.toContain('key-of-alice');
  });

  test('that changes holds from the next request on', async () => {
    await serve(keys());
    expect(await status(key('key-of-alice'))).toBe(200);
    await asker.serve(guardedSite(secret('keys', { alice: 'key-number-two' }), keys()));
    expect([await status(key('key-of-alice')), await status(key('key-number-two'))]).toEqual([401, 200]);
  });

  test.each<[string, Record<string, string>, string]>([
    ['none', {}, 'holds no key'],
    ['empty', { a: '' }, 'a has a key of less than 8 characters'],
    ['blank', { a: '        ' }, 'a has a key of less than 8 characters'],
    ['the same for two', { a: 'same-key-1', b: 'same-key-1' }, 'has the key of a'],
  ])('a Secret with keys that are %s lets nobody in', async (_, data, message) => {
    await serve(secret('bad', data), keys({ secretRefs: [{ name: 'keys' }, { name: 'bad' }] }));
    for (const asked of [{}, key(''), key('key-of-alice')]) expect(await status(asked)).toBe(503);
    expect(told()).toContain(message);
    expect(told()).not.toContain('same-key');
  });
});

describe('keys of Secrets with a label', () => {
  const labelled = (name: string, data: Record<string, string>, more: object = {}): object => {
    const { metadata, ...own } = secret(name, data) as { metadata: object };
    return { ...own, metadata: { ...metadata, labels: { keys: 'shop', team: name } }, ...more };
  };
  const selecting = (more: object = {}): object =>
    authentication({ methods: [{ apiKey: { secretSelector: { matchLabels: { keys: 'shop' } }, ...more } }] });
  const A = labelled('a', { ann: 'key-of-ann' });
  const B = labelled('b', { ben: 'key-of-ben' });
  const asked = async (...clients: string[]): Promise<number[]> => {
    const statuses: number[] = [];
    for (const client of clients) statuses.push(await status(key(`key-of-${client}`)));
    return statuses;
  };

  test('come and go with the Secrets', async () => {
    const foreign = { ...(secret('c', { cid: 'key-of-cid' }, 'other') as object) };
    await serve(
      A,
      labelled('c', { cid: 'key-of-cid' }, { metadata: { name: 'c', labels: { keys: 'other' } } }),
      selecting(),
    );
    expect(await asked('ann', 'ben', 'cid', 'alice')).toEqual([200, 401, 401, 401]);
    await serve(A, B, foreign, selecting());
    expect(await asked('ann', 'ben', 'cid')).toEqual([200, 200, 401]);
    expect(asker.rig.accesses.at(-2)).toMatchObject({ user: 'ben' });
    await serve(B, selecting());
    expect(await asked('ann', 'ben')).toEqual([401, 200]);
  });

  test('of the same namespace only, of type Opaque only, and with every label', async () => {
    const labels = { keys: 'shop' };
    await serve(
      A,
      labelled('there', { tom: 'key-of-tom' }, { metadata: { name: 'there', namespace: 'other', labels } }),
      labelled('typed', { tim: 'key-of-tim' }, { type: 'example.com/other' }),
      labelled('half', { pat: 'key-of-pat' }, { metadata: { name: 'half', labels } }),
      selecting({ secretSelector: { matchLabels: { keys: 'shop', team: 'a' } } }),
    );
    expect(await asked('ann', 'tom', 'tim', 'pat')).toEqual([200, 401, 401, 401]);
    await serve(
      A,
      labelled('there', { tom: 'key-of-tom' }, { metadata: { name: 'there', namespace: 'other', labels } }),
      selecting(),
    );
    expect(await asked('ann', 'tom')).toEqual([200, 401]);
  });

  test('beside those of Secrets that are named', async () => {
    await serve(A, selecting({ secretRefs: [{ name: 'keys' }] }));
    expect(await asked('ann', 'alice', 'ben')).toEqual([200, 200, 401]);
    await serve(selecting({ secretRefs: [{ name: 'keys' }] }));
    expect(await asked('ann', 'alice')).toEqual([401, 200]);
    expect(told()).toContain('selects no Secret in namespace default');
  });

  test('nobody comes in where none is selected, or none can be used', async () => {
    await serve(selecting());
    for (const one of [{}, key(''), key('key-of-ann')]) expect(await status(one)).toBe(503);
    expect(told()).toContain('selects no Secret in namespace default: label one (of type Opaque) with keys=shop');
    await serve(labelled('a', { ann: 'short' }), selecting());
    expect(await status(key('short'))).toBe(503);
    expect(told()).toContain('ann has a key of less than 8 characters');
    await serve(A, selecting());
    expect(await asked('ann')).toEqual([200]);
    expect(told()).not.toContain('secretSelector');
  });

  test("a Secret that is wrong takes no other's keys away, and none of its own counts", async () => {
    const thief = labelled('b', { ben: 'key-of-ben', eve: 'key-of-ann' });
    await serve(A, thief, labelled('d', { dan: 'short' }), selecting());
    expect(await asked('ann', 'ben', 'dan')).toEqual([200, 401, 401]);
    expect(asker.rig.accesses.at(-3)).toMatchObject({ user: 'ann' });
    expect(told()).toContain('eve has the key of ann');
    expect(told()).toContain('dan has a key of less than 8 characters');
  });

  test('of a bounded number of them: those that came last do not count', async () => {
    const [first, last] = [1, MAX_SELECTED_SECRETS + 1].map((at) => `n${String(at).padStart(5, '0')}`) as [
      string,
      string,
    ];
    const many = Array.from({ length: MAX_SELECTED_SECRETS + 1 }, (_, at) => {
      const name = `n${String(at + 1).padStart(5, '0')}`;
      return labelled(name, { [name]: `key-of-${name}` });
    });
    await serve(...many, selecting());
    expect(await asked(first, last)).toEqual([200, 401]);
    expect(told()).toContain(`selects ${MAX_SELECTED_SECRETS + 1} Secrets: the 1 that came last`);
  });

  test.each<[string, object, string]>([
    ['no label', { secretSelector: { matchLabels: {} } }, 'an empty selector would take every Secret'],
    ['what is no label', { secretSelector: { matchLabels: { keys: 'a b' } } }, 'is no label value'],
    ['neither names nor labels', {}, 'must have secretRefs or secretSelector'],
  ])('%s: nobody comes in', async (_, settings, message) => {
    // Without a last good form of the policy.
    await serve(A);
    await serve(A, authentication({ methods: [{ apiKey: settings }] }));
    expect([500, 503]).toContain(await status(key('key-of-ann')));
    expect(told()).toContain(message);
  });
});

describe('after it is known who asks', () => {
  const access = (spec: object): object => requestPolicy('AccessPolicy', 'access', ROUTE, spec);
  const is = (...values: string[]): object => ({ claims: [{ name: 'sub', values }] });

  test('access by claims: who is not known is not allowed', async () => {
    await serve(keys({}, { anonymousPaths: [{ value: '/open' }] }), access({ allow: [is('alice', 'carol')] }));
    expect(await status(key('key-of-alice'))).toBe(200);
    expect(await status(key('key-of-bob'))).toBe(403);
    expect(await status()).toBe(401);
    expect(await status({ path: '/open' })).toBe(403);
    await serve(access({ allow: [is('alice')] }));
    expect(await status(key('key-of-alice'))).toBe(403);
  });

  test('what needs not know who asks is refused before, the rest after', async () => {
    await serve(
      keys(),
      access({
        deny: [
          { name: 'puts', methods: ['PUT'] },
          { name: 'bob', ...is('bob') },
        ],
      }),
    );
    expect(await status({ method: 'PUT' })).toBe(403);
    expect(await status()).toBe(401);
    expect(await status(key('key-of-bob'))).toBe(403);
    expect(asker.rig.accesses.at(-1)).toMatchObject({ policy: 'AccessPolicy/default/access#bob', user: 'bob' });
    expect(await status(key('key-of-alice'))).toBe(200);
    await serve(keys(), access({ allow: [{ methods: ['GET'], ...is('alice') }, { addresses: ['198.51.100.0/24'] }] }));
    expect(await status(key('key-of-alice'))).toBe(200);
    expect(await status({ ...key('key-of-bob'), from: '198.51.100.1' })).toBe(200);
    expect(await status(key('key-of-bob'))).toBe(403);
  });

  test('limits by claims: each has his own, and whoever is refused has none of it', async () => {
    const limits = [{ name: 'each', requests: 2, per: 'Day', key: [{ type: 'Claim', name: 'sub' }] }];
    await serve(keys(), requestPolicy('RateLimitPolicy', 'limits', ROUTE, { limits }));
    for (let i = 0; i < 5; i++) expect(await status(key('key-of-nobody'))).toBe(401);
    const seen: number[] = [];
    for (const one of ['alice', 'alice', 'alice', 'bob', 'bob', 'bob']) seen.push(await status(key(`key-of-${one}`)));
    expect(seen).toEqual([200, 200, 429, 200, 200, 429]);
  });

  test('a limit that needs not know comes before', async () => {
    const limits = [{ requests: 1, per: 'Day' }];
    await serve(keys(), requestPolicy('RateLimitPolicy', 'first', ROUTE, { limits }));
    expect([await status(), await status()]).toEqual([401, 429]);
  });

  test('what a nearer policy says changes nothing of who it is for what is further out', async () => {
    const outer = authentication(
      { overrides: { methods: [{ basic: { secretRef: { name: 'users' } } }] } },
      { kind: 'Gateway', name: 'gw' },
      'outer',
    );
    const only = requestPolicy(
      'AccessPolicy',
      'only',
      { kind: 'Gateway', name: 'gw' },
      { overrides: { allow: [is('alice')] } },
    );
    await serve(secret('users', { auth: 'u:{PLAIN}secret' }), outer, only, keys());
    expect(await status({ authorization: basicLine('u', 'secret'), ...key('key-of-alice') })).toBe(403);
  });
});

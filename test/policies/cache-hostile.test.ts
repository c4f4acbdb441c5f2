/** ResponsePolicy `cache` against clients who have others answered with what was meant for nobody, or for somebody else. */
import { describe, expect, test } from 'vitest';
import { type Asked, CachedSite, cached, FRESH, type Handler, site } from './cached-site.ts';
import { requestPolicy } from './policy.ts';

const tested = new CachedSite();
const behindHop = new CachedSite(cached(), { trustedHops: ['127.0.0.1'] });

/** Says what it was told in these lines. */
function telling(names: string[], more: object = {}): Handler {
  return ({ headers }, answer, nth) => {
    answer.writeHead(200, { ...FRESH, ...more }).end(`${names.map((name) => headers[name] ?? '-').join(' ')} ${nth}`);
  };
}

const lines = (headers: NonNullable<Asked['headers']>): Asked => ({ headers });

describe('a line that Connection takes away', () => {
  test('makes no variant of what Vary names: the backend was not told', async () => {
    const path = tested.at(telling(['x-mode'], { vary: 'x-mode' }));
    expect(
      await tested.texts(path, lines({ 'x-mode': 'de', connection: 'x-mode' }), lines({ 'x-mode': 'de' }), {}),
    ).toEqual(['- 1', 'de 2', '- 1']);
  });

  test('is no part of a key', async () => {
    await tested.rig.write(site(cached({ keyHeaders: ['X-Tenant'] })));
    const path = tested.at(telling(['x-tenant']));
    const tenant = { 'x-tenant': 'b' };
    expect(await tested.texts(path, lines({ ...tenant, connection: 'x-tenant' }), lines(tenant), {})).toEqual([
      '- 1',
      'b 2',
      '- 1',
    ]);
    await tested.rig.write(site(cached()));
  });
});

describe('what the gateway tells the backend of who asks', () => {
  test('is what Vary means by these names, and not what a client writes there', async () => {
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys' } };
    const key = { ...secret, stringData: { ann: 'the-key-of-ann', bob: 'the-key-of-bob' } };
    const methods = [{ apiKey: { secretRefs: [{ name: 'keys' }] } }];
    const known = requestPolicy(
      'AuthenticationPolicy',
      'known',
      { kind: 'HTTPRoute', name: 'a' },
      {
        methods,
        claimsToHeaders: [{ name: 'X-User', claim: 'sub' }],
      },
    );
    await tested.rig.write(site(cached(), key, known));
    const path = tested.at(telling(['x-user'], { 'cache-control': 'public, max-age=100', vary: 'X-User' }));
    const of = (name: string): Asked => lines({ 'x-api-key': `the-key-of-${name}` });
    expect(await tested.texts(path, of('ann'), of('bob'), of('ann'))).toEqual(['ann 1', 'bob 2', 'ann 3']);
    await tested.rig.write(site(cached()));
  });

  test.each(['X-Forwarded-For', 'X-Request-Id'])('is for nobody else where the answer differs by %s', async (vary) => {
    const path = tested.at(telling([vary.toLowerCase()], { vary }));
    expect(await tested.texts(path, {}, {})).toEqual([expect.stringMatching(/ 1$/), expect.stringMatching(/ 2$/)]);
  });
});

describe('a Host that is written otherwise', () => {
  test.each(['a.example.', 'a.example:80', 'a.example:'])('%s gets an answer of its own', async (host) => {
    const path = tested.at(telling(['host']));
    expect(await tested.texts(path, { host }, {}, { host })).toEqual([`${host} 1`, 'a.example 2', `${host} 1`]);
  });

  test('with capitals gets what is kept, and what it gets is not', async () => {
    const path = tested.at(telling(['host']));
    const capitals = { host: 'A.EXAMPLE' };
    expect(await tested.texts(path, capitals, {}, capitals)).toEqual(['A.EXAMPLE 1', 'a.example 2', 'a.example 2']);
    expect((await tested.ask(tested.at(FRESH), capitals)).headers['cache-status']).toBe('daemun; fwd=uri-miss');
  });
});

describe('behind a trusted hop', () => {
  test.each([
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Host', 'evil.example'],
    ['X-Forwarded-Port', '1337'],
    ['X-Forwarded-Prefix', '/evil'],
    ['X-Original-URL', '/admin'],
    ['X-Rewrite-URL', '/admin'],
    ['X-Host', 'evil.example'],
    ['Forwarded', 'for=192.0.2.1;host=evil.example'],
    ['Remote-User', 'ann'],
    ['X-Forwarded-User', 'ann'],
  ])('%s is part of the key', async (name, value) => {
    const path = behindHop.at(telling([name.toLowerCase()]));
    const [first, other, again] = await behindHop.texts(path, lines({ [name]: value }), {}, lines({ [name]: value }));
    expect([first, again]).toEqual([`${value} 1`, `${value} 1`]);
    expect(other).toMatch(/ 2$/);
  });

  test('where a client is is none', async () => {
    const path = behindHop.at(FRESH);
    const from = (address: string): Asked =>
      lines({
        'x-forwarded-for': address,
        'x-real-ip': address,
        forwarded: `for="${address}:80";proto=http, for=${address}`,
        'x-request-id': address,
      });
    expect(await behindHop.texts(path, from('192.0.2.1'), from('192.0.2.2'))).toEqual(['body 1', 'body 1']);
  });

  test('Vary names what the hop says', async () => {
    const path = behindHop.at(telling(['x-forwarded-proto', 'x-real-ip'], { vary: 'X-Forwarded-Proto, X-Real-IP' }));
    const from = (address: string): Asked => lines({ 'x-forwarded-proto': 'https', 'x-real-ip': address });
    expect(await behindHop.texts(path, from('192.0.2.1'), from('192.0.2.2'), from('192.0.2.1'))).toEqual([
      'https 192.0.2.1 1',
      'https 192.0.2.2 2',
      'https 192.0.2.1 1',
    ]);
  });
});

test.each([
  ['max-age=100 private', {}],
  ['max-age=100, "no-store"', {}],
  ['max-age=100, more="no-cache, x"', {}],
  ['max-age=100', { 'content-range': 'bytes 0-5/10' }],
])('%s %j is kept for nobody', async (control, more) => {
  const path = tested.at({ ...FRESH, ...more, 'cache-control': control });
  expect(await tested.texts(path, {}, {})).toEqual(['body 1', 'body 2']);
});

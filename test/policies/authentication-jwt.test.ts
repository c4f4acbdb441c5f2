/** Signed tokens over real sockets: which are believed, and that none of the malformed kinds is. */
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Asker, authentication, basicLine, guardedSite, secret } from './authentication-asker.ts';

const ISSUER = 'https://issuer.example';
const NOW = Math.floor(Date.now() / 1000);
const GOOD = { iss: ISSUER, aud: 'shop', sub: 'alice', exp: NOW + 600 };

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ec384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const ed = generateKeyPairSync('ed25519');
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const SECRET = Buffer.alloc(32, 7);

const jwk = ({ publicKey }: { publicKey: KeyObject }, kid: string, more: object = {}): object => ({
  ...publicKey.export({ format: 'jwk' }),
  kid,
  ...more,
});
const KEYS = {
  keys: [jwk(rsa, 'rsa'), jwk(ec, 'ec', { use: 'sig' }), jwk(ec384, 'ec384'), jwk(ed, 'ed'), jwk(weak, 'weak')],
};

const b64 = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

interface Made {
  header?: unknown;
  claims?: unknown;
  key?: KeyObject;
  signature?: (signed: string) => string;
}

/** A token of ES256 unless said otherwise, put together by hand. */
function token({
  header = { alg: 'ES256', kid: 'ec' },
  claims = GOOD,
  key = ec.privateKey,
  signature,
}: Made = {}): string {
  const signed = `${b64(header)}.${b64(claims)}`;
  const plain = (): string =>
    sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
  return `${signed}.${signature === undefined ? plain() : signature(signed)}`;
}

const provider = (more: object = {}): object => ({
  issuer: ISSUER,
  audiences: ['shop'],
  jwks: { inline: JSON.stringify(KEYS) },
  ...more,
});
const jwt = (more: object = {}, around: object = {}): object =>
  authentication({ methods: [{ jwt: { providers: [provider(more)], ...around } }] });

let asker: Asker;
beforeAll(async () => {
  asker = await Asker.over(guardedSite());
});
afterEach(() => void vi.useRealTimers());
afterAll(() => asker.rig.close());

const bearer = (text: string) => ({ authorization: `Bearer ${text}` });
const status = (text: string): Promise<number> => asker.status(bearer(text));

describe('a token', () => {
  test('of the issuer, for the audience and of now is believed, in every algorithm that is allowed', async () => {
    await asker.serve(guardedSite(jwt()));
    const kinds: Array<[string, string, KeyObject]> = [
      ['RS256', 'rsa', rsa.privateKey],
      ['RS384', 'rsa', rsa.privateKey],
      ['RS512', 'rsa', rsa.privateKey],
      ['PS256', 'rsa', rsa.privateKey],
      ['PS384', 'rsa', rsa.privateKey],
      ['PS512', 'rsa', rsa.privateKey],
      ['ES256', 'ec', ec.privateKey],
      ['ES384', 'ec384', ec384.privateKey],
      ['EdDSA', 'ed', ed.privateKey],
    ];
    for (const [alg, kid, key] of kinds) {
      const made = await new SignJWT(GOOD).setProtectedHeader({ alg, kid }).sign(key);
      expect([alg, await status(made)]).toEqual([alg, 200]);
      const unnamed = await new SignJWT(GOOD).setProtectedHeader({ alg }).sign(key);
      expect([alg, await status(unnamed)]).toEqual([alg, 200]);
    }
    await asker.serve(guardedSite(jwt({ algorithms: ['ES256'] })));
    expect(await status(token())).toBe(200);
    const other = await new SignJWT(GOOD).setProtectedHeader({ alg: 'RS256', kid: 'rsa' }).sign(rsa.privateKey);
    expect(await status(other)).toBe(401);
  });

  test('is asked for, and what is wrong with one is said as RFC 6750 has it', async () => {
    await asker.serve(guardedSite(jwt({}, { realm: 'shop' })));
    const none = await asker.ask();
    expect([none.status, none.headers['www-authenticate']]).toEqual([401, 'Bearer realm="shop"']);
    const wrong = await asker.ask(bearer('x'));
    expect(wrong.headers['www-authenticate']).toBe('Bearer realm="shop", error="invalid_token"');
    expect(await asker.status({ authorization: basicLine('a', 'b') })).toBe(401);
    expect(await asker.status({ lines: ['authorization', `Bearer ${token()}`, 'authorization', 'Bearer x'] })).toBe(
      401,
    );
  });

  const spki = ec.publicKey.export({ type: 'spki', format: 'pem' }) as string;
  const rsaPem = rsa.publicKey.export({ type: 'spki', format: 'pem' }) as string;
  const hs = (secretText: string | Buffer) => (signed: string) =>
    createHmac('sha256', secretText).update(signed).digest('base64url');
  const claims = (more: object): Made => ({ claims: { ...GOOD, ...more } });
  const header = (more: object): Made => ({ header: { alg: 'ES256', kid: 'ec', ...more } });
  const bytes = (text: string): Buffer => Buffer.from(text, 'base64url');
  const valid = token();
  const [h, p, s] = valid.split('.') as [string, string, string];

  test.each<[string, string]>([
    ['empty', ''],
    ['two parts', `${h}.${p}`],
    ['four parts', `${valid}.x`],
    ['five parts, as encrypted ones have', `${h}.x.${p}.${s}.y`],
    ['alg none', token({ header: { alg: 'none' }, signature: () => '' })],
    ['alg none with a signature', token({ header: { alg: 'none' }, signature: () => s })],
    ['alg None', token({ header: { alg: 'None', kid: 'ec' } })],
    ['alg missing', token({ header: { kid: 'ec' } })],
    ['alg a list', token({ header: { alg: ['ES256'], kid: 'ec' } })],
    ['alg of another case', token({ header: { alg: 'es256', kid: 'ec' } })],
    ['alg __proto__', token({ header: { alg: '__proto__', kid: 'ec' } })],
    ['alg constructor', token({ header: { alg: 'constructor', kid: 'ec' } })],
    ['HS256 with the public key as the secret', token({ header: { alg: 'HS256', kid: 'ec' }, signature: hs(spki) })],
    ['HS256 with the public RSA key', token({ header: { alg: 'HS256', kid: 'rsa' }, signature: hs(rsaPem) })],
    ['HS256 with an empty secret', token({ header: { alg: 'HS256' }, signature: hs('') })],
    ['RS256 with the name of an EC key', token({ header: { alg: 'RS256', kid: 'ec' } })],
    ['ES256 with the name of a key of another curve', token({ header: { alg: 'ES256', kid: 'ec384' } })],
    ['ES256 with a wrong name', token({ header: { alg: 'ES256', kid: 'other' } })],
    ['a name that is a number', token({ header: { alg: 'ES256', kid: 7 } })],
    ['a name that is an object', token({ header: { alg: 'ES256', kid: { a: 1 } } })],
    ['signed by a stranger', token({ key: stranger.privateKey })],
    [
      'signed by a stranger who brings his key',
      token({ key: stranger.privateKey, ...header({ jwk: jwk(stranger, 'ec') }) }),
    ],
    [
      'signed by a stranger who says where his key is',
      token({ key: stranger.privateKey, ...header({ jku: 'https://x.example/' }) }),
    ],
    [
      'a weak key',
      token({
        header: { alg: 'RS256', kid: 'weak' },
        signature: (t) => sign('sha256', Buffer.from(t), weak.privateKey).toString('base64url'),
      }),
    ],
    ['critical headers', token(header({ crit: ['exp'], exp: NOW + 600 }))],
    ['no critical headers, as a list', token(header({ crit: [] }))],
    ['b64 false', token(header({ b64: false, crit: ['b64'] }))],
    ['b64 false, not critical', token(header({ b64: false }))],
    ['a header that is a list', token({ header: ['ES256'] })],
    ['a header twice', token({ header: '{"alg":"none","kid":"ec","alg":"ES256"}' })],
    [
      'a claim twice',
      token({ claims: `{"iss":"${ISSUER}","aud":"shop","sub":"eve","sub":"alice","exp":${NOW + 600}}` }),
    ],
    [
      'a claim twice in two spellings',
      token({ claims: `{"iss":"${ISSUER}","aud":"shop","\\u0073ub":"eve","sub":"alice","exp":${NOW + 600}}` }),
    ],
    [
      'a claim twice within another',
      token({ claims: `{"iss":"${ISSUER}","aud":"shop","exp":${NOW + 600},"a":{"b":1,"b":2}}` }),
    ],
    ['claims that are no JSON', token({ claims: '{' })],
    ['claims that are a list', token({ claims: [GOOD] })],
    ['claims that are null', token({ claims: 'null' })],
    ['claims with a byte order mark', token({ claims: `\ufeff${JSON.stringify(GOOD)}` })],
    ['another token within', token({ header: { alg: 'ES256', kid: 'ec', cty: 'JWT' }, claims: valid })],
    [
      'too deep',
      token({ claims: `{"iss":"${ISSUER}","aud":"shop","exp":${NOW + 600},"a":${'['.repeat(20)}${']'.repeat(20)}}` }),
    ],
    ['much too deep', token({ claims: `{"a":${'['.repeat(4000)}${']'.repeat(4000)}}` })],
    ['too long', token(claims({ a: 'x'.repeat(13_000) }))],
    ['no issuer', token(claims({ iss: undefined }))],
    ['another issuer', token(claims({ iss: `${ISSUER}/` }))],
    ['an issuer that is a list', token(claims({ iss: [ISSUER] }))],
    ['another audience', token(claims({ aud: 'other' }))],
    ['no audience', token(claims({ aud: undefined }))],
    ['an audience of more than texts', token(claims({ aud: ['shop', 7] }))],
    ['an audience that is an object', token(claims({ aud: { shop: 1 } }))],
    ['no exp', token(claims({ exp: undefined }))],
    ['exp as text', token(claims({ exp: String(NOW + 600) }))],
    ['exp null', token(claims({ exp: null }))],
    ['exp beyond numbers', token({ claims: JSON.stringify(GOOD).replace(String(GOOD.exp), '1e999') })],
    ['expired', token(claims({ exp: NOW - 70 }))],
    ['exp 0', token(claims({ exp: 0 }))],
    ['not yet valid', token(claims({ nbf: NOW + 600 }))],
    ['nbf as text', token(claims({ nbf: String(NOW) }))],
    ['issued in the future', token(claims({ iat: NOW + 600 }))],
    ['a subject that is a number', token(claims({ sub: 7 }))],
    ['without a signature', `${h}.${p}.`],
    ['with a shorter signature', token({ signature: () => bytes(s).subarray(1).toString('base64url') })],
    [
      'with a longer signature',
      token({ signature: () => Buffer.concat([bytes(s), Buffer.alloc(1)]).toString('base64url') }),
    ],
    ['with a signature of zeros', token({ signature: () => Buffer.alloc(64).toString('base64url') })],
    [
      'with a signature in DER',
      token({ signature: (t) => sign('sha256', Buffer.from(t), ec.privateKey).toString('base64url') }),
    ],
    ['with padding', `${valid}==`],
    [
      'with bits that say nothing',
      `${h}.${p}.${s.slice(0, -1)}${s.endsWith('A') || s.endsWith('Q') || s.endsWith('g') || s.endsWith('w') ? String.fromCharCode(s.charCodeAt(s.length - 1) + 1) : 'B'}`,
    ],
    ['in the other alphabet', `${h}.${p}.${bytes(s).toString('base64').replaceAll('=', '')}+`],
    ['with a blank within', `${h}.${p} .${s}`],
    ['with a line of another token’s claims', `${h}.${b64({ ...GOOD, sub: 'root' })}.${s}`],
    ['with a header of one and the rest of another', `${b64({ alg: 'ES256', kid: 'ec', x: 1 })}.${p}.${s}`],
    ['JSON serialisation', JSON.stringify({ protected: h, payload: p, signature: s })],
  ])('is refused: %s', async (_, text) => {
    await asker.serve(guardedSite(jwt()));
    expect(await status(text)).toBe(401);
    expect(await status(valid)).toBe(200);
    expect(await status(text)).toBe(401);
  });

  test('within what clocks may differ is believed', async () => {
    await asker.serve(guardedSite(jwt({ clockSkew: '10s' })));
    // Of this moment: when the file was loaded may be long ago on a busy machine.
    const now = Math.floor(Date.now() / 1000);
    vi.setSystemTime(now * 1000);
    for (const [more, expected] of [
      [{ exp: now - 11 }, 401],
      [{ exp: now - 10 }, 401],
      [{ exp: now - 9 }, 200],
      [{ nbf: now + 10 }, 200],
      [{ nbf: now + 11 }, 401],
      [{ iat: now + 10 }, 200],
      [{ iat: now + 11 }, 401],
    ] as const) {
      expect([more, await status(token(claims(more)))]).toEqual([more, expected]);
    }
    vi.useRealTimers();
    await asker.serve(guardedSite(jwt({ audiences: undefined })));
    expect(await status(token(claims({ aud: undefined })))).toBe(200);
    expect(await status(token(claims({ aud: ['a', 'b'] })))).toBe(200);
  });

  test('that was believed is not believed for longer than it says, nor after its key is gone', async () => {
    await asker.serve(guardedSite(jwt({ clockSkew: '0s' })));
    const exp = Math.ceil(Date.now() / 1000) + 60;
    const short = token(claims({ exp }));
    expect(await status(short)).toBe(200);
    vi.setSystemTime(exp * 1000 - 1);
    expect(await status(short)).toBe(200);
    vi.setSystemTime(exp * 1000);
    expect([await status(short), await status(valid)]).toEqual([401, 200]);
    vi.useRealTimers();
    const rest = { keys: KEYS.keys.filter((one) => (one as { kid: string }).kid !== 'ec') };
    await asker.serve(guardedSite(jwt({ clockSkew: '0s', jwks: { inline: JSON.stringify(rest) } })));
    expect(await status(valid)).toBe(401);
  });

  test('that one policy believes, another with other wishes does not', async () => {
    const other = authentication(
      { methods: [{ jwt: { providers: [provider({ audiences: ['else'] })] } }] },
      { kind: 'HTTPRoute', name: 'b' },
      'b',
    );
    await asker.serve(guardedSite(jwt(), other));
    expect(await status(valid)).toBe(200);
    expect(await asker.status({ ...bearer(valid), host: 'b.example' })).toBe(401);
  });
});

describe('where it stands', () => {
  const from = [
    { header: 'X-Token' },
    { header: 'Authorization', scheme: 'Token' },
    { cookie: 'jwt' },
    { query: 'access_token' },
  ];

  test('header, cookie and query, and it goes to the backend or not', async () => {
    const text = token();
    for (const forwardCredential of [true, false]) {
      await asker.serve(guardedSite(jwt({}, { from, forwardCredential })));
      const asked = [
        { lines: ['x-token', text] },
        { authorization: `token ${text}` },
        { lines: ['cookie', `a=1; jwt=${text}; b=2`] },
        { path: `/p?a=1&access_token=${text}&b=2` },
        { path: `/p?%61ccess_token=${text}` },
      ];
      for (const one of asked) {
        const { status: got, body } = await asker.ask(one);
        expect([one, got, body.includes(text)]).toEqual([one, 200, forwardCredential]);
      }
      const { saw } = await asker.ask({ lines: ['cookie', `a=1; jwt=${text}; b=2`] });
      if (!forwardCredential) expect(String(saw.cookie).replaceAll(' ', '')).toBe('a=1;b=2');
    }
    expect(await asker.status(bearer(text))).toBe(401);
  });

  const forged = (): string => `${token().split('.', 2).join('.')}.${'A'.repeat(342)}`;

  test('twice at one place, in any spelling that a backend may take for it, is none', async () => {
    const [text, other] = [token(), forged()];
    await asker.serve(guardedSite(jwt({}, { from })));
    const asked = [
      { lines: ['x-token', text, 'X-Token', other] },
      { lines: ['x-token', text, 'X_Token', other] },
      { lines: ['X.Token', other, 'x-token', text] },
      { lines: ['cookie', `jwt=${text}; jwt=${other}`] },
      { lines: ['cookie', `jwt =${other}; jwt=${text}`] },
      { lines: ['cookie', `jwt=${text}`, 'cookie', `a=1,JWT=${other}`] },
      { path: `/p?access_token=${text}&access_token=${other}` },
      { path: `/p?access_token=${other};a=1&access_token=${text}` },
      { path: `/p?access%5ftoken%5B%5D=${other}&access_token=${text}` },
      { path: `/p?access_token=${text}&Access.Token=${other}` },
    ];
    for (const one of asked) expect([one, await asker.status(one)]).toEqual([one, 401]);
    const fine = [
      { lines: ['x-token', text, 'x-tokens', other] },
      { lines: ['cookie', `jwt=${text}; jwt2=${other}`] },
      { path: `/p?access_token=${text}&token=${other};a=1` },
    ];
    for (const one of fine) expect([one, await asker.status(one)]).toEqual([one, 200]);
  });

  test('at the first place: what stands at another one, and nobody has looked at, does not reach the backend', async () => {
    const [text, other] = [token(), forged()];
    await asker.serve(guardedSite(jwt({}, { from })));
    const { status: got, body } = await asker.ask({
      path: `/p?a=1&access_token=${other}&b=2`,
      authorization: `Token ${other}`,
      lines: ['x-token', text, 'cookie', `jwt=${other}; c=3`],
    });
    expect([got, body.includes(text), body.includes(other)]).toEqual([200, true, false]);
    for (const kept of ['a=1', 'b=2', 'c=3']) expect(body).toContain(kept);
    // A password is no token, wherever it stands.
    const password = { authorization: 'Basic dTpz', lines: ['x-token', text] };
    expect((await asker.ask(password)).saw.authorization).toBe('Basic dTpz');
  });
});

describe('keys', () => {
  test('from a Secret, symmetric ones too where they are asked for; from a ConfigMap, public ones', async () => {
    const oct = { keys: [{ kty: 'oct', kid: 's', k: SECRET.toString('base64url') }] };
    const shared = secret('keys', { 'jwks.json': JSON.stringify(oct) });
    const made = await new SignJWT(GOOD).setProtectedHeader({ alg: 'HS256' }).sign(SECRET);
    await asker.serve(guardedSite(shared, jwt({ jwks: { secretRef: { name: 'keys' } }, algorithms: ['HS256'] })));
    expect(await status(made)).toBe(200);
    expect(await status(token())).toBe(401);
    await asker.serve(guardedSite(shared, jwt({ jwks: { secretRef: { name: 'keys' } } })));
    expect(await status(made)).toBe(503);
    const map = (keys: object) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'keys' },
      data: { k: JSON.stringify(keys) },
    });
    await asker.serve(guardedSite(map(KEYS), jwt({ jwks: { configMapRef: { name: 'keys', key: 'k' } } })));
    expect(await status(token())).toBe(200);
    expect(await status(made)).toBe(401);
    await asker.serve(guardedSite(map(oct), jwt({ jwks: { configMapRef: { name: 'keys', key: 'k' } } })));
    expect(await status(made)).toBe(503);
  });

  test.each<[string, string, string]>([
    ['no JSON', '{', 'is no set of keys'],
    ['no list', '{"keys": {}}', 'is no set of keys'],
    ['empty', '{"keys": []}', 'holds no key that can be used'],
    [
      'private',
      JSON.stringify({ keys: [ec.privateKey.export({ format: 'jwk' })] }),
      'is a private key: whoever reads it',
    ],
    ['a secret', JSON.stringify({ keys: [{ kty: 'oct', k: 'c2VjcmV0' }] }), 'is a secret, and everybody can read it'],
    ['weak', JSON.stringify({ keys: [jwk(weak, 'w')] }), 'is of 1024 bits, and 2048 are the least'],
    [
      'too many',
      JSON.stringify({ keys: Array.from({ length: 101 }, () => jwk(ec, 'x')) }),
      'it has 101 keys, and 100 are the most',
    ],
  ])('that cannot be used let nobody in: %s', async (_, inline, message) => {
    await asker.serve(guardedSite(jwt({ jwks: { inline } })));
    expect(await status(token())).toBe(503);
    expect(await asker.status({ host: 'b.example' })).toBe(200);
    const told = asker.rig.report().diagnostics.map((one) => one.message);
    expect(told.join('\n')).toContain(message);
    expect(told.join('\n')).not.toContain('c2VjcmV0');
  });
});

test('claims go to the backend as text: lists with commas, what is within by its way, and nothing that ends a line', async () => {
  const names = [
    'sub',
    'roles',
    'realm_access.roles',
    'num',
    'ok',
    'https://x.example/a.b',
    'deep',
    'evil',
    'none',
    'ä',
  ];
  const claimsToHeaders = names.map((claim, at) => ({ name: `X-Claim-${at}`, claim }));
  await asker.serve(guardedSite(authentication({ methods: [{ jwt: { providers: [provider()] } }], claimsToHeaders })));
  const claims = {
    ...GOOD,
    roles: ['a', 'b'],
    realm_access: { roles: ['admin'] },
    num: 7,
    ok: true,
    'https://x.example/a.b': 'v',
    deep: { a: 1 },
    evil: 'a\r\nX-Evil: 1',
    ä: 'ü',
  };
  const { saw } = await asker.ask({
    ...bearer(token({ claims })),
    lines: ['x-claim-6', 'forged', 'x_claim_7', 'forged'],
  });
  const got = names.map((_, at) => saw[`x-claim-${at}`]);
  expect(got.slice(0, 9)).toEqual(['alice', 'a,b', 'admin', '7', 'true', 'v', undefined, undefined, undefined]);
  expect(Buffer.from(String(got[9]), 'latin1').toString()).toBe('ü');
  expect(Object.keys(saw)).not.toContain('x_claim_7');
  expect(Object.keys(saw)).not.toContain('x-evil');
  expect(asker.rig.accesses.at(-1)).toMatchObject({ user: 'alice', decision: 'allowed' });
});

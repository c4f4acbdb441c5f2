/** Signed tokens that try what readers of tokens were caught by (RFC 8725 and what followed it): none is believed. */
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Asker, authentication, guardedSite } from './authentication-asker.ts';

const ISSUER = 'https://issuer.example';
const NOW = Math.floor(Date.now() / 1000);
const GOOD = { iss: ISSUER, aud: 'shop', sub: 'alice', exp: NOW + 600 };
/** Of P-256: how many points there are. */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ed = generateKeyPairSync('ed25519');
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const jwk = ({ publicKey }: { publicKey: KeyObject }, kid: string): Record<string, unknown> => ({
  ...publicKey.export({ format: 'jwk' }),
  kid,
});
const KEYS = { keys: [jwk(ec, 'ec'), jwk(rsa, 'rsa'), jwk(ed, 'ed')] };

const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

interface Made {
  header?: unknown;
  claims?: unknown;
  by?: (signed: string) => Buffer;
}

const byEc = (signed: string): Buffer =>
  sign('sha256', Buffer.from(signed), { key: ec.privateKey, dsaEncoding: 'ieee-p1363' });
const byStranger = (signed: string): Buffer =>
  sign('sha256', Buffer.from(signed), { key: stranger.privateKey, dsaEncoding: 'ieee-p1363' });
const byRsa = (signed: string): Buffer => sign('sha256', Buffer.from(signed), rsa.privateKey);
const bySecret =
  (secret: string | Buffer, hash = 'sha256') =>
  (signed: string): Buffer =>
    createHmac(hash, secret).update(signed).digest();

function token({ header = { alg: 'ES256', kid: 'ec' }, claims = GOOD, by = byEc }: Made = {}): string {
  const signed = `${part(header)}.${part(claims)}`;
  return `${signed}.${by(signed).toString('base64url')}`;
}

const valid = token();
const header = (more: object, by = byEc): string => token({ header: { alg: 'ES256', kid: 'ec', ...more }, by });
const claims = (more: object): string => token({ claims: { ...GOOD, ...more } });
/** Claims as text, where JSON.stringify would not write them so. */
const claimsText = (more: string): string =>
  token({ claims: `{"iss":"${ISSUER}","aud":"shop","sub":"alice","exp":${NOW + 600}${more}}` });

/** The signature as two numbers, changed. */
function numbers(change: (r: bigint, s: bigint) => [bigint, bigint]): (signed: string) => Buffer {
  return (signed) => {
    const bytes = byEc(signed);
    const [r, s] = [bytes.subarray(0, 32), bytes.subarray(32)].map((half) => BigInt(`0x${half.toString('hex')}`));
    const hex = change(r!, s!).map((one) => one.toString(16).padStart(64, '0'));
    return Buffer.from(hex.join(''), 'hex');
  };
}

const spki = (type: 'pem' | 'der', { publicKey }: { publicKey: KeyObject }): string | Buffer =>
  publicKey.export({ type: 'spki', format: type as 'pem' });

let asker: Asker;
beforeAll(async () => {
  const provider = { issuer: ISSUER, audiences: ['shop'], jwks: { inline: JSON.stringify(KEYS) } };
  asker = await Asker.over(guardedSite(authentication({ methods: [{ jwt: { providers: [provider] } }] })));
});
afterAll(() => asker.rig.close());

const status = (text: string): Promise<number> => asker.status({ authorization: `Bearer ${text}` });

test.each<[string, string]>([
  // Who says how it is signed
  ...['none', 'NONE', 'nOnE', 'None ', ' none', 'none\u0000', ''].flatMap(
    (alg): Array<[string, string]> => [
      [`alg ${JSON.stringify(alg)}, not signed`, token({ header: { alg, kid: 'ec' }, by: () => Buffer.alloc(0) })],
      [`alg ${JSON.stringify(alg)}, signed`, token({ header: { alg, kid: 'ec' } })],
    ],
  ),
  ['alg ES256 and a blank', token({ header: { alg: 'ES256 ', kid: 'ec' } })],
  ['alg ES256K', token({ header: { alg: 'ES256K', kid: 'ec' } })],
  ['alg ES512', token({ header: { alg: 'ES512', kid: 'ec' } })],
  ['alg null', token({ header: { alg: null, kid: 'ec' } })],
  ['alg an object', token({ header: { alg: { toString: 'ES256' }, kid: 'ec' } })],
  ['alg of an RSA key that is one of EC', token({ header: { alg: 'ES256', kid: 'rsa' } })],
  ['signed by RSA, and called ES256', token({ header: { alg: 'ES256', kid: 'ec' }, by: byRsa })],
  ['PS256 whose padding is that of RS256', token({ header: { alg: 'PS256', kid: 'rsa' }, by: byRsa })],
  ['EdDSA by nobody', token({ header: { alg: 'EdDSA', kid: 'ed' }, by: () => Buffer.alloc(64) })],
  ...(['ec', 'rsa'] as const).flatMap((kid) => {
    const pair = kid === 'ec' ? ec : rsa;
    const secrets: Array<[string, string | Buffer]> = [
      ['PEM', spki('pem', pair)],
      ['PEM without its last line break', String(spki('pem', pair)).trimEnd()],
      ['DER', spki('der', pair)],
      ['JWK', JSON.stringify(jwk(pair, kid))],
      ['n or x', String(jwk(pair, kid)[kid === 'ec' ? 'x' : 'n'])],
      ['n or x as bytes', Buffer.from(String(jwk(pair, kid)[kid === 'ec' ? 'x' : 'n']), 'base64url')],
    ];
    return secrets.flatMap(
      ([form, secret]): Array<[string, string]> => [
        [
          `HS256 with the public key of ${kid} as ${form}`,
          token({ header: { alg: 'HS256', kid }, by: bySecret(secret) }),
        ],
        [
          `HS512 with the public key of ${kid} as ${form}, unnamed`,
          token({ header: { alg: 'HS512' }, by: bySecret(secret, 'sha512') }),
        ],
      ],
    );
  }),
  // Who says by which key
  ...[
    '../../../../dev/null',
    '/dev/null',
    "ec' OR '1'='1",
    'ec\u0000',
    'ec ',
    'EC',
    '\u0435\u0441',
    'e\u0063\u0301',
    '__proto__',
    '',
    'x'.repeat(4_000),
    'https://evil.example/key',
  ].map((kid): [string, string] => [
    `kid ${JSON.stringify(kid).slice(0, 40)}, signed with nothing`,
    token({ header: { alg: 'HS256', kid }, by: bySecret('') }),
  ]),
  ...['../ec', "ec'--", 'EC', '\u0435\u0441', ''].map((kid): [string, string] => [
    `kid ${JSON.stringify(kid)}, signed as it should be`,
    token({ header: { alg: 'ES256', kid } }),
  ]),
  ['kid a list', token({ header: { alg: 'ES256', kid: ['ec'] } })],
  ['kid null', token({ header: { alg: 'ES256', kid: null } })],
  ['a key of its own', header({ kid: undefined, jwk: jwk(stranger, 'x') }, byStranger)],
  ['a key of its own by the name of ours', header({ jwk: jwk(stranger, 'ec') }, byStranger)],
  ...['jku', 'x5u'].map((name): [string, string] => [
    `${name}`,
    header({ [name]: `http://127.0.0.1:${1}/keys`, kid: 'other' }, byStranger),
  ]),
  ['x5c', header({ x5c: [Buffer.from(spki('der', stranger)).toString('base64')] }, byStranger)],
  ['x5t', header({ 'x5t#S256': 'x', kid: undefined }, byStranger)],
  // What is signed
  ['numbers 0 and 0', token({ by: numbers(() => [0n, 0n]) })],
  ['the first number 0', token({ by: numbers((_r, s) => [0n, s]) })],
  ['the second number 0', token({ by: numbers((r) => [r, 0n]) })],
  ['numbers as large as the order', token({ by: numbers(() => [ORDER, ORDER]) })],
  ['the first number beyond the order', token({ by: numbers((r, s) => [(r + ORDER) % (1n << 256n), s]) })],
  ['the second number beyond the order', token({ by: numbers((r, s) => [r, (s + ORDER) % (1n << 256n)]) })],
  ['numbers that are all ones', token({ by: () => Buffer.alloc(64, 0xff) })],
  ['both numbers swapped', token({ by: numbers((r, s) => [s, r]) })],
  [
    'numbers with a byte more each',
    token({
      by: (signed) => {
        const bytes = byEc(signed);
        return Buffer.concat([Buffer.alloc(1), bytes.subarray(0, 32), Buffer.alloc(1), bytes.subarray(32)]);
      },
    }),
  ],
  ['in DER', token({ by: (signed) => sign('sha256', Buffer.from(signed), ec.privateKey) })],
  [
    'in DER that is as long as it should be',
    token({
      by: (signed) => {
        for (;;) {
          const bytes = sign('sha256', Buffer.from(signed), ec.privateKey);
          if (bytes.length >= 70) return bytes.subarray(0, 64);
        }
      },
    }),
  ],
  ...[0, 1].map((value): [string, string] => [
    `RSA of ${value}`,
    token({ header: { alg: 'RS256', kid: 'rsa' }, by: () => Buffer.concat([Buffer.alloc(255), Buffer.from([value])]) }),
  ]),
  [
    'RSA of its modulus',
    token({ header: { alg: 'RS256', kid: 'rsa' }, by: () => Buffer.from(String(jwk(rsa, 'rsa').n), 'base64url') }),
  ],
  [
    'RSA with a byte before it',
    token({ header: { alg: 'RS256', kid: 'rsa' }, by: (signed) => Buffer.concat([Buffer.alloc(1), byRsa(signed)]) }),
  ],
  // What else a header may ask for
  ['critical, and known to nobody', header({ crit: ['x'], x: 1 })],
  ['critical null', header({ crit: null })],
  ['critical text', header({ crit: 'exp' })],
  ['b64 true', header({ b64: true })],
  ['b64 null', header({ b64: null })],
  [
    'a payload that is not coded',
    (() => {
      const signed = `${part({ alg: 'ES256', kid: 'ec', b64: false, crit: ['b64'] })}.${JSON.stringify(GOOD).replaceAll('.', '')}`;
      return `${signed}.${byEc(signed).toString('base64url')}`;
    })(),
  ],
  [
    'compressed',
    token({
      header: { alg: 'ES256', kid: 'ec', zip: 'DEF' },
      claims: deflateRawSync(JSON.stringify(GOOD)).toString('latin1'),
    }),
  ],
  [
    'encrypted',
    [part({ alg: 'dir', enc: 'A128GCM' }), '', part('0123456789ab'), part('x'), part('0123456789abcdef')].join('.'),
  ],
  [
    'encrypted with a key that everybody knows',
    [part({ alg: 'RSA-OAEP', enc: 'A128GCM', kid: 'rsa' }), part('key'), part('iv'), part('x'), part('tag')].join('.'),
  ],
  ['another token within', token({ header: { alg: 'ES256', kid: 'ec', cty: 'JWT' }, claims: part(valid) })],
  ['a word of who has signed out', token({ header: { alg: 'ES256', kid: 'ec', typ: 'logout+jwt' } })],
  ['such a word by its events', claims({ events: { 'http://schemas.openid.net/event/backchannel-logout': {} } })],
  ['a proof of a key', token({ header: { alg: 'ES256', kid: 'ec', typ: 'dpop+jwt' } })],
  [
    'a proof of a key, with the whole name of its type',
    token({ header: { alg: 'ES256', kid: 'ec', typ: 'Application/DPoP+JWT' } }),
  ],
  ['typ a list', token({ header: { alg: 'ES256', kid: 'ec', typ: ['JWT'] } })],
  ['typ as a number', token({ header: { alg: 'ES256', kid: 'ec', typ: 7 } })],
  // What is said
  ['a claim twice', claimsText(',"exp":1')],
  ['a claim twice, one of them null', claimsText(',"sub":null')],
  ['a claim twice, escaped', claimsText(',"\\u0061ud":"other"')],
  ['a header twice, escaped', token({ header: '{"alg":"ES256","kid":"ec","\\u0061lg":"none"}' })],
  ['a claim twice, deep within', claimsText(',"a":[{"b":[{"c":1,"c":2}]}]')],
  ['JSON and more', token({ claims: `${JSON.stringify(GOOD)}{}` })],
  ['JSON with a comment', token({ claims: `${JSON.stringify(GOOD)}//` })],
  ['JSON with a comma too many', claimsText(',')],
  ['JSON with a NaN', claimsText(',"nbf":NaN')],
  [
    'text that is no UTF-8',
    (() => {
      const bytes = Buffer.concat([
        Buffer.from(JSON.stringify({ ...GOOD, a: '' }).slice(0, -2)),
        Buffer.from([0xff, 0x22, 0x7d]),
      ]);
      const signed = `${part({ alg: 'ES256', kid: 'ec' })}.${bytes.toString('base64url')}`;
      return `${signed}.${byEc(signed).toString('base64url')}`;
    })(),
  ],
  ...[String(NOW + 600), [NOW + 600], { value: NOW + 600 }, true, null, -1, -(NOW + 600), 0, 1e-300, NOW - 61.5].map(
    (exp): [string, string] => [`exp ${JSON.stringify(exp)}`, claims({ exp })],
  ),
  ...['1e999', '-1e999', '0x7fffffffffff', '9'.repeat(400)].map((exp): [string, string] => [
    `exp ${exp.slice(0, 20)}`,
    token({ claims: JSON.stringify(GOOD).replace(String(GOOD.exp), exp) }),
  ]),
  ...[String(NOW), [NOW], true, null, NOW + 120, 1e300].flatMap(
    (time): Array<[string, string]> => [
      [`nbf ${JSON.stringify(time)}`, claims({ nbf: time })],
      [`iat ${JSON.stringify(time)}`, claims({ iat: time })],
    ],
  ),
  ...[
    [['shop']],
    { shop: true },
    ['shop', null],
    [['shop'], 'shop'],
    ['SHOP'],
    'shop ',
    'shop,other',
    'shop\u0000',
    [],
    '',
    0,
  ].map((aud): [string, string] => [`aud ${JSON.stringify(aud)}`, claims({ aud })]),
  ...[
    `${ISSUER}/`,
    ` ${ISSUER}`,
    ISSUER.toUpperCase(),
    [ISSUER],
    { iss: ISSUER },
    'https://issuer.exam\u0440le',
    `${ISSUER}\u0000`,
    null,
  ].map((iss): [string, string] => [`iss ${JSON.stringify(iss)}`, claims({ iss })]),
  ...[['alice'], { sub: 'alice' }, true, null].map((sub): [string, string] => [
    `sub ${JSON.stringify(sub)}`,
    claims({ sub }),
  ]),
  // How it is written
  ['a line break within', valid.replace('.', '.\t')],
  ['a part that is empty before it', `.${valid}`],
  ['a dot behind it', `${valid}.`],
  ['two of them', `${valid},${valid}`],
  ['two of them with a blank', `${valid} ${valid}`],
  ['one in quotes', `"${valid}"`],
  ['the alphabet of base64', valid.replaceAll('-', '+').replaceAll('_', '/').concat('+')],
  ['a percent', valid.replace('.', '%2e')],
])('%s', async (_name, text) => {
  expect(await status(text)).toBe(401);
  expect(await status(valid)).toBe(200);
});

test.each<[string, string]>([
  ['exp with a fraction', claims({ exp: NOW + 600.5 })],
  ['exp far away', claims({ exp: 1e300 })],
  ['nbf with a fraction', claims({ nbf: NOW - 0.5 })],
  ['nbf long ago', claims({ nbf: -1e300 })],
  ['several audiences', claims({ aud: ['other', 'shop'] })],
  ['a key that it brings, beside ours by its name', header({ jwk: jwk(stranger, 'ec') })],
  ['typ JWT', header({ typ: 'JWT' })],
  ['typ of an access token', header({ typ: 'at+jwt' })],
  ['cty', header({ cty: 'JWT' })],
  ['a claim called __proto__', claimsText(',"__proto__":{"aud":"other"}')],
])('what is odd, and sound, is believed: %s', async (_name, text) => {
  expect(await status(text)).toBe(200);
});

/** Tokens by themselves: how they are read, which key may have signed them, and for how long they hold. */
import { constants, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { JwtProvider } from '../../../../config/index.ts';
import { readKeySet, type VerificationKey } from '../../../../value/json-web-key.ts';
import {
  isOfOtherUse,
  isSignedBy,
  keysFor,
  MAX_KEYS_TRIED,
  MAX_TOKEN_LENGTH,
  readToken,
  type Token,
  validUntil,
} from './token.ts';

const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const compact = (header: unknown, claims: unknown = {}, signature = 'c2ln'): string =>
  `${part(header)}.${part(claims)}.${signature}`;

describe('is read', () => {
  test('as none with claims that are no text, or that begin with a mark of their order of bytes', () => {
    for (const claims of [Buffer.from('{"a":"\xff"}', 'latin1'), Buffer.from('\ufeff{}')]) {
      expect(readToken(`${part({ alg: 'a' })}.${claims.toString('base64url')}.c2ln`)).toBeUndefined();
    }
  });

  test('with its header, what it claims and what is signed', () => {
    const text = compact({ alg: 'ES256', kid: 'k', typ: 'JWT', x: 1 }, { sub: 'a' });
    expect(readToken(text)).toMatchObject({ algorithm: 'ES256', kid: 'k', type: 'JWT', claims: { sub: 'a' } });
    const { signed, signature } = readToken(text)!;
    expect([signed.toString(), signature.toString()]).toEqual([text.slice(0, text.lastIndexOf('.')), 'sig']);
  });

  test.each<[string, string]>([
    ['two parts', `${part({ alg: 'a' })}.${part({})}`],
    ['four parts', `${compact({ alg: 'a' })}.x`],
    ['a header that is none', `!.${part({})}.c2ln`],
    ['claims that are none', `${part({ alg: 'a' })}.!.c2ln`],
    ['a signature that is none', compact({ alg: 'a' }, {}, '!')],
    ['a header that is no object', compact('[]')],
    ['claims that are no object', compact({ alg: 'a' }, 'null')],
    ['claims that are no JSON', compact({ alg: 'a' }, '{')],
    ['no algorithm', compact({})],
    ['an algorithm that is no text', compact({ alg: 1 })],
    ['something critical', compact({ alg: 'a', crit: [] })],
    ['b64', compact({ alg: 'a', b64: true })],
    ['a key that is no text', compact({ alg: 'a', kid: 1 })],
    ['a type that is no text', compact({ alg: 'a', typ: 1 })],
  ])('as none with %s', (_, text) => {
    expect(readToken(text)).toBeUndefined();
  });

  test('up to a length', () => {
    expect([MAX_TOKEN_LENGTH, MAX_KEYS_TRIED]).toEqual([16_384, 8]);
    const empty = compact({ alg: 'a' }, {}, '');
    const most = MAX_TOKEN_LENGTH - empty.length - ((MAX_TOKEN_LENGTH - empty.length) % 4);
    expect(readToken(empty + 'A'.repeat(most))).toBeDefined();
    expect(readToken(empty + 'A'.repeat(most + 4))).toBeUndefined();
  });
});

test.each<[string, string | undefined, object, boolean]>([
  ['nothing is said', undefined, {}, false],
  ['a token', 'JWT', {}, false],
  ['a token of access', 'at+jwt', {}, false],
  ['what ends so', 'xlogout+jwt', {}, false],
  ['a sign-out', 'logout+jwt', {}, true],
  ['a sign-out, in full and in capitals', 'APPLICATION/Logout+JWT', {}, true],
  ['a proof of a key', 'dpop+jwt', {}, true],
  ['of what happened', undefined, { events: {} }, true],
  ['of what happened, called a token', 'JWT', { events: null }, true],
])('whether it is for something else: %s', (_, type, claims, other) => {
  expect(isOfOtherUse({ ...readToken(compact({ alg: 'a' }, claims))!, type })).toBe(other);
});

describe('which keys', () => {
  const pairs = {
    ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    ec384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ed: generateKeyPairSync('ed25519'),
  };
  const SECRET = Buffer.alloc(32, 7);
  const jwk = (kid: keyof typeof pairs, more: object = {}) => ({
    ...pairs[kid].publicKey.export({ format: 'jwk' }),
    kid,
    ...more,
  });
  const keys = readKeySet(
    JSON.stringify({
      keys: [
        jwk('ec'),
        jwk('ec384'),
        jwk('rsa'),
        jwk('rsa', { kid: 'ps', alg: 'PS256' }),
        jwk('ed'),
        { kty: 'oct', kid: 'oct', k: SECRET.toString('base64url') },
      ],
    }),
    true,
  ).keys;
  const ALL = ['ES256', 'ES384', 'RS256', 'PS256', 'EdDSA', 'HS256'] as const;
  const provider = (algorithms: JwtProvider['algorithms'] = [...ALL]): JwtProvider => ({
    issuer: 'i',
    audiences: [],
    algorithms,
    clockSkew: 0,
    credential: 'c',
  });
  const token = (algorithm: string, kid?: string): Token => ({
    ...readToken(compact({ alg: algorithm }))!,
    kid,
  });
  const names = (of: Token, by = provider()) => keysFor(of, by, keys).map(({ kid }) => kid);

  test.each<[string, string | undefined, string[]]>([
    ['ES256', undefined, ['ec']],
    ['ES384', undefined, ['ec384']],
    ['RS256', undefined, ['rsa']],
    ['PS256', undefined, ['rsa', 'ps']],
    ['EdDSA', undefined, ['ed']],
    ['HS256', undefined, ['oct']],
    ['PS256', 'ps', ['ps']],
    ['RS256', 'ps', []],
    ['ES256', 'ec384', []],
    ['ES256', 'rsa', []],
    ['HS256', 'ec', []],
    ['ES256', 'EC', []],
  ])('may have signed %s with the name %s', (algorithm, kid, found) => {
    expect(names(token(algorithm, kid))).toEqual(found);
  });

  test('are of no use for what the provider does not allow', () => {
    expect(names(token('ES256'), provider(['RS256']))).toEqual([]);
    for (const algorithm of ['none', '__proto__', 'constructor']) expect(names(token(algorithm))).toEqual([]);
  });

  const signers: Record<(typeof ALL)[number], (bytes: Buffer) => Buffer> = {
    ES256: (bytes) => sign('sha256', bytes, { key: pairs.ec.privateKey, dsaEncoding: 'ieee-p1363' }),
    ES384: (bytes) => sign('sha384', bytes, { key: pairs.ec384.privateKey, dsaEncoding: 'ieee-p1363' }),
    RS256: (bytes) => sign('sha256', bytes, pairs.rsa.privateKey),
    PS256: (bytes) =>
      sign('sha256', bytes, { key: pairs.rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }),
    EdDSA: (bytes) => sign(null, bytes, pairs.ed.privateKey),
    HS256: (bytes) => createHmac('sha256', SECRET).update(bytes).digest(),
  };
  const found = (algorithm: (typeof ALL)[number]): VerificationKey => keysFor(token(algorithm), provider(), keys)[0]!;
  const saying = (algorithm: string, signature: Buffer, text = 'a.b'): Token => ({
    ...token(algorithm),
    signed: Buffer.from(text),
    signature,
  });

  test.each(ALL)('%s is what it was signed with, whole, and over what it says', (algorithm) => {
    const key = found(algorithm);
    const signature = signers[algorithm](Buffer.from('a.b'));
    const flipped = Buffer.from(signature);
    flipped[flipped.length - 1]! ^= 1;
    expect(isSignedBy(saying(algorithm, signature), key)).toBe(true);
    expect(isSignedBy(saying(algorithm, signature, 'a.c'), key)).toBe(false);
    for (const other of [
      flipped,
      Buffer.alloc(0),
      signature.subarray(1),
      Buffer.concat([signature, Buffer.alloc(1)]),
      Buffer.alloc(signature.length),
    ]) {
      expect(isSignedBy(saying(algorithm, other), key)).toBe(false);
    }
  });

  test('one padding of RSA is not the other', () => {
    const bytes = Buffer.from('a.b');
    expect(isSignedBy(saying('PS256', signers.RS256(bytes)), found('RS256'))).toBe(false);
    expect(isSignedBy(saying('RS256', signers.PS256(bytes)), found('RS256'))).toBe(false);
    const salt = { key: pairs.rsa.privateKey as KeyObject, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 20 };
    expect(isSignedBy(saying('PS256', sign('sha256', bytes, salt)), found('RS256'))).toBe(false);
  });

  test('in DER is none, and a key of another kind is none', () => {
    const bytes = Buffer.from('a.b');
    const der = sign('sha256', bytes, pairs.ec.privateKey);
    expect(isSignedBy(saying('ES256', der), found('ES256'))).toBe(false);
    expect(isSignedBy(saying('ES256', signers.ES256(bytes)), found('RS256'))).toBe(false);
    expect(isSignedBy(saying('HS256', signers.HS256(bytes)), found('ES256'))).toBe(false);
  });
});

describe('holds', () => {
  const NOW = 1_000_000_000_000;
  const at = NOW / 1000;
  const GOOD = { iss: 'i', aud: 'shop', exp: at + 60 };
  const provider = { issuer: 'i', audiences: ['shop', 'store'], clockSkew: 10_000 } as unknown as JwtProvider;
  const until = (more: object, by = provider) =>
    validUntil(readToken(compact({ alg: 'a' }, { ...GOOD, ...more }))!, by, NOW);

  test('until it says, and as long as clocks may differ', () => {
    expect(until({})).toBe(NOW + 70_000);
    expect(until({ exp: at - 9 })).toBe(NOW + 1_000);
    expect(until({ exp: at - 10 })).toBe('The token has expired.');
    expect(until({ exp: at - 10.001 })).toBe('The token has expired.');
  });

  test.each<[string, object, string]>([
    ['nobody', { iss: undefined }, 'The token is of another issuer.'],
    ['another issuer', { iss: 'j' }, 'The token is of another issuer.'],
    ['a subject that is no text', { sub: 1 }, 'The token has a subject that is no text.'],
    ['nobody in particular', { aud: undefined }, 'The token is for somebody else.'],
    ['somebody else', { aud: 'shops' }, 'The token is for somebody else.'],
    ['others', { aud: ['a', 'b'] }, 'The token is for somebody else.'],
    ['us and what is none', { aud: ['shop', 1] }, 'The token is for somebody else.'],
    ['what looks like us', { aud: { 0: 'shop', length: 1 } }, 'The token is for somebody else.'],
    ['ever', { exp: undefined }, 'The token says no time at which it expires.'],
    ['a time that is text', { exp: String(at + 60) }, 'The token says no time at which it expires.'],
    ['a beginning that is text', { nbf: String(at) }, 'The token has a time that is none.'],
    ['a beginning that is null', { nbf: null }, 'The token has a time that is none.'],
    ['an issue that is text', { iat: 'x' }, 'The token has a time that is none.'],
    ['later', { nbf: at + 11 }, 'The token does not hold yet.'],
    ['later, as it was issued', { iat: at + 11 }, 'The token does not hold yet.'],
  ])('not of or for %s', (_, more, why) => {
    expect(until(more)).toBe(why);
  });

  test.each<[string, object]>([
    ['one of several', { aud: ['a', 'store'] }],
    ['from a moment ago, or nearly now', { nbf: at + 10, iat: at + 10 }],
    ['with a subject', { sub: 'a' }],
  ])('for %s', (_, more) => {
    expect(until(more)).toBe(NOW + 70_000);
  });

  test('for one alone where one alone is asked for', () => {
    const one = { ...provider, audiences: ['shop'] };
    expect([until({}, one), until({ aud: 'store' }, one)]).toEqual([NOW + 70_000, 'The token is for somebody else.']);
  });

  test('for anybody where nobody is asked for; a time beyond numbers is none', () => {
    expect(until({ aud: undefined }, { ...provider, audiences: [] })).toBe(NOW + 70_000);
    const endless = readToken(compact({ alg: 'a' }, '{"iss":"i","aud":"shop","exp":1e999}'))!;
    expect(validUntil(endless, provider, NOW)).toBe('The token says no time at which it expires.');
  });
});

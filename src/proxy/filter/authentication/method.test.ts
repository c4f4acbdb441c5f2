import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Asked, RecordedScope } from '../filter.suite.ts';
import { HeaderPatch } from '../header-patch.ts';
import { describeMethod } from './method.suite.ts';
import { challenged, type Method, type Refusal, refusal } from './method.ts';
import { answerOf, joined, weightier } from './method-group.ts';

const line = (name: string, value: string) => ({ headers: [[name, value] as const] });
const basic = (pair: string) => line('authorization', `Basic ${Buffer.from(pair).toString('base64')}`);

describeMethod({
  method: { type: 'Basic', name: '0', credential: 'c', realm: 'r', forwards: true },
  credential: { key: 'c', content: { type: 'Users', users: [{ name: 'u', hash: '{PLAIN}secret' }] } },
  known: basic('u:secret'),
  absent: {},
  wrong: basic('u:other'),
  subject: 'u',
});

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

function digestOf(by: Method, password: string): Asked {
  const finding = by.identify(new RecordedScope({})) as Refusal;
  const nonce = /nonce="([^"]+)"/.exec([finding.challenge].flat().at(-1) ?? '')?.[1] ?? '';
  const response = md5(`${md5(`u:r:${password}`)}:${nonce}:00000001:c:auth:${md5('GET:/')}`);
  const said = `username="u", realm="r", nonce="${nonce}", uri="/", qop=auth, nc=00000001, cnonce="c"`;
  return line('authorization', `Digest ${said}, response="${response}"`);
}

describeMethod({
  method: { type: 'Digest', name: '0', credential: 'c', realm: 'r', forwards: true },
  credential: {
    key: 'c',
    content: { type: 'DigestUsers', users: [{ name: 'u', algorithm: 'MD5', hash: md5('u:r:secret') }] },
  },
  known: (by) => digestOf(by, 'secret'),
  absent: {},
  wrong: line('authorization', 'Digest username="u"'),
  subject: 'u',
});

describeMethod({
  method: { type: 'ApiKey', name: '0', credential: 'c', from: [{ in: 'Header', name: 'x-api-key' }], forwards: true },
  credential: {
    key: 'c',
    content: {
      type: 'ApiKeys',
      keys: [{ client: 'a', sha256: createHash('sha256').update('the-key').digest('base64') }],
    },
  },
  known: line('x-api-key', 'the-key'),
  absent: {},
  wrong: line('x-api-key', 'the-kex'),
  subject: 'a',
});

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const signed = `${base64({ alg: 'ES256' })}.${base64({ iss: 'i', sub: 's', exp: Math.floor(Date.now() / 1000) + 60 })}`;
const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });

describeMethod({
  method: {
    type: 'Jwt',
    name: '0',
    providers: [{ issuer: 'i', audiences: [], algorithms: ['ES256'], clockSkew: 0, credential: 'c' }],
    from: [{ in: 'Header', name: 'authorization', scheme: 'bearer' }],
    realm: '',
    forwards: true,
  },
  credential: {
    key: 'c',
    content: { type: 'KeySet', text: JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] }), secrets: false },
  },
  known: line('authorization', `Bearer ${signed}.${signature.toString('base64url')}`),
  absent: {},
  wrong: line('authorization', `Bearer ${signed}.${Buffer.alloc(64, 1).toString('base64url')}`),
  subject: 's',
});

describe('of several methods', () => {
  const absent = challenged('absent', 'Basic', '');
  const wrong = refusal('wrong', 503, '');
  const broken = refusal('broken', 503, '');

  test('what is wrong is told before what is absent, and that before what is broken', () => {
    expect([weightier(null, broken), weightier(broken, absent), weightier(absent, wrong)]).toEqual([true, true, true]);
    expect([weightier(wrong, absent), weightier(absent, broken), weightier(absent, absent)]).toEqual([
      false,
      false,
      false,
    ]);
  });

  test('of two that are absent the one that says what to do about it', () => {
    expect(weightier(refusal('absent', 403, ''), absent)).toBe(true);
    expect(weightier(absent, refusal('absent', 403, ''))).toBe(false);
  });

  test('the first says who it is, and what only another knows stays beside it', () => {
    const one = { subject: 'a', claims: { sub: 'a', x: 1 } };
    const other = { subject: 'b', claims: { sub: 'b', x: 2, y: 3 }, request: HeaderPatch.NONE };
    expect(joined(joined(null, one), other)).toMatchObject({ subject: 'a', claims: { sub: 'a', x: 1, y: 3 } });
  });

  test('a log says whether somebody is not known, or cannot be', () => {
    const reasons = [401, 403, 402, 500, 503].map((status) => {
      const answer = answerOf(refusal('wrong', status, ''), []);
      return 'denial' in answer ? answer.denial.reason : undefined;
    });
    const [known, failed] = ['unauthenticated', 'authentication_failed'];
    expect(reasons).toEqual([known, known, failed, failed, failed]);
  });

  test('all that is asked for stands in a 401, and in nothing else', () => {
    const lines = (answer: ReturnType<typeof answerOf>) => ('denial' in answer ? answer.denial.headers : undefined);
    expect(lines(answerOf(absent, ['Basic', 'Bearer']))).toEqual([
      ['WWW-Authenticate', 'Basic'],
      ['WWW-Authenticate', 'Bearer'],
    ]);
    expect(lines(answerOf(wrong, ['Basic']))).toEqual([]);
  });
});

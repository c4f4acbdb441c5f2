/** The method of tokens by itself: whom it believes, for how long it remembers, and when it asks for keys again. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { CredentialContent, JwtMethod, JwtProvider } from '../../../../config/index.ts';
import { PolicyState } from '../../../state/index.ts';
import { MIN_FETCH_INTERVAL } from '../../../state/key-source.ts';
import { type Asked, RecordedScope } from '../../filter.suite.ts';
import { stateWith } from '../method.suite.ts';
import type { Method } from '../method.ts';
import { jwtMethod } from './index.ts';
import { MAX_KEYS_TRIED } from './token.ts';

afterEach(() => void vi.useRealTimers());

const pairs = {
  a: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  b: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
};
type Name = keyof typeof pairs;

const jwk = (name: Name, kid: string = name) => ({ ...pairs[name].publicKey.export({ format: 'jwk' }), kid });
const keySet = (...keys: object[]): CredentialContent => ({
  type: 'KeySet',
  text: JSON.stringify({ keys }),
  secrets: false,
});
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const later = (): number => Math.floor(Date.now() / 1000) + 60;

function token(claims: object = {}, header: object = { kid: 'a' }, by: Name = 'a'): string {
  const signed = `${part({ alg: 'ES256', ...header })}.${part({ iss: 'i', sub: 's', exp: later(), ...claims })}`;
  const key = { key: pairs[by].privateKey, dsaEncoding: 'ieee-p1363' } as const;
  return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
}

const PROVIDER: JwtProvider = { issuer: 'i', audiences: [], algorithms: ['ES256'], clockSkew: 0, credential: 'c' };

function method(state: PolicyState, more: Partial<JwtMethod> = {}): Method {
  const from: JwtMethod['from'] = [{ in: 'Header', name: 'authorization', scheme: 'bearer' }];
  return jwtMethod({ type: 'Jwt', name: '0', providers: [PROVIDER], from, realm: '', forwards: true, ...more }, state);
}

const bearer = (text: string): Asked => ({ headers: [['authorization', `Bearer ${text}`]] });
const ask = (by: Method, text: string) => by.identify(new RecordedScope(bearer(text)));

test('what is believed says who it is, and what is not says why', () => {
  const by = method(stateWith('c', keySet(jwk('a'), jwk('b'))));
  expect(ask(by, token())).toMatchObject({ identity: { subject: 's', claims: { iss: 'i', sub: 's' } } });
  expect(ask(by, token({ sub: undefined }))).toMatchObject({ identity: { subject: '' } });
  for (const [text, message] of [
    ['x', 'What was sent is no token.'],
    [token({}, { kid: 'a', typ: 'logout+jwt' }), 'The token is for something else than to say who asks.'],
    [token({ iss: 'j' }), 'The token is of another issuer.'],
    [token({ iss: ['i'] }), 'The token is of another issuer.'],
    [token({}, { kid: 'a', alg: 'ES384' }), 'Its algorithm is not allowed.'],
    [token({ exp: 1 }), 'The token has expired.'],
    [token({}, { kid: 'z' }), 'No key of its issuer has its name and kind.'],
    [token({}, { kid: 'b' }, 'a'), 'Its signature is wrong.'],
  ]) {
    expect(ask(by, text!)).toMatchObject({
      why: 'wrong',
      status: 401,
      message,
      challenge: 'Bearer error="invalid_token"',
    });
  }
});

test('who says no token, or two, is told what is asked for', () => {
  const state = stateWith('c', keySet(jwk('a')));
  for (const [realm, absent, wrong] of [
    ['', 'Bearer', 'Bearer error="invalid_token"'],
    ['r', 'Bearer realm="r"', 'Bearer realm="r", error="invalid_token"'],
  ] as const) {
    const by = method(state, { realm });
    expect(by.identify(new RecordedScope({}))).toMatchObject({ why: 'absent', status: 401, challenge: absent });
    const line = ['authorization', `Bearer ${token()}`] as const;
    const two = by.identify(new RecordedScope({ headers: [line, line] }));
    expect(two).toMatchObject({ why: 'wrong', challenge: wrong });
  }
});

test('of several issuers each has keys of its own', () => {
  const state = new PolicyState();
  const credential = (key: string, name: Name) =>
    [key, { kind: 'Credential', key, content: keySet(jwk(name)) }] as const;
  state.credentials = new Map([credential('c', 'a'), credential('d', 'b')]);
  const by = method(state, { providers: [PROVIDER, { ...PROVIDER, issuer: 'j', credential: 'd' }] });
  const known = (claims: object, name: Name) => 'identity' in (ask(by, token(claims, {}, name)) as object);
  expect([known({}, 'a'), known({ iss: 'j' }, 'b'), known({}, 'b'), known({ iss: 'j' }, 'a')]).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

describe('a token without a name of its key', () => {
  test('is tried with a number of them, and with no more', () => {
    const some = (count: number) =>
      ask(
        method(
          stateWith('c', keySet(...Array.from({ length: count }, (_, i) => jwk(i === count - 1 ? 'a' : 'b', `${i}`)))),
        ),
        token({}, {}),
      );
    expect(some(MAX_KEYS_TRIED)).toHaveProperty('identity');
    expect(some(MAX_KEYS_TRIED + 1)).toMatchObject({ message: 'The token does not say with which key it is signed.' });
  });
});

describe('what was believed once', () => {
  test('is remembered until its time is up', () => {
    const by = method(stateWith('c', keySet(jwk('a'))));
    const exp = later();
    const text = token({ exp });
    const first = ask(by, text) as { identity: object };
    expect((ask(by, text) as { identity: object }).identity).toBe(first.identity);
    vi.setSystemTime(exp * 1000 - 1);
    expect((ask(by, text) as { identity: object }).identity).toBe(first.identity);
    vi.setSystemTime(exp * 1000);
    expect(ask(by, text)).toMatchObject({ why: 'wrong', message: 'The token has expired.' });
  });

  test('is forgotten with its key', () => {
    const state = stateWith('c', keySet(jwk('a')));
    const [by, text] = [method(state), token()];
    expect(ask(by, text)).toHaveProperty('identity');
    state.credentials = stateWith('c', keySet(jwk('b', 'a'))).credentials;
    expect(ask(by, text)).toMatchObject({ message: 'Its signature is wrong.' });
    state.credentials = new Map();
    expect(ask(by, text)).toMatchObject({ why: 'wrong', status: 503 });
  });

  test('is believed by who asks for the same, and by nobody else', () => {
    const state = stateWith('c', keySet(jwk('a')));
    const text = token();
    expect(ask(method(state), text)).toHaveProperty('identity');
    const other = method(state, { providers: [{ ...PROVIDER, audiences: ['shop'] }] });
    expect(ask(other, text)).toMatchObject({ message: 'The token is for somebody else.' });
  });
});

describe('keys that come from elsewhere', () => {
  const url = 'https://i.example/keys';
  const remote: CredentialContent = { type: 'RemoteKeySet', url, refresh: 60_000, stale: 60_000 };

  function published(...texts: Array<string | Error>) {
    let asked = 0;
    const fetch = (): Promise<string> => {
      const one = texts[Math.min(asked++, texts.length - 1)]!;
      return one instanceof Error ? Promise.reject(one) : Promise.resolve(one);
    };
    const state = new PolicyState(undefined, { fetch });
    state.credentials = stateWith('c', remote).credentials;
    return { by: method(state), asked: () => asked };
  }
  const text = (...keys: object[]): string => JSON.stringify({ keys });

  test('are waited for', async () => {
    const { by } = published(text(jwk('a')));
    expect(await ask(by, token())).toHaveProperty('identity');
    expect(await ask(by, token({ sub: 't' }))).toMatchObject({ identity: { subject: 't' } });
    expect(await ask(by, token({}, { kid: 'a' }, 'b'))).toMatchObject({ message: 'Its signature is wrong.' });
  });

  test('are asked for again where a token names one that is not there, and once for a while', async () => {
    const time = vi.spyOn(performance, 'now').mockReturnValue(1_000_000);
    const { by, asked } = published(text(jwk('b')), text(jwk('a'), jwk('b')), new Error('gone'));
    expect(await ask(by, token({}, { kid: 'b' }, 'b'))).toHaveProperty('identity');
    expect(await ask(by, token())).toMatchObject({ message: 'No key of its issuer has its name and kind.' });
    expect(asked()).toBe(1);
    time.mockReturnValue(1_000_000 + MIN_FETCH_INTERVAL);
    // Not for a key that is there, however long ago they came.
    expect(await ask(by, token({ sub: 'u' }, { kid: 'b' }, 'b'))).toHaveProperty('identity');
    expect(asked()).toBe(1);
    expect(await ask(by, token())).toHaveProperty('identity');
    expect(asked()).toBe(2);
    expect(await ask(by, token({}, {}))).toMatchObject({ identity: { subject: 's' } });
    time.mockReturnValue(1_000_000 + 2 * MIN_FETCH_INTERVAL);
    expect(await ask(by, token({}, { kid: 'z' }))).not.toHaveProperty('identity');
    time.mockRestore();
  });

  test('that never came let nobody in', async () => {
    const { by } = published(new Error('gone'));
    expect(await ask(by, token())).toMatchObject({ why: 'wrong', status: 503 });
  });
});

test('places, what no log has and what the backend does not see', () => {
  const from: JwtMethod['from'] = [
    { in: 'Header', name: 'x-token' },
    { in: 'Query', name: 't' },
  ];
  const state = stateWith('c', keySet(jwk('a')));
  const by = method(state, { from, forwards: false });
  expect([by.places!.map(({ key }) => key), by.secrets]).toEqual([['header x-token', 'query t'], ['t']]);
  const scope = new RecordedScope({ target: '/?t=1', headers: [['x-token', '2']] });
  by.strip!(scope);
  expect([[...scope.requestPatch.drops], scope.dropped]).toEqual([['x-token'], ['t']]);
  expect(method(state).strip).toBeUndefined();
});

test('what it finds depends on what is secret where a key is shared', () => {
  const shared: CredentialContent = {
    type: 'KeySet',
    text: JSON.stringify({ keys: [{ kty: 'oct', kid: 'a', k: Buffer.alloc(32, 7).toString('base64url') }] }),
    secrets: true,
  };
  const takes = (content: CredentialContent, asked: Asked) =>
    method(stateWith('c', content)).takesSecret(new RecordedScope(asked));
  expect(takes(shared, bearer(token()))).toBe(true);
  expect(takes(keySet(jwk('a')), bearer(token()))).toBe(false);
  expect(takes({ type: 'Users', users: [] }, bearer(token()))).toBe(false);
  expect([takes(shared, {}), takes(shared, bearer('x')), takes(shared, bearer(token({ iss: 'j' })))]).toEqual([
    false,
    false,
    false,
  ]);
});

/** What a client says of its session, what of it counts, and what the answer tells it to say next. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { SessionCookie, SessionPersistence } from '../../config/index.ts';
import { plainHead } from '../route/plain-request.ts';
import { keyIn, LONGEST_SESSION, SessionClaim, SessionNames, tagIn } from './session.ts';

/** Seconds since 1970. */
const NOW = 1_700_000_000;
const MINUTE = 60;
const COOKIE: SessionPersistence = {
  type: 'Cookie',
  name: 's',
  secret: 'x',
  mode: 'Persistent',
  changeOnFailure: false,
  acrossBackends: false,
};
const HEADER: SessionPersistence = { ...COOKIE, type: 'Header', name: 'X-Session' };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW * 1000 });
});
afterEach(() => {
  vi.useRealTimers();
});

interface Asking {
  headers?: Array<readonly [string, string]>;
  target?: string;
  matchedPrefix?: number;
  secure?: boolean;
}

function claimOf(
  session: Partial<SessionPersistence>,
  { headers = [], target = '/', matchedPrefix = 1, secure = false }: Asking = {},
): SessionClaim {
  const head = plainHead({ method: 'GET', host: 'a.example', target, headers });
  return new SessionClaim({ ...COOKIE, ...session }, { head, clientAddress: '10.0.0.1', matchedPrefix, secure });
}
const said = (value: string): Asking => ({ headers: [['Cookie', `s=${value}`]] });
const time = (ago: number): string => (NOW - ago).toString(36);
/** As a session that began so many seconds ago, and was heard of last then. */
const timed = (began: number, seen: number, name = 'n'): Asking => said(`${name}~${time(began)}~${time(seen)}`);

describe('what the client says', () => {
  test('stands in the cookie or the header', () => {
    expect(claimOf({}, said('abc')).name).toBe('abc');
    expect(claimOf(HEADER, { headers: [['x-session', 'abc']] }).name).toBe('abc');
    expect(
      claimOf(HEADER, {
        headers: [
          ['a', 'b'],
          ['c', 'd'],
          ['x-session', 'abc'],
        ],
      }).name,
    ).toBe('abc');
    expect(claimOf(HEADER, said('abc')).name).toBe('');
    expect(claimOf({}).name).toBe('');
    expect(claimOf({}, said('abc')).fresh).toBe(false);
  });

  test('is not read where it is longer than what anybody writes', () => {
    expect(claimOf({}, said('a'.repeat(LONGEST_SESSION))).name).toHaveLength(LONGEST_SESSION);
    expect(claimOf({}, said('a'.repeat(LONGEST_SESSION + 1))).name).toBe('');
  });

  test('has times behind it, which count where a session ends', () => {
    expect(claimOf({}, timed(5, 5)).name).toBe('n');
    const absolute = { absoluteTimeout: MINUTE * 1000 };
    expect(claimOf(absolute, timed(MINUTE - 1, 0)).name).toBe('n');
    expect(claimOf(absolute, timed(MINUTE, 0)).name).toBe('');
    const idle = { idleTimeout: MINUTE * 1000 };
    expect(claimOf(idle, timed(10 * MINUTE, MINUTE - 1)).name).toBe('n');
    expect(claimOf(idle, timed(10 * MINUTE, MINUTE)).name).toBe('');
    expect(claimOf({ ...absolute, ...idle }, timed(MINUTE, 0)).name).toBe('');
  });

  test.each([
    ['no times', 'n'],
    ['one', `n~${time(5)}`],
    ['a time that is none', `n~${time(5)}~!`],
    ['a time in capitals', `n~${time(5).toUpperCase()}~${time(5)}`],
    ['a time that is too long', `n~${time(5)}~0${time(5)}000`],
    ['a request before the beginning', `n~${time(5)}~${time(6)}`],
    ['a time well to come', `n~${time(5)}~${time(-MINUTE - 1)}`],
  ])('is nothing with %s', (_, text) => {
    expect(claimOf({ idleTimeout: 3_600_000 }, said(text)).name).toBe('');
  });

  test('may be of a gateway whose clock is a little ahead', () => {
    expect(claimOf({ idleTimeout: 3_600_000 }, timed(-MINUTE, -MINUTE)).name).toBe('n');
  });
});

describe('what the answer tells it', () => {
  test('is a line of its header, or of Set-Cookie', () => {
    expect(claimOf(HEADER).line('abc')).toEqual({ name: 'X-Session', value: 'abc' });
    expect(claimOf({}).line('abc')).toEqual({ name: 'Set-Cookie', value: 's=abc; Path=/; HttpOnly' });
  });

  test('has the session’s beginning and this request’s time, where a session ends', () => {
    const value = (claim: SessionClaim): string => claim.line('m').value;
    const timedHeader = { ...HEADER, absoluteTimeout: 3_600_000 };
    expect(value(claimOf(timedHeader))).toBe(`m~${time(0)}~${time(0)}`);
    const asking: Asking = { headers: [['X-Session', `n~${time(9)}~${time(5)}`]] };
    expect(value(claimOf(timedHeader, asking))).toBe(`m~${time(9)}~${time(0)}`);
    expect(value(claimOf({ ...HEADER, idleTimeout: 3_600_000 }, asking))).toBe(`m~${time(9)}~${time(0)}`);
  });

  test('begins anew with a session whose endpoint is none of ours', () => {
    const claim = claimOf(
      { ...HEADER, idleTimeout: 100_000 },
      { headers: [['X-Session', `n~${time(90)}~${time(50)}`]] },
    );
    expect([claim.name, claim.aged]).toEqual(['n', true]);
    claim.forget();
    expect([claim.name, claim.aged]).toEqual(['', false]);
    expect(claim.line('m').value).toBe(`m~${time(0)}~${time(0)}`);
  });

  test('is told of again once a part of its idle time has gone by', () => {
    const aged = (seen: number): boolean => claimOf({ idleTimeout: 110_000 }, timed(50, seen)).aged;
    expect([aged(10), aged(11)]).toEqual([false, true]);
    expect(claimOf({ absoluteTimeout: 100_000 }, timed(50, 50)).aged).toBe(false);
    expect(claimOf({}, timed(50, 50)).aged).toBe(false);
  });

  test('is new to a client that is given a name', () => {
    const claim = claimOf({});
    claim.begin('k');
    expect([claim.name, claim.fresh]).toEqual(['k', true]);
  });
});

describe('the cookie', () => {
  const cookie = (settings: SessionCookie, asking: Asking = {}, session: Partial<SessionPersistence> = {}): string =>
    claimOf({ ...session, cookie: settings }, asking)
      .line('n')
      .value.replace(/^s=n[^;]*/, '');

  test('has what it is to have, in order', () => {
    const all: SessionCookie = {
      expires: 60,
      maxAge: 30,
      domain: 'example',
      path: '/a',
      secure: true,
      sameSite: 'Lax',
    };
    const expires = new Date((NOW + 60) * 1000).toUTCString();
    expect(cookie(all)).toBe(
      `; Expires=${expires}; Max-Age=30; Domain=example; Path=/a; Secure; HttpOnly; SameSite=Lax`,
    );
  });

  test('goes back by TLS alone where it came so, unless it is said otherwise', () => {
    expect(cookie({}, { secure: true })).toBe('; Path=/; Secure; HttpOnly');
    expect(cookie({ secure: false }, { secure: true })).toBe('; Path=/; HttpOnly');
  });

  test('ends when the session does, however often it is written; after that it begins anew', () => {
    const left = (began: number): string => cookie({ maxAge: 30 }, timed(began, 0), { absoluteTimeout: 3_600_000 });
    expect([left(0), left(10), left(29)].map((text) => /Max-Age=(\d+)/.exec(text)![1])).toEqual(['30', '20', '1']);
    expect(left(30)).toContain('Max-Age=30;');
    expect(left(31)).toContain('Max-Age=30;');
  });

  test.each([
    ['/shop/cart', 5, '/shop'],
    ['/shop', 50, '/shop'],
    ['/shop?q', 50, '/shop'],
    ['/a;b', 4, '/'],
    ['/a,b', 4, '/'],
    ['/~!+-:<z', 50, '/~!+-:<z'],
    ['/é', 50, '/'],
  ])('is for the path that was matched of %s (%j): %s', (target, matchedPrefix, path) => {
    expect(cookie({ matchedPath: true, path: '/never' }, { target, matchedPrefix })).toBe(`; Path=${path}; HttpOnly`);
    expect(cookie({ path: '/own' }, { target, matchedPrefix })).toBe('; Path=/own; HttpOnly');
  });

  const agent = (text: string): Asking => ({ headers: [['User-Agent', text]] });
  const SAFARI =
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_6) AppleWebKit/605 (KHTML, like Gecko) Version/13.0 Safari/605';
  test.each([
    [SAFARI, false],
    [SAFARI.replace('10_14', '10_15'), true],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 12_2 like Mac OS X)', false],
    ['Mozilla/5.0 (iPad; CPU OS 13_2 like Mac OS X)', true],
    ['Mozilla/5.0 Chrome/66.0.1', false],
    ['Mozilla/5.0 Chrome/67.0.1', true],
    ['UCBrowser/12.13.1', false],
    ['UCBrowser/12.13.2', true],
    [`${'x'.repeat(503)}Chrome/66.0`, true],
    [`${'x'.repeat(502)}Chrome/66.0`, false],
  ])('has SameSite=None where the client takes it: %s', (text, takes) => {
    const settings: SessionCookie = { sameSite: 'None', conditionalSameSiteNone: true };
    expect(cookie(settings, agent(text)).endsWith('; SameSite=None')).toBe(takes);
    expect(cookie({ ...settings, sameSite: 'Strict' }, agent(text))).toContain('; SameSite=Strict');
    expect(cookie({ sameSite: 'None' }, agent(text))).toContain('; SameSite=None');
  });

  test('has it for who does not say what he is', () => {
    const settings: SessionCookie = { sameSite: 'None', conditionalSameSiteNone: true };
    expect(cookie(settings, { target: '/Chrome/66.0' })).toContain('; SameSite=None');
  });
});

describe('names of endpoints', () => {
  const members = new Map([
    ['10.0.0.1:80', 'one'],
    ['10.0.0.2:80', 'two'],
  ]);
  const namesOf = (secret = 'x', backend = 'd/s:80'): SessionNames<string> =>
    new SessionNames(secret, backend, members);

  test('lead back to them, and say nothing of their address', () => {
    const names = namesOf();
    const name = names.nameOf('10.0.0.2:80');
    expect(name).toMatch(/^[\w-]{12}$/);
    expect(names.member(name)).toBe('two');
    expect(namesOf().member(name)).toBe('two');
    expect(names.member('10.0.0.2:80')).toBeUndefined();
    expect(names.member(names.nameOf('10.0.0.3:80'))).toBeUndefined();
    expect(names.nameOf('10.0.0.2:80')).toBe(name);
  });

  test('are of one backend, and of one secret', () => {
    const all = [namesOf(), namesOf('y'), namesOf('x', 'd/t:80')].map((names) => names.nameOf('10.0.0.1:80'));
    expect(new Set(all).size).toBe(3);
    expect(new Set([namesOf().tag, namesOf('y').tag, namesOf('x', 'd/t:80').tag]).size).toBe(3);
    expect(namesOf().tag).toBe(namesOf().tag);
  });

  test('are made once', () => {
    const names = namesOf();
    const of = vi.spyOn(names, 'nameOf');
    names.member('a');
    names.member('b');
    expect(of).toHaveBeenCalledTimes(2);
  });

  test('a key of a hash has its backend behind it', () => {
    const names = namesOf();
    const key = names.newKey();
    expect(key).toMatch(/^[\w-]{16}\|[\w-]{12}$/);
    expect(tagIn(key)).toBe(names.tag);
    expect(keyIn(key)).toBe(key.slice(0, 16));
    expect(names.newKey()).not.toBe(key);
    expect([keyIn('plain'), tagIn('plain'), keyIn('|x'), tagIn('|x')]).toEqual(['plain', '', '', 'x']);
  });
});

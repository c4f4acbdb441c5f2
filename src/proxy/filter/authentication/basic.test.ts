import { expect, test } from 'vitest';
import { PolicyState } from '../../state/index.ts';
import type { Waiter } from '../../turns/index.ts';
import { RecordedScope } from '../filter.suite.ts';
import { basicMethod } from './basic.ts';
import { stateWith } from './method.suite.ts';
import type { Method } from './method.ts';

const KEY = 'AuthenticationPolicy/shop/door/0';
const SETTINGS = { type: 'Basic', name: '0', credential: KEY, realm: 'r', forwards: true } as const;
const USERS = [
  { name: 'u', hash: '{PLAIN}secret' },
  { name: 'v', hash: '{PLAIN}with:colon' },
];

function basic(users = USERS, forwards = true): Method {
  return basicMethod({ ...SETTINGS, forwards }, stateWith(KEY, { type: 'Users', users }));
}

const saying = (value: string) => new RecordedScope({ headers: [['authorization', value]] });
const coded = (text: string): string => Buffer.from(text).toString('base64');
const pair = (text: string) => saying(`Basic ${coded(text)}`);

test('a password begins after the first colon', () => {
  expect(basic().identify(pair('v:with:colon'))).toMatchObject({ identity: { subject: 'v', claims: { sub: 'v' } } });
  expect(basic().identify(pair('v:with'))).toMatchObject({ why: 'wrong', status: 401 });
});

test('what is no user and password is nobody', () => {
  const nameless = [...USERS, { name: '', hash: '{PLAIN}secret' }];
  for (const text of ['secret', 'u', 'usecret', '']) {
    expect([text, basic(nameless).identify(pair(text))]).toMatchObject([text, { why: 'wrong' }]);
  }
  // A list may have one whose name is empty: he says so.
  expect(basic(nameless).identify(pair(':secret'))).toMatchObject({ identity: { subject: '' } });
});

test('what is no base64 is nobody: a backend may read it otherwise', () => {
  const sound = coded('u:secret');
  expect(basic().identify(saying(`Basic ${sound}`))).toHaveProperty('identity');
  for (const value of [`${sound}!`, `!${sound}`, `${sound.slice(0, 4)} ${sound.slice(4)}`, `${sound}==`]) {
    expect([value, basic().identify(saying(`Basic ${value}`))]).toMatchObject([value, { why: 'wrong' }]);
  }
});

test('who is not in the list is nobody, whosever password he says', () => {
  for (const name of ['w', 'x', 'y', 'z']) {
    for (const password of ['secret', 'with:colon', 'other']) {
      const found = basic().identify(pair(`${name}:${password}`));
      expect(found).toMatchObject({ why: 'wrong', status: 401, challenge: 'Basic realm="r"' });
    }
  }
  expect(basic().identify(new RecordedScope({}))).toMatchObject({ why: 'absent', challenge: 'Basic realm="r"' });
});

test('what takes long to compare is waited for, and decides for who is in the list alone', async () => {
  const state = stateWith(KEY, { type: 'Users', users: [{ name: 'u', hash: '$2y$slow' }] });
  for (const right of [true, false]) {
    const passwords = { matches: () => Promise.resolve(right) };
    const method = basicMethod(SETTINGS, Object.assign(Object.create(state), { passwords }) as PolicyState);
    const found = ['u:x', 'w:x'].map(async (text) => 'identity' in (await method.identify(pair(text))));
    expect(await Promise.all(found)).toEqual([right, false]);
  }
});

test('where nobody is in the list it cannot be found out who asks', () => {
  expect(basic([]).identify(pair('u:secret'))).toMatchObject({ why: 'broken', status: 503 });
});

test('too many passwords at once are told to come again, each counted for whose list it is', () => {
  const waiters: Waiter[] = [];
  const state = stateWith(KEY, { type: 'Users', users: [{ name: 'u', hash: '$2y$slow' }] });
  const passwords = {
    matches(_hash: string, _password: Buffer, whose: Waiter) {
      waiters.push(whose);
      return 'busy';
    },
  };
  const method = basicMethod(SETTINGS, Object.assign(Object.create(state), { passwords }) as PolicyState);
  expect(method.identify(pair('u:secret'))).toMatchObject({
    why: 'wrong',
    status: 503,
    headers: [['Retry-After', '1']],
  });
  expect(waiters).toEqual([{ tenant: 'shop', line: KEY }]);
});

test('the backend gets the password or not, as is said', () => {
  expect(basic().strip).toBeUndefined();
  const scope = pair('u:secret');
  basic(USERS, false).strip!(scope);
  expect([...scope.requestPatch.drops]).toEqual(['authorization']);
});

test('what it finds depends on what is secret for those that there are', () => {
  const asked: Array<[() => RecordedScope, boolean]> = [
    [() => pair('u:x'), true],
    [() => pair('w:x'), false],
    [() => pair('u'), false],
    [() => saying('Bearer x'), false],
    [() => saying('Basic'), false],
    [() => new RecordedScope({}), false],
  ];
  for (const [scope, takes] of asked) expect(basic().takesSecret(scope())).toBe(takes);
  expect(basicMethod(SETTINGS, new PolicyState()).takesSecret(pair('u:x'))).toBe(false);
});

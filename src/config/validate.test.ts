import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Endpoints, type Listener, type Policy, policyKey, type RouteRule } from './index.ts';
import { readDelta } from './validate.ts';

const listener: Listener = {
  kind: 'Listener',
  key: 'infra/edge/http',
  gateway: 'infra/edge',
  name: 'http',
  addresses: [],
  port: 80,
  protocol: 'HTTP',
};

const rule: RouteRule = {
  kind: 'RouteRule',
  key: 'HTTPRoute/shop/cart/0',
  route: { kind: 'HTTPRoute', namespace: 'shop', name: 'cart' },
  index: 0,
  created: '',
  attachments: [{ listener: 'infra/edge/http', hostnames: ['*'] }],
  matches: [{ path: { type: 'PathPrefix', value: '/' }, headers: [], query: [] }],
  filters: [{ type: 'RequestRedirect', statusCode: 301, path: { type: 'ReplaceFullPath', value: '/a' } }],
  backends: [{ backend: 'shop/cart:80', weight: 1, filters: [] }],
};

test('a delta that went through JSON comes back as it was', () => {
  const delta = { version: 3, upserts: [listener, rule], removals: [{ kind: 'Backend' as const, key: 'a/b:1' }] };
  const { delta: read, refused } = readDelta(JSON.parse(JSON.stringify(delta)));
  expect(refused).toEqual([]);
  expect(read).toEqual(delta);
});

test('an object that does not fit is set aside with the field that is wrong, and the others go on', () => {
  const backend = { kind: 'Backend', key: 'shop/cart:80', protocol: 'ftp' };
  const unmatched = { ...rule, key: 'HTTPRoute/a/b/1', matches: 'all' };
  const { delta, refused } = readDelta({ version: 1, upserts: [backend, unmatched, listener], removals: [] });
  expect(delta.upserts).toEqual([listener]);
  expect(refused.map(({ key }) => key)).toEqual(['shop/cart:80', 'HTTPRoute/a/b/1']);
});

test('a rule that does not fit still owns its matches: what can be read of it answers 500', () => {
  const broken = { ...rule, backends: [{ backend: 'shop/cart:80', weight: -1, filters: [] }] };
  const { delta, refused } = readDelta({ version: 1, upserts: [broken, listener], removals: [] });
  const { timeouts: _timeouts, retry: _retry, ...bare } = rule;
  const standIn = { ...bare, filters: [], backends: [], broken: expect.stringMatching(/^backends\.0\.weight: /) };
  expect(delta.upserts).toEqual([standIn, listener]);
  expect(refused).toHaveLength(1);
  expect(refused[0]).toMatchObject({ kind: 'RouteRule', key: rule.key });
  expect(refused[0]!.message).toMatch(/^backends\.0\.weight: /);
});

test('a filter type that nobody knows is refused with its place', () => {
  const { refused } = readDelta({
    version: 1,
    upserts: [{ ...rule, filters: [{ type: 'Teleport' }] }],
    removals: [],
  });
  expect(refused[0]!.message).toMatch(/^filters\.0\.type: /);
});

test('policies are read by their type, and a network that is none is refused', () => {
  const policy = (cidr: string): Policy => ({
    kind: 'Policy',
    key: policyKey('ClientTraffic', 'a/gw/http'),
    type: 'ClientTraffic',
    target: { kind: 'Listener', key: 'a/gw/http' },
    spec: { proxyProtocol: { mode: 'Required', trustedSources: [cidr] } },
  });
  const good = policy('10.0.0.0/8');
  const { delta, refused } = readDelta({ version: 1, upserts: [good, policy('10.0.0.0/33')], removals: [] });
  expect(delta.upserts).toEqual([good]);
  expect(refused[0]!.message).toBe('spec.proxyProtocol.trustedSources.0: is no CIDR');
});

test('a policy of a type that nobody knows is refused, and goes on without what it says, since it may guard', () => {
  const target = { kind: 'RouteRule', key: rule.key };
  const policy = { kind: 'Policy', key: `Shield/${rule.key}`, type: 'Shield', target, spec: { from: 'the future' } };
  const { delta, refused } = readDelta({ version: 1, upserts: [policy, listener], removals: [] });
  expect(delta.upserts).toEqual([{ ...policy, spec: {} }, listener]);
  expect(refused).toMatchObject([{ kind: 'Policy', key: policy.key }]);
});

test('a policy that guards and cannot be read is refused, and goes on as one that cannot be used', () => {
  const target = { kind: 'RouteRule', key: rule.key };
  const policy = { kind: 'Policy', key: policyKey('RateLimit', rule.key), type: 'RateLimit', target };
  const later = { ...policy, spec: { acts: [{ source: 'a', holds: 'Perhaps' }] } };
  const { delta, refused } = readDelta({ version: 1, upserts: [later], removals: [] });
  expect(delta.upserts).toEqual([{ ...policy, type: 'unreadable RateLimit', spec: {} }]);
  expect(refused).toMatchObject([{ kind: 'Policy', key: policy.key }]);
});

test('an object of a kind that nobody knows is refused by name, and the others go on', () => {
  const unknown = { kind: 'Teleport', key: 'a/b' };
  const { delta, refused } = readDelta({ version: 1, upserts: [unknown, listener], removals: [unknown] });
  expect(delta).toEqual({ version: 1, upserts: [listener], removals: [unknown] });
  const message = 'this data plane knows no kind Teleport: it is of an older version';
  expect(refused).toEqual([{ ...unknown, message }]);
});

test.each([
  null,
  7,
  'delta',
  {},
  { version: 0, upserts: [], removals: [] },
  { version: 1, upserts: [{}], removals: [] },
])('what is no delta is refused whole: %j', (message) => {
  expect(() => readDelta(message)).toThrow(/^not a config delta: /);
});

test('members that the contract does not know are dropped', () => {
  const endpoints: Endpoints = { kind: 'Endpoints', key: 'a/b:1', endpoints: [] };
  const { delta } = readDelta({ version: 1, upserts: [{ ...endpoints, extra: true }], removals: [] });
  expect(delta.upserts).toEqual([endpoints]);
});

test('whatever arrives is a delta or a TypeError, never a crash', () => {
  fc.assert(
    fc.property(fc.anything(), (message) => {
      try {
        readDelta(message);
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError);
      }
    }),
  );
});

test('a policy cannot end a line of the heads that it has a say in', () => {
  const target = { kind: 'RouteRule', key: rule.key };
  const acts = (settings: object) => ({ acts: [{ source: 'x', holds: 'Default', settings }] });
  const settings: Record<string, (text: string) => object> = {
    Access: (text) => ({ deny: [], allow: [], statusCode: 403, shadow: false, body: { contentType: text, text: '' } }),
    AnswerHeaders: (text) => ({ lines: [{ name: 'X-A', value: text }] }),
    ErrorPages: (text) => ({ pages: [{ codes: [404], contentType: text, body: '' }] }),
    DirectResponse: (text) => ({ statusCode: 200, contentType: text, body: '', exempt: [] }),
    AnswerRewrite: (text) => ({ cookieDomains: [], cookiePaths: [], locations: [{ from: '/', to: text }] }),
  };
  const refusedOf = (text: string) =>
    readDelta({
      version: 1,
      removals: [],
      upserts: Object.entries(settings).map(([type, of]) => {
        return { kind: 'Policy', key: `${type}/${rule.key}`, type, target, spec: acts(of(text)) };
      }),
    }).refused.map(({ key }) => key.split('/')[0]);
  expect(refusedOf('text/html; charset=utf-8')).toEqual([]);
  for (const text of ['a\r\nb: c', 'a\n', 'a\0', 'a\x7f']) expect(refusedOf(text)).toEqual(Object.keys(settings));
});

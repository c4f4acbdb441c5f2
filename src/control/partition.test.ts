import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ConfigChange, type ConfigObject, type ConfigRef, type Filter, refKey } from '../config/index.ts';
import { Partition } from './partition.ts';

const listener = (gateway: string, certificates: string[] = []): ConfigObject => ({
  kind: 'Listener',
  key: `${gateway}/https`,
  gateway,
  name: 'https',
  addresses: [],
  port: 443,
  protocol: 'HTTPS',
  ...(certificates.length > 0 ? { tls: { mode: 'Terminate', certificates } } : {}),
});
const certificate = (key: string, privateKey = 'key'): ConfigObject => ({
  kind: 'Certificate',
  key,
  certificate: 'cert',
  privateKey,
});
const rule = (name: string, gateways: string[], backends: string[], mirror?: string): ConfigObject => ({
  kind: 'RouteRule',
  key: `HTTPRoute/${name}/0`,
  route: { kind: 'HTTPRoute', namespace: 'n', name },
  index: 0,
  created: '',
  attachments: gateways.map((gateway) => ({ listener: `${gateway}/https`, hostnames: ['*'] })),
  matches: [],
  filters:
    mirror === undefined
      ? []
      : [{ type: 'RequestMirror', backend: mirror, fraction: { numerator: 1, denominator: 1 } }],
  backends: backends.map((backend) => ({ backend, weight: 1, filters: [] })),
});
const asking = (backend: string): Filter => ({
  type: 'ExternalAuth',
  backend,
  timeout: 1_000,
  question: { protocol: 'GRPC', host: '{host}', headers: '*' },
  onFailure: { open: false, statusCode: 503 },
});
const backend = (key: string, clientCertificate?: string): ConfigObject => ({
  kind: 'Backend',
  key,
  service: { namespace: 'n', name: key, port: 80 },
  protocol: 'http',
  ...(clientCertificate === undefined
    ? {}
    : { tls: { hostname: 'h', subjectAltNames: [], trust: 'System', clientCertificate } }),
});
const endpoints = (key: string): ConfigObject => ({ kind: 'Endpoints', key, endpoints: [] });
const policy = (key: string): ConfigObject => ({
  kind: 'Policy',
  key: `BackendTraffic/${key}`,
  type: 'BackendTraffic',
  target: { kind: 'Backend', key },
  spec: {},
});

/** One and the same policy, for whatever it is. */
const attached = (kind: string, key: string): ConfigObject =>
  ({
    kind: 'Policy',
    key: 'RateLimit/p',
    type: 'RateLimit',
    target: { kind, key },
    spec: { acts: [] },
  }) as ConfigObject;

/** What a policy for a rule needs. */
const users = (hash = 'h'): ConfigObject => ({
  kind: 'Credential',
  key: 'u',
  content: { type: 'Users', users: [{ name: 'a', hash }] },
});
const asks = (rule: string, credential: string): ConfigObject => ({
  kind: 'Policy',
  key: 'Authentication/p',
  type: 'Authentication',
  target: { kind: 'RouteRule', key: `HTTPRoute/${rule}/0` },
  spec: {
    acts: [
      {
        source: 'p',
        holds: 'Default',
        settings: {
          methods: [{ type: 'Basic', name: '0', credential, realm: '', forwards: true }],
          require: 'All',
          anonymous: { paths: [], addresses: [] },
          headers: [],
        },
      },
    ],
  },
});

const put = (...objects: ConfigObject[]): ConfigChange[] => objects.map((after) => ({ after }));
const gone = (...refs: ConfigRef[]): ConfigChange[] => refs.map(({ kind, key }) => ({ before: { kind, key } }));

/** What changed for whom: `+` for objects that came or changed, `-` for those that go. */
function told(result: Map<string, ConfigChange[]>): Record<string, string[]> {
  const name = ({ before, after }: ConfigChange): string => (after ? `+${refKey(after)}` : `-${refKey(before!)}`);
  return Object.fromEntries([...result].map(([gateway, changes]) => [gateway, changes.map(name).sort()]));
}

describe('a partition', () => {
  test('gives a Gateway its listeners, the rules on them and all that those need, in whatever order it comes', () => {
    const objects = [
      policy('b:80'),
      certificate('n/client'),
      endpoints('b:80'),
      backend('b:80', 'n/client'),
      rule('r', ['n/one'], ['b:80']),
      certificate('n/server'),
      listener('n/one', ['n/server']),
      endpoints('m:80'),
      backend('m:80'),
      rule('mirrors', ['n/one'], [], 'm:80'),
    ];
    for (const order of [objects, objects.toReversed()]) {
      const partition = new Partition();
      for (const object of order) partition.take(put(object));
      expect(partition.objectsOf('n/one').map(refKey).sort()).toEqual(objects.map(refKey).sort());
      expect(partition.objectsOf('n/two')).toEqual([]);
    }
  });

  test('gives no key to a Gateway that does not show it', () => {
    const partition = new Partition();
    const result = partition.take(
      put(
        certificate('n/one'),
        certificate('n/two'),
        certificate('n/unused'),
        listener('n/one', ['n/one']),
        listener('n/two', ['n/two']),
      ),
    );
    expect(told(result)).toEqual({
      'n/one': ['+Certificate/n/one', '+Listener/n/one/https'],
      'n/two': ['+Certificate/n/two', '+Listener/n/two/https'],
    });
    expect(told(partition.take(put(certificate('n/two', 'rotated'))))).toEqual({ 'n/two': ['+Certificate/n/two'] });
    expect(told(partition.take(put(certificate('n/unused', 'rotated'))))).toEqual({});
  });

  test('takes away what a Gateway no longer needs, and leaves it with those who do', () => {
    const partition = new Partition();
    partition.take(put(listener('n/one'), listener('n/two'), backend('b:80'), endpoints('b:80')));
    partition.take(put(rule('r', ['n/one', 'n/two'], ['b:80'])));
    const moved = partition.take(put(rule('r', ['n/two'], ['b:80'])));
    expect(told(moved)).toEqual({
      'n/one': ['-Backend/b:80', '-Endpoints/b:80', '-RouteRule/HTTPRoute/r/0'],
      'n/two': ['+RouteRule/HTTPRoute/r/0'],
    });
    const ended = partition.take(gone({ kind: 'RouteRule', key: 'HTTPRoute/r/0' }));
    expect(told(ended)).toEqual({ 'n/two': ['-Backend/b:80', '-Endpoints/b:80', '-RouteRule/HTTPRoute/r/0'] });
  });

  test('gives what a policy needs to those who have what the policy is for', () => {
    const partition = new Partition();
    partition.take(put(listener('n/one'), listener('n/two'), users(), asks('r', 'u')));
    expect(partition.objectsOf('n/one').map(refKey)).toEqual(['Listener/n/one/https']);
    const came = partition.take(put(rule('r', ['n/one'], [])));
    expect(told(came)).toEqual({
      'n/one': ['+Credential/u', '+Policy/Authentication/p', '+RouteRule/HTTPRoute/r/0'],
    });
    expect(told(partition.take(put(users('rotated'))))).toEqual({ 'n/one': ['+Credential/u'] });
    expect(told(partition.take(put(asks('r', 'other'))))).toEqual({
      'n/one': ['+Policy/Authentication/p', '-Credential/u'],
    });
  });

  test('gives a Gateway the backend that has the keys of a policy', () => {
    const content = { type: 'BackendKeySet' as const, backend: 'idp:80', host: 'h', path: '/', refresh: 1, stale: 1 };
    const keys: ConfigObject = { kind: 'Credential', key: 'u', content };
    const partition = new Partition();
    partition.take(put(listener('n/one'), listener('n/two'), backend('idp:80'), endpoints('idp:80')));
    const came = partition.take(put(rule('r', ['n/one'], []), asks('r', 'u'), keys));
    expect(came.get('n/two')).toBeUndefined();
    expect(told(came)['n/one']).toEqual(
      expect.arrayContaining(['+Credential/u', '+Backend/idp:80', '+Endpoints/idp:80']),
    );
    expect(told(partition.take(put(users())))).toEqual({
      'n/one': ['+Credential/u', '-Backend/idp:80', '-Endpoints/idp:80'],
    });
  });

  test('gives a Gateway the service that a rule or a backend of it asks', () => {
    const guarded = {
      ...rule('r', ['n/one'], []),
      filters: [asking('auth:80')],
      backends: [{ weight: 1, filters: [asking('other:80')] }],
    } as ConfigObject;
    const services = ['auth:80', 'other:80'].flatMap((key) => [backend(key), endpoints(key)]);
    const given = told(new Partition().take(put(listener('n/one'), listener('n/two'), guarded, ...services)));
    expect(given['n/one']).toEqual(
      expect.arrayContaining(['+Backend/auth:80', '+Endpoints/auth:80', '+Backend/other:80', '+Endpoints/other:80']),
    );
    expect(given['n/two']).toEqual(['+Listener/n/two/https']);
  });

  test('tells of an edit of endpoints those who use them, and nothing else', () => {
    const partition = new Partition();
    partition.take(put(listener('n/one'), rule('r', ['n/one'], ['b:80']), backend('b:80'), endpoints('b:80')));
    expect(told(partition.take(put(endpoints('b:80'))))).toEqual({ 'n/one': ['+Endpoints/b:80'] });
  });

  test('takes the ten-thousandth user of a backend as it took the first', () => {
    const partition = new Partition();
    partition.take(put(listener('n/one'), backend('b:80'), endpoints('b:80')));
    const began = performance.now();
    for (let at = 0; at < 10_000; at++) partition.take(put(rule(`r${at}`, ['n/one'], ['b:80'])));
    // A look at each of the others takes minutes, and this takes a tenth of a second.
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(told(partition.take(gone({ kind: 'RouteRule', key: 'HTTPRoute/r7/0' })))).toEqual({
      'n/one': ['-RouteRule/HTTPRoute/r7/0'],
    });
  });

  test('comes by any steps to what the end state alone gives', () => {
    const pool: ConfigObject[][] = [
      [listener('n/a'), listener('n/a', ['c1']), listener('n/a', ['c1', 'c2'])],
      [listener('n/b'), listener('n/b', ['c2'])],
      [rule('r', ['n/a'], ['x']), rule('r', ['n/b'], ['x', 'y']), rule('r', ['n/a', 'n/b'], [], 'y')],
      [rule('s', ['n/b'], ['y']), rule('s', [], ['x'])],
      [users(), users('rotated')],
      [asks('r', 'u'), asks('s', 'u'), asks('r', 'none')],
      [backend('x'), backend('x', 'c1')],
      [backend('y'), backend('y', 'c2')],
      [endpoints('x')],
      [policy('x')],
      [attached('RouteRule', 'HTTPRoute/r/0'), attached('Listener', 'n/a/https'), attached('Backend', 'y')],
      [certificate('c1'), certificate('c1', 'other')],
      [certificate('c2')],
    ];
    const step = fc.tuple(fc.nat(pool.length - 1), fc.nat(3));
    void fc.assert(
      fc.property(fc.array(fc.array(step, { maxLength: 4 }), { maxLength: 12 }), (batches) => {
        const partition = new Partition();
        const state = new Map<string, ConfigObject>();
        const seen = new Map<string, Map<string, ConfigObject>>();
        for (const batch of batches) {
          const changes = batch.map(([slot, form]): ConfigChange => {
            const forms = pool[slot]!;
            const after = forms[form];
            if (after === undefined) {
              state.delete(refKey(forms[0]!));
              return { before: { kind: forms[0]!.kind, key: forms[0]!.key } };
            }
            state.set(refKey(after), after);
            return { after };
          });
          for (const [gateway, own] of partition.take(changes)) {
            const held = seen.get(gateway) ?? new Map<string, ConfigObject>();
            seen.set(gateway, held);
            for (const { before, after } of own) {
              if (after) held.set(refKey(after), after);
              else held.delete(refKey(before!));
            }
          }
        }
        const fresh = new Partition();
        fresh.take([...state.values()].map((after) => ({ after })));
        for (const gateway of ['n/a', 'n/b']) {
          const expected = new Map(fresh.objectsOf(gateway).map((object) => [refKey(object), object]));
          expect(seen.get(gateway) ?? new Map()).toEqual(expected);
        }
      }),
    );
  });
});

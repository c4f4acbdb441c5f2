import { describe, expect, it } from 'vitest';
import { type ExampleRule, exampleListener, exampleRule } from './example.suite.ts';
import { type CompiledTable, compileTable, PlanCache, plainHead } from './index.ts';

function tableOf(rules: ExampleRule[], listeners = [exampleListener('http')]): CompiledTable {
  return compileTable({ listeners, rules: rules.map(exampleRule), plans: new PlanCache() });
}

interface Asked {
  host?: string;
  method?: string;
  headers?: Array<[string, string]>;
  serverName?: string;
}

/** Name of the route that serves the target, or null. */
function routeFor(table: CompiledTable, target: string, asked: Asked = {}): string | null {
  const { host = 'www.example.com', method = 'GET', headers = [], serverName = '' } = asked;
  const found = table.match(plainHead({ method, host, target, headers }), serverName);
  return found === null ? null : found.plan.rule.route.name;
}

describe('paths', () => {
  it('compares prefixes by path element, whether or not they end with a slash', () => {
    for (const prefix of ['/foo', '/foo/']) {
      const table = tableOf([{ route: 'foo', matches: [{ path: prefix }] }]);
      const served = ['/foo', '/foo/', '/foo/bar', '/foo?q', '/foobar', '/fo', '/', '/Foo'].map((t) =>
        routeFor(table, t),
      );
      expect(served).toEqual(['foo', 'foo', 'foo', 'foo', null, null, null, null]);
    }
  });

  it('takes every request for the prefix /, even those without a path', () => {
    const table = tableOf([{ route: 'all' }]);
    expect(['/', '/a/b', '//', '*', ''].map((target) => routeFor(table, target))).toEqual(Array(5).fill('all'));
  });

  it('compares exact paths whole and with case', () => {
    const table = tableOf([{ route: 'exact', matches: [{ path: '=/a/b' }] }]);
    expect(['/a/b', '/a/b/', '/A/b', '/a', '/a/b?c=d'].map((target) => routeFor(table, target))).toEqual([
      'exact',
      null,
      null,
      null,
      'exact',
    ]);
  });

  it('matches regular expressions against the whole path', () => {
    const table = tableOf([{ route: 'regex', matches: [{ path: '~/v[0-9]+' }] }]);
    expect(['/v1', '/v22', '/v1/x', '/x/v1', '/v1?q=1'].map((target) => routeFor(table, target))).toEqual([
      'regex',
      'regex',
      null,
      null,
      'regex',
    ]);
  });

  it('tries exact before regular expressions before the longest prefix', () => {
    const table = tableOf([
      { route: 'root' },
      { route: 'prefix', matches: [{ path: '/a/b' }] },
      { route: 'short-regex', matches: [{ path: '~/a/.*' }] },
      { route: 'long-regex', matches: [{ path: '~/a/b/c.*' }] },
      { route: 'exact', matches: [{ path: '=/a/b/c' }] },
    ]);
    expect(['/a/b/c', '/a/b/cd', '/a/b', '/a', '/b'].map((target) => routeFor(table, target))).toEqual([
      'exact',
      'long-regex',
      'short-regex',
      'root',
      'root',
    ]);
  });

  it('finds a deep prefix behind any number of slashes', () => {
    const table = tableOf([{ route: 'deep', matches: [{ path: '/a/b/c' }] }]);
    expect(routeFor(table, `/a/b/c${'/'.repeat(5000)}`)).toBe('deep');
    expect(routeFor(table, `${'/'.repeat(5000)}a/b/c`)).toBe(null);
  });

  it('says how much of the path its prefix took', () => {
    const table = tableOf([
      { route: 'root' },
      { route: 'foo', matches: [{ path: '/foo/' }] },
      { route: 'exact', matches: [{ path: '=/exact' }] },
    ]);
    const lengths = ['/x/y', '/foo/bar', '/exact'].map(
      (target) => table.match(plainHead({ method: 'GET', host: 'a', target, headers: [] }), '')!.matchedPrefix,
    );
    expect(lengths).toEqual([0, 4, 6]);
  });
});

describe('conditions', () => {
  it('compares methods with case', () => {
    const table = tableOf([{ route: 'post', matches: [{ method: 'POST' }] }]);
    expect(routeFor(table, '/', { method: 'POST' })).toBe('post');
    expect(routeFor(table, '/', { method: 'post' })).toBe(null);
  });

  it('ignores case in header names only, and joins repeated headers with a comma', () => {
    const table = tableOf([{ route: 'one', matches: [{ headers: ['version=one,two'] }] }]);
    expect(routeFor(table, '/', { headers: [['VERSION', 'one,two']] })).toBe('one');
    expect(
      routeFor(table, '/', {
        headers: [
          ['Version', 'one'],
          ['version', 'two'],
        ],
      }),
    ).toBe('one');
    expect(routeFor(table, '/', { headers: [['version', 'One,two']] })).toBe(null);
    expect(routeFor(table, '/')).toBe(null);
  });

  it('lets only the first of several matches for one header count', () => {
    const table = tableOf([{ route: 'first', matches: [{ headers: ['version=one', 'Version=two'] }] }]);
    expect(routeFor(table, '/', { headers: [['version', 'one']] })).toBe('first');
  });

  it('matches header expressions against the whole value', () => {
    const table = tableOf([{ route: 'regex', matches: [{ headers: ['version~v[0-9]'] }] }]);
    expect(routeFor(table, '/', { headers: [['version', 'v1']] })).toBe('regex');
    expect(routeFor(table, '/', { headers: [['version', 'v12']] })).toBe(null);
  });

  it('reads query parameters decoded, the first of a name', () => {
    const table = tableOf([{ route: 'query', matches: [{ query: ['na me=a&b 대'] }] }]);
    const value = 'a%26b+%eb%8c%80';
    const targets = [
      `/?na%20me=${value}`,
      `/?x=1&na+me=${value}&na+me=c`,
      `/?na+me=c&na+me=${value}`,
      `/?NA+ME=${value}`,
    ];
    expect(targets.map((target) => routeFor(table, target))).toEqual(['query', 'query', null, null]);
  });

  it('passes over pairs that are not well formed', () => {
    const table = tableOf([{ route: 'query', matches: [{ query: ['a=1'] }] }]);
    expect(['/?a=%zz&a=1', '/?a=2;a=1&a=1', '/?a=%1', '/?a', '/?&&a=1'].map((t) => routeFor(table, t))).toEqual([
      'query',
      'query',
      null,
      null,
      'query',
    ]);
  });

  it('matches query expressions against the whole decoded value', () => {
    const table = tableOf([{ route: 'query', matches: [{ query: ['a~[0-9]+ [a-z]+'] }] }]);
    expect(['/?a=12+ab', '/?a=12%20ab', '/?a=12+ab+', '/?a='].map((t) => routeFor(table, t))).toEqual([
      'query',
      'query',
      null,
      null,
    ]);
  });
});

describe('precedence', () => {
  it('prefers a method match, then more headers, then more query parameters', () => {
    const table = tableOf([
      { route: 'plain' },
      { route: 'query', matches: [{ query: ['a=1', 'b=1'] }] },
      { route: 'header', matches: [{ headers: ['version=one'] }] },
      { route: 'headers', matches: [{ headers: ['version=one', 'color=blue'] }] },
      { route: 'method', matches: [{ method: 'PUT' }] },
    ]);
    const one: [string, string] = ['version', 'one'];
    expect(routeFor(table, '/?a=1&b=1', { method: 'PUT', headers: [one] })).toBe('method');
    expect(routeFor(table, '/?a=1&b=1', { headers: [one, ['color', 'blue']] })).toBe('headers');
    expect(routeFor(table, '/?a=1&b=1', { headers: [one] })).toBe('header');
    expect(routeFor(table, '/?a=1&b=1')).toBe('query');
    expect(routeFor(table, '/?a=1')).toBe('plain');
  });

  it('prefers the older route, then the name, with routes of unknown age last', () => {
    const table = tableOf([
      { route: 'a/unknown' },
      { route: 'b/young', created: '2026-02-01T00:00:00Z' },
      { route: 'z/old', created: '2026-02-01T01:00:00+09:00' },
    ]);
    expect(routeFor(table, '/')).toBe('old');
    expect(routeFor(tableOf([{ route: 'b/a' }, { route: 'a/b' }]), '/')).toBe('b');
  });

  it('prefers the earlier rule and the earlier match within a route', () => {
    const first = exampleRule({ route: 'r', index: 0, matches: [{ path: '/x' }, {}] });
    const second = exampleRule({ route: 'r', index: 1 });
    const table = compileTable({
      listeners: [exampleListener('http')],
      rules: [second, first],
      plans: new PlanCache(),
    });
    expect(table.match(plainHead({ method: 'GET', host: 'a', target: '/', headers: [] }), '')!.plan.rule.index).toBe(0);
  });

  it('goes on to less specific paths where conditions do not hold', () => {
    const table = tableOf([
      { route: 'root' },
      { route: 'v2', matches: [{ path: '/v2', headers: ['version=two'] }] },
      { route: 'exact', matches: [{ path: '=/v2', method: 'PUT' }] },
    ]);
    expect(routeFor(table, '/v2')).toBe('root');
    expect(routeFor(table, '/v2', { headers: [['version', 'two']] })).toBe('v2');
  });
});

describe('hostnames', () => {
  it('prefers the exact name, then the longest wildcard, then none, whatever the case', () => {
    const table = tableOf([
      { route: 'any' },
      { route: 'com', on: ['*.com'] },
      { route: 'wild', on: ['*.example.com'] },
      { route: 'exact', on: ['www.example.com'] },
    ]);
    const hosts = ['WWW.Example.com', 'a.b.Example.COM', 'example.com', 'example.org', ''];
    expect(hosts.map((host) => routeFor(table, '/', { host }))).toEqual(['exact', 'wild', 'com', 'any', 'any']);
  });

  it('goes on to less specific hostnames where no rule of the more specific one matches', () => {
    const table = tableOf([
      { route: 'any' },
      { route: 'exact', on: ['www.example.com'], matches: [{ path: '/only' }] },
    ]);
    expect(routeFor(table, '/only')).toBe('exact');
    expect(routeFor(table, '/other')).toBe('any');
  });

  it('orders equal intersections by the route’s own hostnames', () => {
    const on = (routeHostnames: string[]) => [
      { listener: 'infra/gateway/http', hostnames: ['www.example.com'], routeHostnames },
    ];
    const table = tableOf(
      [
        { route: 'a-any', on: on(['*']) },
        { route: 'b-wild', on: on(['*.example.com']) },
        { route: 'c-exact', on: on(['www.example.com']), matches: [{ path: '/exact' }] },
      ],
      [exampleListener('http', 'www.example.com')],
    );
    expect(routeFor(table, '/exact')).toBe('c-exact');
    expect(routeFor(table, '/')).toBe('b-wild');
  });
});

describe('listeners', () => {
  const listeners = [
    exampleListener('any'),
    exampleListener('wild', '*.example.com'),
    exampleListener('deep', '*.foo.example.com'),
    exampleListener('exact', 'abc.foo.example.com'),
  ];
  const on = (name: string, hostname: string) => [{ listener: `infra/gateway/${name}`, hostnames: [hostname] }];
  const rules: ExampleRule[] = [
    { route: 'any', on: on('any', '*'), matches: [{ path: '/any' }] },
    { route: 'any-host', on: on('any', 'abc.foo.example.com'), matches: [{ path: '/any' }] },
    { route: 'wild', on: on('wild', '*.example.com'), matches: [{ path: '/wild' }] },
    { route: 'deep', on: on('deep', '*.foo.example.com'), matches: [{ path: '/deep' }] },
    { route: 'exact', on: on('exact', 'abc.foo.example.com'), matches: [{ path: '/exact' }] },
  ];

  it('serves a request from the most specific listener and no other', () => {
    const table = tableOf(rules, listeners);
    const served = ['bar.com', 'bar.example.com', 'bar.foo.example.com', 'abc.foo.example.com'].map((host) =>
      ['/any', '/wild', '/deep', '/exact'].map((target) => routeFor(table, target, { host })),
    );
    expect(served).toEqual([
      ['any', null, null, null],
      [null, 'wild', null, null],
      [null, null, 'deep', null],
      [null, null, null, 'exact'],
    ]);
  });

  it('serves listeners of several Gateways with one hostname as one', () => {
    const other = { ...exampleListener('http'), key: 'infra/other/http', gateway: 'infra/other', port: 8080 };
    const table = tableOf(
      [
        { route: 'one', on: ['*'], matches: [{ path: '/one' }] },
        { route: 'two', on: [{ listener: other.key, hostnames: ['*'] }], matches: [{ path: '/two' }] },
      ],
      [other, exampleListener('http')],
    );
    expect([routeFor(table, '/one'), routeFor(table, '/two')]).toEqual(['one', 'two']);
    const found = table.match(plainHead({ method: 'GET', host: 'a', target: '/two', headers: [] }), '')!;
    expect([found.listener, found.listenerPort]).toEqual([other.key, 8080]);
  });

  it.each([
    ['example.org', 'example.org', true],
    ['example.org', 'second-example.org', false],
    ['example.org', 'unknown-example.org', true],
    ['second-example.org', 'example.org', false],
    ['third-example.wildcard.org', 'fifth-example.wildcard.org', true],
    ['third-example.wildcard.org', 'fourth-example.wildcard.org', false],
    ['fourth-example.wildcard.org', 'fifth-example.wildcard.org', false],
    ['', 'second-example.org', true],
  ])('with SNI %s serves host %s: %s', (serverName, host, serves) => {
    const names = [undefined, 'second-example.org', '*.wildcard.org', 'fourth-example.wildcard.org'];
    const https = names.map((hostname, i) => exampleListener(`https-${i}`, hostname));
    const table = tableOf([], https);
    expect(table.serves(plainHead({ method: 'GET', host, target: '/', headers: [] }), serverName)).toBe(serves);
  });

  it('answers 404, not 421, where no listener takes the host', () => {
    const table = tableOf([], [exampleListener('http', 'a.example.com')]);
    const head = plainHead({ method: 'GET', host: 'b.example.com', target: '/', headers: [] });
    expect([table.serves(head, 'a.example.com'), table.match(head, 'a.example.com')]).toEqual([true, null]);
  });
});

describe('plans', () => {
  const listeners = [exampleListener('http')];

  it('are kept while their rules stay equal', () => {
    const plans = new PlanCache();
    const rule = exampleRule({ route: 'a' });
    const plan = plans.plan(rule);
    expect(plans.plan(rule)).toBe(plan);
    expect(plans.plan(structuredClone(rule))).toBe(plan);
    expect(plans.plan({ ...rule, name: 'other' })).not.toBe(plan);
  });

  it('are refused where a regular expression is not RE2 syntax, and the last good one stays', () => {
    const plans = new PlanCache();
    const good = exampleRule({ route: 'a' });
    const plan = plans.plan(good);
    const bad = exampleRule({ route: 'a', matches: [{ path: '~/a(' }] });
    expect(() => plans.plan(bad)).toThrow(expect.objectContaining({ code: 'DMN_CONFIG_INVALID' }));
    expect(plans.plan(good)).toBe(plan);
  });

  it('of broken rules answer nothing themselves', () => {
    const filters = [{ type: 'RequestRedirect' as const, statusCode: 302 as const }];
    const plan = new PlanCache().plan(exampleRule({ route: 'a', filters, broken: 'unknown filter' }));
    expect([plan.filters, plan.backends]).toEqual([null, []]);
  });

  it('are forgotten with their rules', () => {
    const plans = new PlanCache();
    const rule = exampleRule({ route: 'a' });
    const plan = plans.plan(rule);
    compileTable({ listeners, rules: [rule], plans });
    plans.serve(rule.key, undefined);
    expect(plans.plan(rule)).not.toBe(plan);
  });

  it('put the patches of a backend after those of its rule', () => {
    const modifier = (value: string) => ({
      type: 'RequestHeaderModifier' as const,
      set: [{ name: 'x', value }],
      add: [],
      remove: [],
    });
    const backends = [{ backend: 'infra/s:80', weight: 1, filters: [modifier('backend')] }];
    const plan = new PlanCache().plan(exampleRule({ route: 'a', filters: [modifier('rule')], backends }));
    expect(plan.requestPatch.text).toBe('x: rule\r\n');
    expect(plan.backends[0]!.requestPatch.text).toBe('x: backend\r\n');
  });
});

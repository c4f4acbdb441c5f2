import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Listener, RouteRule } from '../../config/index.ts';
import { ruleOf } from './rig.suite.ts';
import { compileSniTable, HostnameTable } from './sni-table.ts';

function listener(name: string, more: Partial<Listener> = {}): Listener {
  const tls = { mode: 'Passthrough' as const, certificates: [] };
  return {
    kind: 'Listener',
    key: `ns/gw/${name}`,
    gateway: 'ns/gw',
    name,
    addresses: [],
    port: 443,
    protocol: 'TLS',
    tls,
    ...more,
  };
}

function tlsRoute(
  name: string,
  hostnames: string[],
  more: Partial<RouteRule> & { listeners?: string[] } = {},
): RouteRule {
  const { listeners = ['ns/gw/any'], ...rest } = more;
  return ruleOf({
    route: { kind: 'TLSRoute', namespace: 'ns', name },
    attachments: listeners.map((key) => ({ listener: key, hostnames })),
    ...rest,
  });
}

function table(listeners: Listener[], rules: RouteRule[]) {
  const planOf = (rule: RouteRule, key: string) => ({ listener: key, route: rule.route.name, next: () => undefined });
  const compiled = compileSniTable({ listeners, rules, planOf });
  return (name: string) => {
    const choice = compiled.choose(name);
    return choice === null ? null : `${choice.listener.name} ${choice.mode} ${choice.plan?.route ?? 'http'}`;
  };
}

describe('the choice by server name', () => {
  it('takes exact before wildcard, the longer wildcard first, and any last', () => {
    const choose = table(
      [listener('any')],
      [
        tlsRoute('everything', ['*']),
        tlsRoute('short', ['*.example.com']),
        tlsRoute('long', ['*.b.example.com']),
        tlsRoute('exact', ['a.b.example.com']),
      ],
    );
    expect(choose('a.b.example.com')).toBe('any Passthrough exact');
    expect(choose('x.b.example.com')).toBe('any Passthrough long');
    expect(choose('x.y.b.example.com')).toBe('any Passthrough long');
    expect(choose('b.example.com')).toBe('any Passthrough short');
    expect(choose('example.com')).toBe('any Passthrough everything');
    expect(choose('')).toBe('any Passthrough everything');
  });

  it('finds nothing where no hostname fits', () => {
    const choose = table([listener('any')], [tlsRoute('a', ['a.example.com', '*.b.example.com'])]);
    for (const name of ['', 'b.example.com', 'xb.example.com', 'example.com', 'a.example.com.evil.com']) {
      expect(choose(name)).toBeNull();
    }
  });

  it('takes the most specific listener first, and looks at its routes only', () => {
    const listeners = [listener('any'), listener('app', { hostname: 'app.example.com' })];
    const choose = table(listeners, [
      tlsRoute('everything', ['*']),
      tlsRoute('app', ['other.example.com'], { listeners: ['ns/gw/app'] }),
    ]);
    expect(choose('x.example.com')).toBe('any Passthrough everything');
    expect(choose('app.example.com')).toBeNull();
  });

  it('serves Passthrough, Terminate and HTTPS on one port', () => {
    const terminate = { mode: 'Terminate' as const, certificates: ['ns/cert'] };
    const listeners = [
      listener('pass', { hostname: '*.pass.example.com' }),
      listener('term', { hostname: '*.term.example.com', tls: terminate }),
      listener('web', { hostname: 'www.example.com', protocol: 'HTTPS', tls: terminate }),
    ];
    const choose = table(listeners, [
      tlsRoute('p', ['*.pass.example.com'], { listeners: ['ns/gw/pass'] }),
      tlsRoute('t', ['db.term.example.com'], { listeners: ['ns/gw/term'] }),
    ]);
    expect(choose('a.pass.example.com')).toBe('pass Passthrough p');
    expect(choose('db.term.example.com')).toBe('term Terminate t');
    expect(choose('other.term.example.com')).toBeNull();
    expect(choose('www.example.com')).toBe('web Terminate http');
  });

  it('gives a hostname that two routes ask for to the older one, then to the first by name', () => {
    const older = { created: '2024-01-01T00:00:00Z' };
    const newer = { created: '2024-06-01T00:00:00Z' };
    const host = ['a.example.com'];
    expect(table([listener('any')], [tlsRoute('a', host, newer), tlsRoute('b', host, older)])('a.example.com')).toMatch(
      /b$/,
    );
    expect(table([listener('any')], [tlsRoute('b', host), tlsRoute('a', host)])('a.example.com')).toMatch(/a$/);
    expect(table([listener('any')], [tlsRoute('a', host), tlsRoute('b', host, older)])('a.example.com')).toMatch(/b$/);
  });

  it('prefers the more specific route where the listener narrows two to the same name', () => {
    const narrow = [listener('app', { hostname: 'app.example.com' })];
    const attach = (own: string) => [{ listener: 'ns/gw/app', hostnames: ['app.example.com'], routeHostnames: [own] }];
    const wide = tlsRoute('wide', [], { attachments: attach('*.example.com'), created: '2020-01-01T00:00:00Z' });
    const exact = tlsRoute('exact', [], { attachments: attach('app.example.com'), created: '2024-01-01T00:00:00Z' });
    expect(table(narrow, [wide, exact])('app.example.com')).toMatch(/exact$/);
  });

  it('ignores routes of other kinds and of other listeners', () => {
    const tcp = ruleOf({
      route: { kind: 'TCPRoute', namespace: 'ns', name: 'tcp' },
      attachments: [{ listener: 'ns/gw/any', hostnames: ['*'] }],
    });
    const choose = table([listener('any')], [tcp, tlsRoute('other', ['*'], { listeners: ['ns/gw/other'] })]);
    expect(choose('a.example.com')).toBeNull();
  });
});

describe('a TCPRoute', () => {
  it('takes what a listener that ends TLS has no TLSRoute for', () => {
    const terminate = { mode: 'Terminate' as const, certificates: ['ns/cert'] };
    const tcp = ruleOf({
      route: { kind: 'TCPRoute', namespace: 'ns', name: 'tcp' },
      attachments: [
        { listener: 'ns/gw/term', hostnames: ['*.example.com'] },
        { listener: 'ns/gw/pass', hostnames: ['*'] },
      ],
    });
    const choose = table(
      [listener('term', { hostname: '*.example.com', tls: terminate }), listener('pass')],
      [tcp, tlsRoute('named', ['a.example.com'], { listeners: ['ns/gw/term'] })],
    );
    expect(choose('a.example.com')).toBe('term Terminate named');
    expect(choose('b.example.com')).toBe('term Terminate tcp');
    expect(choose('b.example.org')).toBeNull();
  });
});

describe('a hostname table', () => {
  it('agrees with a search through all hostnames', () => {
    const label = fc.constantFrom('a', 'b', 'c');
    const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
    const hostname = fc.oneof(
      name,
      name.map((text) => `*.${text}`),
      fc.constant('*'),
    );
    fc.assert(
      fc.property(fc.uniqueArray(hostname, { maxLength: 12 }), name, (hostnames, asked) => {
        const index = new HostnameTable<string>();
        for (const each of hostnames) index.add(each, each);
        const wildcards = hostnames.filter((each) => each.startsWith('*.') && asked.endsWith(each.slice(1)));
        const longest = wildcards.sort((a, b) => b.length - a.length)[0];
        const exact = hostnames.find((each) => each === asked);
        expect(index.find(asked)).toBe(exact ?? longest ?? hostnames.find((each) => each === '*'));
      }),
    );
  });
});

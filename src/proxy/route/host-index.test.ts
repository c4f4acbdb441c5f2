import { describe, expect, it } from 'vitest';
import { HostIndex } from './host-index.ts';
import { plainHead } from './index.ts';

const index = new HostIndex(new Map(['*', '*.com', '*.example.com', 'example.com'].map((name) => [name, name])));

const headFor = (host: string) => plainHead({ method: 'GET', host, target: '/', headers: [] });

describe('HostIndex', () => {
  it.each([
    ['example.com', ['example.com', '*.com', '*']],
    ['EXAMPLE.com', ['example.com', '*.com', '*']],
    ['a.b.example.com', ['*.example.com', '*.com', '*']],
    ['notexample.com', ['*.com', '*']],
    ['.com', ['*']],
    ['com', ['*']],
    ['*.example.com', ['*.example.com', '*.com', '*']],
    ['192.0.2.1', ['*']],
    ['', ['*']],
  ])('gives for %j, the most specific first, %j', (host, names) => {
    const found: string[] = [];
    const count = index.collect(headFor(host), found);
    expect(found.slice(0, count)).toEqual(names);
    expect(index.first(headFor(host))).toBe(names[0]);
    expect(index.named(host.toLowerCase())).toBe(names[0]);
  });

  it('reads no more of a host than a hostname can have', () => {
    const host = `${'a.'.repeat(10_000)}example.com`;
    expect(index.first(headFor(host))).toBe('*.example.com');
  });

  it('gives nothing where nothing takes the host', () => {
    const only = new HostIndex(new Map([['a.example', 1]]));
    expect([only.first(headFor('b.example')), only.named('b.example'), only.collect(headFor(''), [])]).toEqual([
      undefined,
      undefined,
      0,
    ]);
  });
});

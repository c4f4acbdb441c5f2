import { describe, expect, it } from 'vitest';
import { HostIndex, nextIndex } from './host-index.ts';
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

  it('is the same in many steps as in one', () => {
    const names = Array.from({ length: 1000 }, (_, i) => (i % 3 === 0 ? `*.h${i}.example` : `h${i}.example`));
    const first = new HostIndex(new Map(names.map((name) => [name, 'first'])));
    const changes = new Map(names.slice(100).map((name, i) => [name, i % 2 === 0 ? undefined : 'second']));
    const steps = nextIndex(changes, first);
    let stops = 0;
    let next = steps.next();
    for (; !next.done; next = steps.next()) stops++;
    expect(stops).toBe(3);
    const whole = new HostIndex(changes, first);
    expect(names.map((name) => next.value!.at(name))).toEqual(names.map((name) => whole.at(name)));
    expect(next.value!.names().sort()).toEqual(whole.names().sort());
    expect(first.names()).toHaveLength(1000);
  });
});

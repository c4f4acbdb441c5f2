import { describe, expect, it } from 'vitest';
import type { PathModifier } from '../../config/index.ts';
import { type Asked, describeFilter, run } from './filter.suite.ts';
import { compileFilter } from './registry.ts';

const rewrite = (path: PathModifier, asked: Asked) => run(compileFilter({ type: 'URLRewrite', path }), asked).target;

describeFilter(
  { type: 'URLRewrite', hostname: 'example.org', path: { type: 'ReplacePrefixMatch', value: '/b' } },
  { target: '/a/c', prefix: 2 },
);

describe('URLRewrite', () => {
  // The table of the spec; the matched prefix is /foo in every line.
  it.each([
    ['/foo/bar', '/xyz', '/xyz/bar'],
    ['/foo/bar', '/xyz/', '/xyz/bar'],
    ['/foo', '/xyz', '/xyz'],
    ['/foo/', '/xyz', '/xyz/'],
    ['/foo/bar', '', '/bar'],
    ['/foo/', '', '/'],
    ['/foo', '', '/'],
    ['/foo/', '/', '/'],
    ['/foo', '/', '/'],
    ['/foo?a=/foo', '/', '/?a=/foo'],
    ['/foo//bar', '/', '//bar'],
  ])('makes %s with the prefix replaced by %j into %s', (target, value, expected) => {
    expect(rewrite({ type: 'ReplacePrefixMatch', value }, { target, prefix: 4 })).toBe(expected);
  });

  it('puts a prefix before the whole path where the match was /', () => {
    const modifier = { type: 'ReplacePrefixMatch', value: '/v1' } as const;
    expect(['/a', '/'].map((target) => rewrite(modifier, { target, prefix: 0 }))).toEqual(['/v1/a', '/v1/']);
  });

  it('replaces the whole path and keeps the query', () => {
    const modifier = { type: 'ReplaceFullPath', value: '/one' } as const;
    expect(rewrite(modifier, { target: '/full/one/two?a=b', prefix: 9 })).toBe('/one?a=b');
  });

  it('sets the host alone where only that is asked', () => {
    const { authority, target } = run(compileFilter({ type: 'URLRewrite', hostname: 'example.org' }), { target: '/a' });
    expect([authority, target]).toEqual(['example.org', '']);
  });

  it('cannot be made to send a line end or a space', () => {
    const modifier = { type: 'ReplaceFullPath', value: '/a b\r\nX: 1' } as const;
    expect(rewrite(modifier, {})).toBe('/a%20b%0D%0AX:%201');
  });
});

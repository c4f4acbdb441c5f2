import { describe, expect, it } from 'vitest';
import type { RedirectFilter } from '../../config/index.ts';
import { type Asked, describeFilter, run } from './filter.suite.ts';
import { compileFilter } from './registry.ts';

function redirect(filter: Partial<RedirectFilter>, asked: Asked = {}) {
  return run(compileFilter({ type: 'RequestRedirect', statusCode: 302, ...filter }), asked);
}

const location = (filter: Partial<RedirectFilter>, asked?: Asked) => redirect(filter, asked).answered('Location');

describeFilter({ type: 'RequestRedirect', statusCode: 302, scheme: 'https' }, { target: '/a/b' });

describe('RequestRedirect', () => {
  it.each([301, 302, 303, 307, 308] as const)('answers %i', (statusCode) => {
    expect(redirect({ statusCode }).answer?.status).toBe(statusCode);
  });

  it('keeps of the request what the filter does not replace', () => {
    expect(location({}, { target: '/a%2Fb?c=d&e=%20' })).toBe('http://www.example.com/a%2Fb?c=d&e=%20');
    expect(location({ hostname: 'example.org' }, { scheme: 'https', port: 443 })).toBe('https://example.org/');
  });

  // Columns: scheme of the filter, port of the filter, scheme of the request, port of the listener.
  it.each([
    [undefined, undefined, 'http', 80, 'http://www.example.com/'],
    [undefined, 80, 'http', 80, 'http://www.example.com/'],
    [undefined, 8080, 'http', 80, 'http://www.example.com:8080/'],
    ['https', undefined, 'http', 80, 'https://www.example.com/'],
    ['https', 443, 'http', 80, 'https://www.example.com/'],
    ['https', 8443, 'http', 80, 'https://www.example.com:8443/'],
    [undefined, undefined, 'http', 8080, 'http://www.example.com:8080/'],
    [undefined, 80, 'http', 8080, 'http://www.example.com/'],
    ['https', undefined, 'http', 8080, 'https://www.example.com/'],
    [undefined, undefined, 'https', 443, 'https://www.example.com/'],
    [undefined, 8443, 'https', 443, 'https://www.example.com:8443/'],
    ['http', undefined, 'https', 443, 'http://www.example.com/'],
    ['http', 8080, 'https', 443, 'http://www.example.com:8080/'],
    [undefined, undefined, 'https', 8443, 'https://www.example.com:8443/'],
    [undefined, 80, 'https', 443, 'https://www.example.com:80/'],
  ] as const)(
    'with scheme %s and port %s, asked by %s on port %i, goes to %5$s',
    (scheme, port, from, on, expected) => {
      expect(location({ scheme, port }, { scheme: from, port: on })).toBe(expected);
    },
  );

  it('replaces the prefix or the whole path and keeps the query', () => {
    const prefix = { type: 'ReplacePrefixMatch', value: '/new' } as const;
    expect(location({ path: prefix }, { target: '/old/lemon?a=1', prefix: 4 })).toBe(
      'http://www.example.com/new/lemon?a=1',
    );
    const full = { type: 'ReplaceFullPath', value: '/new' } as const;
    expect(location({ path: full }, { target: '/old/lemon?a=1', prefix: 4 })).toBe('http://www.example.com/new?a=1');
  });

  it('encodes what may not stand in a Location', () => {
    const path = { type: 'ReplaceFullPath', value: '/대 문?"<#%20' } as const;
    expect(location({ path })).toBe('http://www.example.com/%EB%8C%80%20%EB%AC%B8%3F%22%3C%23%20');
    expect(location({}, { target: '/"<x>"?a="<?' })).toBe('http://www.example.com/%22%3Cx%3E%22?a=%22%3C?');
  });

  it('goes to the root for a target without a path', () => {
    expect(location({}, { method: 'OPTIONS', target: '*' })).toBe('http://www.example.com/');
  });

  it('answers 400 where neither the request nor the filter names a host', () => {
    expect(redirect({}, { host: '' }).answer?.status).toBe(400);
    expect(location({ hostname: 'example.org' }, { host: '' })).toBe('http://example.org/');
  });
});

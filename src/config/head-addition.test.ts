import { describe, expect, it } from 'vitest';
import { additionFault, headAddition, MAX_ADDED_BYTES } from './head-addition.ts';
import type { Filter } from './index.ts';

const modifier = (value: string, type: 'RequestHeaderModifier' | 'ResponseHeaderModifier'): Filter => ({
  type,
  set: [{ name: 'x-a', value }],
  add: [],
  remove: ['x-b'],
});
const OF_LINE = 'x-a: \r\n'.length;

describe('what filters add to a head', () => {
  it('is counted in bytes, as lines of the request or of the response', () => {
    expect(headAddition([modifier('é', 'RequestHeaderModifier')])).toEqual({ request: OF_LINE + 2, response: 0 });
    expect(headAddition([modifier('ab', 'ResponseHeaderModifier')])).toEqual({ request: 0, response: OF_LINE + 2 });
  });

  it('holds paths with all of their characters escaped, and what CORS answers', () => {
    const path = { type: 'ReplaceFullPath' as const, value: '/é' };
    expect(headAddition([{ type: 'URLRewrite', hostname: 'a.b', path }])).toEqual({ request: 12, response: 0 });
    const redirect: Filter = { type: 'RequestRedirect', hostname: 'a.b', path, statusCode: 302 };
    expect(headAddition([redirect])).toEqual({ request: 0, response: 12 });
    const cors = (allowHeaders: string[]): Filter => ({
      type: 'CORS',
      allowOrigins: ['*'],
      allowCredentials: false,
      allowMethods: [],
      allowHeaders,
      exposeHeaders: [],
      maxAge: 5,
    });
    const without = headAddition([cors([])]).response;
    expect(headAddition([cors(['x-abc'])])).toEqual({ request: 0, response: without + 7 });
  });

  it('may be MAX_ADDED_BYTES for requests and as much for responses, all lists together, and not one byte more', () => {
    const most = 'v'.repeat(MAX_ADDED_BYTES - OF_LINE);
    const both = [modifier(most, 'RequestHeaderModifier'), modifier(most, 'ResponseHeaderModifier')];
    expect(additionFault(both)).toBe(undefined);
    expect(additionFault([modifier(`${most}v`, 'RequestHeaderModifier')])).toContain(
      '65537 bytes to the head of a request',
    );
    const half = 'v'.repeat(MAX_ADDED_BYTES / 2 - OF_LINE);
    const rule = [modifier(half, 'ResponseHeaderModifier')];
    expect(additionFault(rule, rule)).toBe(undefined);
    expect(additionFault(rule, [modifier(`${half}v`, 'ResponseHeaderModifier')])).toContain('head of a response');
  });
});

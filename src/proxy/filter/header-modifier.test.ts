import { describe, expect, it } from 'vitest';
import { describeFilter, run } from './filter.suite.ts';
import { compileFilter, compileFilters } from './registry.ts';

const changes = { set: [{ name: 'X-Set', value: '1' }], add: [], remove: ['X-Gone'] };

describeFilter({ type: 'RequestHeaderModifier', ...changes }, {});
describeFilter({ type: 'ResponseHeaderModifier', ...changes }, {});

describe('header modifiers', () => {
  it('patch the request or the response', () => {
    const request = run(compileFilter({ type: 'RequestHeaderModifier', ...changes }), {});
    expect([request.requestPatch.text, request.responsePatch.text]).toEqual(['X-Set: 1\r\n', '']);
    const response = run(compileFilter({ type: 'ResponseHeaderModifier', ...changes }), {});
    expect([response.requestPatch.text, response.responsePatch.text]).toEqual(['', 'X-Set: 1\r\n']);
  });

  it('fold into patches, so that nothing of them runs per request', () => {
    const folded = compileFilters([
      { type: 'RequestHeaderModifier', ...changes },
      { type: 'ResponseHeaderModifier', ...changes },
    ]);
    expect([folded.requestPatch.text, folded.responsePatch.text, folded.filters]).toEqual([
      'X-Set: 1\r\n',
      'X-Set: 1\r\n',
      null,
    ]);
  });
});

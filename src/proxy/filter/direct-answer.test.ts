import { expect, test } from 'vitest';
import type { DirectAnswerFilter } from '../../config/index.ts';
import { describeFilter, RecordedScope } from './filter.suite.ts';
import { compileFilter } from './registry.ts';

const FILTER: DirectAnswerFilter = {
  type: 'DirectAnswer',
  status: 200,
  contentType: 'text/plain',
  body: 'token.thumb',
};

describeFilter(FILTER, { target: '/.well-known/acme-challenge/token' });

test('it answers with what it holds', () => {
  const scope = new RecordedScope({ target: '/' });
  compileFilter(FILTER).onRequest(scope);
  expect(scope.answer).toEqual({ status: 200, headers: [['Content-Type', 'text/plain']], body: 'token.thumb' });
});

test('a content type that would end its line is refused', () => {
  expect(() => compileFilter({ ...FILTER, contentType: 'a\r\nb: c' })).toThrow(/DirectAnswer: contentType/);
});

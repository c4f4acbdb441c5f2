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

test('a 426 says to what, but over HTTP/2, which has no such lines', () => {
  const answered = (protocol: string) => {
    const scope = new RecordedScope({ target: '/' });
    scope.client.protocol = protocol;
    compileFilter({ ...FILTER, status: 426 }).onRequest(scope);
    return scope.answer?.headers;
  };
  const type = ['Content-Type', 'text/plain'];
  expect(answered('HTTP/1.1')).toEqual([type, ['Upgrade', 'TLS/1.2, HTTP/1.1'], ['Connection', 'Upgrade']]);
  expect(answered('HTTP/2.0')).toEqual([type]);
});

import { expect, test } from 'vitest';
import { StreamChain, type StreamFilter, type StreamRefusal } from './stream-filter.ts';

const ARRIVAL = { clientAddress: '192.0.2.1', listener: 'd/g/l', route: 'TCPRoute/d/t/0' };

function filter(type: string, more: Partial<StreamFilter> & { says?: StreamRefusal | '' } = {}): StreamFilter {
  const { says = '', ...rest } = more;
  return { type, step: 'address-access', yields: true, onStream: () => says, ...rest };
}

test('the first that refuses decides, and what those before it hold is given back', () => {
  const ended: string[] = [];
  const holding = filter('a', {
    onStream: (_arrival, pass) => {
      pass.atEnd(() => ended.push('a'));
      return '';
    },
  });
  const pass = StreamChain.of([holding, filter('b', { says: 'rate_limited' })], [])!.judge(ARRIVAL);
  expect([pass.refusal, ended]).toEqual(['rate_limited', ['a']]);
});

test('what one that was let in holds is given back once, at its end', () => {
  let ended = 0;
  const holding = filter('a', {
    onStream: (_arrival, held) => {
      held.atEnd(() => ended++);
      return '';
    },
  });
  const pass = StreamChain.of([], [holding])!.judge(ARRIVAL);
  expect([pass.refusal, ended]).toEqual(['', 0]);
  pass.end();
  pass.end();
  expect(ended).toBe(1);
});

test('a guard that fails has not let it in', () => {
  const failing = filter('a', {
    onStream: () => {
      throw new Error('broken');
    },
  });
  expect(StreamChain.of([failing], [])!.judge(ARRIVAL).refusal).toBe('filter_failed');
});

test("a listener's default gives way to one of its type of the rule, and to no other", () => {
  const typesOf = (listener: StreamFilter[], rule: StreamFilter[]): string[] =>
    StreamChain.of(listener, rule)!.filters.map(({ type, yields }) => `${type}${yields ? '' : '!'}`);
  expect(typesOf([filter('a'), filter('b')], [filter('a')])).toEqual(['b', 'a']);
  expect(typesOf([filter('a', { yields: false })], [filter('a')])).toEqual(['a!', 'a']);
  expect(typesOf([filter('a')], [filter('a', { yields: false })])).toEqual(['a', 'a!']);
  expect(StreamChain.of([], [])).toBeNull();
});

test('access comes before limits, wherever they are attached', () => {
  const chain = StreamChain.of([filter('limit', { step: 'request-limits' })], [filter('access')])!;
  expect(chain.filters.map(({ type }) => type)).toEqual(['access', 'limit']);
});

import { expect, test } from 'vitest';
import { StatusQueue } from './status-queue.ts';

const free = (): boolean => false;

function taken(queue: StatusQueue, count: number): Array<string | undefined> {
  return Array.from({ length: count }, () => queue.take(free));
}

test('namespaces take turns, whatever one of them has waiting, and each keeps its order', () => {
  const queue = new StatusQueue();
  for (let at = 0; at < 1000; at++) queue.add(`HTTPRoute/red/${at}`, 1);
  queue.add('HTTPRoute/blue/a', 1);
  queue.add('HTTPRoute/blue/b', 1);
  queue.add('HTTPRoute/green/a', 1);
  expect(taken(queue, 7).map((key) => key?.slice('HTTPRoute/'.length))).toEqual([
    ...['red/0', 'blue/a', 'green/a'],
    ...['red/1', 'blue/b', 'red/2', 'red/3'],
  ]);
});

test('ranks come before turns; what is busy is passed over and stays', () => {
  const queue = new StatusQueue();
  queue.add('HTTPRoute/red/a', 1);
  queue.add('HTTPRoute/blue/gone', 2);
  queue.add('Gateway/red/g', 0);
  queue.add('GatewayClass//any', 0);
  expect(queue.take((key) => key === 'Gateway/red/g')).toBe('GatewayClass//any');
  expect(taken(queue, 4)).toEqual(['Gateway/red/g', 'HTTPRoute/red/a', 'HTTPRoute/blue/gone', undefined]);
});

test('a key is there once, with the rank that it was given last, and goes when it is deleted', () => {
  const queue = new StatusQueue();
  queue.add('HTTPRoute/red/a', 2);
  queue.add('HTTPRoute/red/a', 1);
  queue.add('HTTPRoute/red/a', 1);
  queue.add('HTTPRoute/red/b', 1);
  queue.delete('HTTPRoute/red/b');
  expect([queue.has('HTTPRoute/red/a'), queue.has('HTTPRoute/red/b')]).toEqual([true, false]);
  expect(taken(queue, 2)).toEqual(['HTTPRoute/red/a', undefined]);
});

import { describe, expect, test } from 'vitest';
import { type Arrival, ConnectionChain, type ConnectionFilter } from './connection.ts';
import { ConnectionLimit } from './connection-limit.ts';

const ARRIVAL: Arrival = { remoteAddress: '192.0.2.1', remotePort: 1, localAddress: '192.0.2.2', localPort: 80 };
const NO = { reason: 'no', status: 403, message: 'no' } as const;

function filter(name: string, told: string[], more: Partial<ConnectionFilter> = {}): ConnectionFilter {
  return {
    type: name,
    step: 'client-connections',
    onConnection: () => {
      told.push(name);
      return null;
    },
    onEnd: () => void told.push(`${name} end`),
    ...more,
  };
}

describe('the filters of connections', () => {
  test('are asked in the order of their steps, and hear of the end', () => {
    const told: string[] = [];
    const chain = ConnectionChain.of([filter('a', told), filter('b', told, { step: 'connection-limits' })])!;
    expect(chain.admit(ARRIVAL)).toBeNull();
    expect(chain.ending).toBe(true);
    chain.end(ARRIVAL);
    expect(told).toEqual(['b', 'a', 'b end', 'a end']);
  });

  test('are not asked once one has refused; those before it hear of the end', () => {
    const told: string[] = [];
    const chain = ConnectionChain.of([
      filter('a', told),
      filter('b', told, { onConnection: () => NO }),
      filter('c', told),
    ])!;
    expect(chain.admit(ARRIVAL)).toBe(NO);
    expect(told).toEqual(['a', 'a end']);
  });

  test('let nothing in where one throws, and all hear of the end where one throws', () => {
    const told: string[] = [];
    const fail = (): never => {
      throw new Error('fault');
    };
    const chain = ConnectionChain.of([filter('a', told, { onEnd: fail }), filter('b', told)])!;
    chain.end(ARRIVAL);
    expect(told).toEqual(['b end']);
    expect(ConnectionChain.of([filter('a', told, { onConnection: fail })])!.admit(ARRIVAL)).toMatchObject({
      reason: 'filter_failed',
      status: 503,
    });
  });

  test('are none where there are none', () => {
    expect(ConnectionChain.of([])).toBeNull();
    const limit = new ConnectionLimit(1, () => 0);
    expect(ConnectionChain.of([limit])!.ending).toBe(false);
  });
});

test('a limit lets in as many as it says', () => {
  let count = 0;
  const limit = new ConnectionLimit(2, () => count);
  for (count = 0; count < 4; count++) expect(limit.onConnection() === null).toBe(count < 2);
});

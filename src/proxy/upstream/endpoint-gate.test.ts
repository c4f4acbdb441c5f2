import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { EndpointGate } from './endpoint-gate.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const ADDRESS = '192.0.2.1';
const NEXT = '192.0.2.2';

/** A gateway that listens on port 80 of all addresses; `machine` says which those are. */
function gate(machine: () => string[]) {
  const made = new EndpointGate({ loopbackEndpoints: 'allowed', loopbackNames: 'refused' }, () => ({
    eth0: machine().map((address) => ({ address })) as never,
  }));
  made.own = [{ transport: 'tcp', address: '0.0.0.0', port: 80, what: 'its listener' }];
  return (address: string) => made.faultOf({ address, port: 80, transport: 'tcp', named: false });
}

test('an address that the machine has got is its own, whatever becomes of the time of day', () => {
  let machine = [ADDRESS];
  const faultOf = gate(() => machine);
  expect([faultOf(ADDRESS), faultOf(NEXT)]).toEqual(['is its listener', undefined]);
  machine = [NEXT];
  vi.setSystemTime(Date.now() - 3_600_000);
  vi.advanceTimersByTime(10_000);
  expect([faultOf(ADDRESS), faultOf(NEXT)]).toEqual([undefined, 'is its listener']);
});

test('where nobody can say what the machine has, what was known counts, and else everything is its own', () => {
  let isPoor = true;
  const faultOf = gate(() => {
    if (isPoor) throw new Error('EMFILE');
    return [ADDRESS];
  });
  expect(faultOf(NEXT)).toBe('is its listener');
  isPoor = false;
  expect([faultOf(ADDRESS), faultOf(NEXT)]).toEqual(['is its listener', undefined]);
  isPoor = true;
  vi.advanceTimersByTime(10_000);
  expect([faultOf(ADDRESS), faultOf(NEXT)]).toEqual(['is its listener', undefined]);
});

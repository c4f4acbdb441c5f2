import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ConnectTarget, DISCARD, type Sink } from '../ground/driver.ts';
import { MemoryDriver } from '../listen/index.ts';
import {
  type Asked,
  EndpointGate,
  type GateRules,
  GuardedDriver,
  INTERFACES_TTL,
  type OwnSocket,
} from './endpoint-gate.ts';

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

/** What is refused of what is asked about; the rest of the question is a TCP endpoint of a slice. */
function rules(more: Partial<GateRules> = {}, own: OwnSocket[] = []) {
  const made = new EndpointGate({ loopbackEndpoints: 'allowed', loopbackNames: 'refused', ...more }, () => ({
    eth0: [{ address: ADDRESS }, { address: '2001:DB8::1' }] as never,
    none: undefined as never,
  }));
  made.own = own;
  return (address: string, asked: Partial<Asked> = {}) =>
    made.faultOf({ address, port: 80, transport: 'tcp', named: false, ...asked });
}

test('what is no address is none, though one with a zone is', () => {
  const faultOf = rules();
  expect(faultOf('cart.shop')).toBe('is no address');
  expect(faultOf('')).toBe('is no address');
  expect(faultOf('2001:db8::7%eth0')).toBeUndefined();
});

test('the machine itself may be an endpoint, and a name that leads to it, each where it is said so', () => {
  expect([rules()('127.0.0.1'), rules()('127.0.0.1', { named: true })]).toEqual([undefined, expect.any(String)]);
  const other = rules({ loopbackEndpoints: 'refused', loopbackNames: 'allowed' });
  expect([other('::1'), other('::1', { named: true })]).toEqual([expect.any(String), undefined]);
});

describe('a socket of the gateway', () => {
  const socket = (address: string): OwnSocket => ({ transport: 'tcp', address, port: 80, what: 'its admin API' });

  test('is none of its endpoints, on its address, port and transport, however that is written', () => {
    const faultOf = rules({}, [{ ...socket(ADDRESS), port: 81 }, socket('2001:db8::5')]);
    expect(faultOf('2001:0DB8::0005')).toBe('is its admin API');
    expect(faultOf('2001:db8::5', { port: 8080 })).toBeUndefined();
    expect(faultOf('2001:db8::5', { transport: 'udp' })).toBeUndefined();
    expect(faultOf(ADDRESS)).toBeUndefined();
    expect(faultOf('127.0.0.1')).toBeUndefined();
  });

  test.each(['0.0.0.0', '::'])('on %s is on all addresses of the machine', (address) => {
    const faultOf = rules({}, [socket(address)]);
    const asked = [ADDRESS, '2001:db8::1', '127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'];
    expect(asked.map((one) => faultOf(one))).toEqual(asked.map(() => 'is its admin API'));
    expect(faultOf(NEXT)).toBeUndefined();
  });
});

test('the machine’s addresses are believed for a while', () => {
  let looks = 0;
  const faultOf = gate(() => {
    looks++;
    return [ADDRESS];
  });
  faultOf(NEXT);
  vi.advanceTimersByTime(INTERFACES_TTL - 1);
  faultOf(NEXT);
  expect(looks).toBe(1);
  vi.advanceTimersByTime(1);
  faultOf(NEXT);
  expect(looks).toBe(2);
});

describe('a connection', () => {
  test('is not made to what is refused by then, and whoever wants it is told why', async () => {
    const below = new MemoryDriver();
    const refusing = new EndpointGate({ loopbackEndpoints: 'refused', loopbackNames: 'allowed' });
    const closed = vi.fn();
    const sink: Sink = { ...DISCARD, onClose: closed };
    const link = new GuardedDriver(below, refusing).connect({ address: '127.0.0.1', port: 80 } as ConnectTarget, sink);
    expect(link.send('anything')).toBe(true);
    expect(closed).not.toHaveBeenCalled();
    await Promise.resolve();
    expect(closed).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'EACCES' }));
    expect(String(closed.mock.calls[0]![0])).toMatch(/^Error: 127\.0\.0\.1 is /);
    expect(below.opened).toEqual([]);
  });

  test('is made to all else', () => {
    const below = new MemoryDriver();
    const target = { address: '10.0.0.1', port: 80 } as ConnectTarget;
    const link = new GuardedDriver(
      below,
      new EndpointGate({ loopbackEndpoints: 'refused', loopbackNames: 'refused' }),
    ).connect(target, DISCARD);
    expect(below.opened.map((one) => one.target)).toEqual([target]);
    expect(below.opened[0]!.link).toBe(link);
  });
});

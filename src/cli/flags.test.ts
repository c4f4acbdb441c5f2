import { expect, test } from 'vitest';
import { hostPort, ipAddress, isLoopback, network } from './address.ts';
import { portMap } from './port-map.ts';

test('HOST:PORT takes names, IPv4 and bracketed IPv6', () => {
  expect(hostPort('localhost:80')).toEqual({ host: 'localhost', port: 80 });
  expect(hostPort('127.0.0.1:15000')).toEqual({ host: '127.0.0.1', port: 15000 });
  expect(hostPort('[::1]:15000')).toEqual({ host: '::1', port: 15000 });
  expect(hostPort('127.0.0.1:0', { anyPort: true })).toEqual({ host: '127.0.0.1', port: 0 });
});

test.each(['', '80', 'host', 'host:', 'host:x', 'host:70000', '127.0.0.1:0', '::1:80', 'a b:80'])(
  'HOST:PORT refuses %j and shows the form',
  (text) => {
    expect(() => hostPort(text)).toThrow(/is not HOST:PORT, such as /);
  },
);

test('a network may be one address', () => {
  expect(network('10.0.0.0/8')).toBe('10.0.0.0/8');
  expect(network('192.0.2.7')).toBe('192.0.2.7/32');
  expect(network('2001:db8::')).toBe('2001:db8::/128');
});

test.each(['10.0.0.0/33', '10.0.0/8', 'host/8', '10.0.0.0/8/8', '10.0.0.0/', '::/129', '10.0.0.0/-1'])(
  'what is no network is refused: %j',
  (text) => {
    expect(() => network(text)).toThrow(/is not a network/);
  },
);

test('an address to bind is an IP address', () => {
  expect(ipAddress('::')).toBe('::');
  expect(() => ipAddress('localhost')).toThrow(/is not an IP address/);
});

test('port maps add up over flags', () => {
  expect(portMap('443=0', portMap('80=18080, 81=18081'))).toEqual(
    new Map([
      [80, 18080],
      [81, 18081],
      [443, 0],
    ]),
  );
});

test.each(['', '80', '80=', '80=x', '0=80', '80=70000', '80=1,80=2'])('a port map like %j is refused', (text) => {
  expect(() => portMap(text)).toThrow();
});

test.each([
  ['127.0.0.1', true],
  ['127.8.9.1', true],
  ['::1', true],
  ['localhost', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
  ['example.com', false],
])('only this machine reaches %s: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});

import { describe, expect, test } from 'vitest';
import { type BackendTraffic, type ClientTraffic, policyKey, Snapshot } from '../../config/index.ts';
import { backendTrafficText, clientTrafficText } from './traffic-text.ts';

function towards(spec: BackendTraffic['spec']): string | undefined {
  const target = { kind: 'Backend', key: 'a' } as const;
  const policy: BackendTraffic = {
    kind: 'Policy',
    key: policyKey('BackendTraffic', 'a'),
    type: 'BackendTraffic',
    target,
    spec,
  };
  return backendTrafficText(Snapshot.EMPTY.apply({ version: 1, upserts: [policy], removals: [] }), 'a');
}

function from(spec: ClientTraffic['spec']): string | undefined {
  const target = { kind: 'Listener', key: 'l' } as const;
  const policy: ClientTraffic = {
    kind: 'Policy',
    key: policyKey('ClientTraffic', 'l'),
    type: 'ClientTraffic',
    target,
    spec,
  };
  return clientTrafficText(Snapshot.EMPTY.apply({ version: 1, upserts: [policy], removals: [] }), 'l');
}

describe('what is said of connections to a backend', () => {
  test.each<[BackendTraffic['spec'], string | undefined]>([
    [{}, undefined],
    [{ httpVersion: 'Auto' }, 'HTTP/2 or HTTP/1.1 is spoken, as each endpoint agrees to (ALPN)'],
    [{ httpVersion: 'HTTP1' }, 'HTTP/1.1 is spoken'],
    [{ tls: { minVersion: '1.3', curves: ['X25519', 'P-256'] } }, 'tls.minVersion 1.3, tls.curves X25519 P-256'],
    [{ timeouts: { connect: 5, read: 7 } }, 'timeouts: connect 5 ms, read 7 ms'],
    [
      {
        loadBalancing: {
          type: 'ConsistentHash',
          hash: { keys: [{ type: 'Header', name: 'x-a' }], maxLoadPercent: 150 },
        },
      },
      'ConsistentHash by Header x-a, loadBalancing.hash.maxLoadPercent 150',
    ],
    [
      { circuitBreaker: { maxRequests: 10 }, proxyProtocol: 'V2', retryBudget: { percent: 20 } },
      'circuitBreaker.maxRequests 10; proxyProtocol V2; retryBudget.percent 20',
    ],
    [{ connection: { idleTimeout: 5_000, maxIdle: 2 } }, 'connection.idleTimeout 5000 ms, connection.maxIdle 2'],
  ])('%o', (spec, text) => {
    expect(towards(spec)).toBe(text);
  });
});

test('what is said of connections of clients is every setting', () => {
  expect(from({})).toBeUndefined();
  expect(from({ headers: { maxLines: 64, timeout: 500 }, pathForm: 'Reject', body: { maxBytes: 9 } })).toBe(
    'headers.maxLines 64; headers.timeout 500 ms; pathForm Reject; body.maxBytes 9',
  );
  expect(clientTrafficText(Snapshot.EMPTY, undefined)).toBeUndefined();
});

/** What is spoken to a backend, and what its connections are made with. */
import { describe, expect, test } from 'vitest';
import {
  type Backend,
  type BackendTls,
  type BackendTraffic,
  type ConfigObject,
  type EndpointTls,
  Snapshot,
} from '../../config/index.ts';
import { inVersion, materialOf, ownTlsOf, reachedBy, spokenTo } from './reach.ts';

const BACKEND: Backend = {
  kind: 'Backend',
  key: 'd/s:80',
  service: { namespace: 'd', name: 's', port: 80 },
  protocol: 'http',
};
const TLS: BackendTls = {
  hostname: 'b.example',
  subjectAltNames: [],
  trust: ['ca', 'more'],
  clientCertificate: 'gateway',
};
const DISABLED: EndpointTls = { verification: 'Disabled' };
type Protocol = Backend['protocol'];
const speaking = (protocol: Protocol, tls?: BackendTls): Backend => ({ ...BACKEND, protocol, ...(tls && { tls }) });

describe('what connections are made with', () => {
  test('bundles and certificates of both policies', () => {
    const spec = { tls: { clientCertificate: 'own' } };
    expect(materialOf(speaking('http', TLS), spec)).toEqual([
      { kind: 'TrustBundle', key: 'ca' },
      { kind: 'TrustBundle', key: 'more' },
      { kind: 'Certificate', key: 'gateway' },
      { kind: 'Certificate', key: 'own' },
    ]);
    expect(materialOf(speaking('http', { ...TLS, trust: 'System' }), undefined)).toEqual([
      { kind: 'Certificate', key: 'gateway' },
    ]);
    expect(materialOf(BACKEND, spec)).toEqual([{ kind: 'Certificate', key: 'own' }]);
    expect(materialOf(BACKEND, undefined)).toEqual([]);
  });

  const configOf = (more: Record<string, string>): Snapshot => {
    const all = { ca: 'a', more: 'b', gateway: 'c', own: 'd', ...more };
    const upserts = Object.entries(all).map(
      ([key, text]): ConfigObject =>
        key === 'gateway' || key === 'own'
          ? { kind: 'Certificate', key, certificate: text, privateKey: text }
          : { kind: 'TrustBundle', key, pem: text },
    );
    return Snapshot.EMPTY.apply({ version: 1, upserts, removals: [] });
  };
  const reached = (more: Record<string, string>, tls: BackendTls | undefined, own?: EndpointTls): string =>
    reachedBy(speaking('http', tls), configOf(more), own);

  test('another of them is another way', () => {
    const ways = [
      reached({}, undefined),
      reached({}, TLS),
      reached({}, { ...TLS, hostname: 'c.example' }),
      reached({ ca: 'x' }, TLS),
      reached({ more: 'x' }, TLS),
      reached({ gateway: 'x' }, TLS),
      reached({}, TLS, { clientCertificate: 'own' }),
      reached({}, undefined, { clientCertificate: 'own' }),
      reached({ own: 'x' }, undefined, { clientCertificate: 'own' }),
      reachedBy(speaking('http', TLS), Snapshot.EMPTY, undefined),
    ];
    expect(new Set(ways).size).toBe(ways.length);
    expect(ways[0]).toBe('');
  });

  test('what is not shown, or is gone, makes no difference', () => {
    expect(reached({ own: 'x' }, TLS)).toBe(reached({}, TLS));
    expect(reached({ gateway: 'x' }, TLS, { clientCertificate: 'own' })).toBe(
      reached({}, TLS, { clientCertificate: 'own' }),
    );
    expect(reached({}, undefined, { clientCertificate: 'gone' })).toBe('');
  });
});

test.each<[Protocol, BackendTraffic['spec']['httpVersion'], 'TLS' | 'own' | 'plain', string]>([
  ['http', undefined, 'TLS', 'http'],
  ['h2c', undefined, 'TLS', 'h2'],
  ['tcp', undefined, 'TLS', 'http'],
  ['http', 'Auto', 'TLS', 'auto'],
  ['h2c', 'Auto', 'TLS', 'auto'],
  ['http', 'Auto', 'own', 'auto'],
  ['http', 'Auto', 'plain', 'http'],
  ['h2c', 'Auto', 'plain', 'h2'],
  ['tcp', 'Auto', 'TLS', 'http'],
  ['http', 'HTTP1', 'TLS', 'http'],
])('%s with %s over %s is spoken as %s', (protocol, httpVersion, over, wanted) => {
  const spec = httpVersion === undefined ? undefined : { httpVersion };
  const own = over === 'own' ? DISABLED : undefined;
  expect(spokenTo(speaking(protocol, over === 'TLS' ? TLS : undefined), { spec, own })).toBe(wanted);
});

test.each<[Protocol, BackendTraffic['spec']['httpVersion'], Protocol]>([
  ['http', undefined, 'http'],
  ['http', 'HTTP2', 'h2c'],
  ['h2c', 'HTTP1', 'http'],
  ['h2c', 'Auto', 'h2c'],
  ['tcp', 'HTTP2', 'tcp'],
  ['udp', 'HTTP1', 'udp'],
])('a backend of %s in version %s is one of %s', (protocol, version, wanted) => {
  expect(inVersion(speaking(protocol), version)).toEqual(speaking(wanted));
});

describe('TLS of the policy for connections', () => {
  test.each<[string, Backend, EndpointTls | undefined, boolean]>([
    ['nothing is said', BACKEND, undefined, false],
    ['TLS is verified', speaking('http', TLS), { minVersion: '1.3' }, true],
    ['it cannot be followed', BACKEND, { broken: 'so' }, true],
    ['it asks for TLS without verification', BACKEND, DISABLED, true],
    ['it asks so for HTTP/2', speaking('h2c'), DISABLED, true],
    ['it asks so around clients’ own', speaking('tcp'), DISABLED, false],
    ['it asks for no TLS', BACKEND, { minVersion: '1.3' }, false],
  ])('%s', (_, backend, own, counts) => {
    expect(ownTlsOf(backend, own && { tls: own })).toBe(counts ? own : undefined);
    expect(ownTlsOf(backend, undefined)).toBeUndefined();
  });
});

/** How a backend is reached: what is spoken, by what TLS, and with what certificates. */
import {
  type Backend,
  type BackendTraffic,
  type ConfigRef,
  canonicalHash,
  type EndpointTls,
  type Snapshot,
} from '../../config/index.ts';
import type { SpokenProtocol } from './connection.ts';

type Traffic = BackendTraffic['spec'];

/** What its connections are made with. */
export function materialOf({ tls }: Backend, spec: Traffic | undefined): ConfigRef[] {
  const shown = [tls?.clientCertificate, spec?.tls?.clientCertificate].flatMap((key) => key ?? []);
  return [
    ...bundlesOf(tls).map((key) => ({ kind: 'TrustBundle' as const, key })),
    ...shown.map((key) => ({ kind: 'Certificate' as const, key })),
  ];
}

function bundlesOf(tls: Backend['tls']): string[] {
  return tls === undefined || tls.trust === 'System' ? [] : tls.trust;
}

/** By what TLS, with which certificates; '' for none. */
export function reachedBy({ tls }: Backend, config: Snapshot, own: EndpointTls | undefined): string {
  const shown = own?.clientCertificate ?? tls?.clientCertificate;
  const certificate = shown === undefined ? undefined : config.get('Certificate', shown);
  const parts = [...bundlesOf(tls).map((key) => config.get('TrustBundle', key)), certificate];
  if (tls === undefined) return certificate === undefined ? '' : canonicalHash(certificate);
  return [canonicalHash(tls), ...parts.map((object) => (object ? canonicalHash(object) : ''))].join(' ');
}

export const ALPN: Readonly<Record<SpokenProtocol, string[]>> = {
  http: ['http/1.1'],
  h2: ['h2'],
  auto: ['h2', 'http/1.1'],
};

/** Without TLS nothing is agreed on. */
export function spokenTo(
  { protocol, tls }: Backend,
  { spec, own }: { spec: Traffic | undefined; own: EndpointTls | undefined },
): SpokenProtocol {
  const isHttp = protocol === 'http' || protocol === 'h2c';
  if (isHttp && spec?.httpVersion === 'Auto' && (tls ?? own) !== undefined) return 'auto';
  return protocol === 'h2c' ? 'h2' : 'http';
}

/** As it is spoken to. */
export function inVersion(backend: Backend, version: Traffic['httpVersion']): Backend {
  const { protocol } = backend;
  if (version === undefined || (protocol !== 'http' && protocol !== 'h2c')) return backend;
  return version === 'Auto' ? backend : { ...backend, protocol: version === 'HTTP2' ? 'h2c' : 'http' };
}

/**
 * What its policy says of TLS, where TLS is spoken or nobody knows. TLS without verification is never in the place of TLS
 * with it, and never around clients' own.
 */
export function ownTlsOf({ tls, protocol }: Backend, spec: Traffic | undefined): EndpointTls | undefined {
  const own = spec?.tls;
  if (own === undefined || tls !== undefined || own.broken !== undefined) return own;
  return own.verification !== undefined && (protocol === 'http' || protocol === 'h2c') ? own : undefined;
}

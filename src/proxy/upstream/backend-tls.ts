/** Options of TLS connections to a backend, from its policy. A policy that cannot be met never means plain text. */
import { X509Certificate } from 'node:crypto';
import tls, { type PeerCertificate } from 'node:tls';
import type { BackendTls, EndpointTls, Snapshot } from '../../config/index.ts';
import type { ConnectTls } from '../ground/driver.ts';

/** With what TLS to a backend is made. */
export interface TlsSurroundings {
  config: Snapshot;
  alpn: string[];
  /** Of the policy for the connections. */
  own: EndpointTls | undefined;
}

/** The options, or why the backend cannot be used. */
export function backendTls(policy: BackendTls, { config, alpn, own = {} }: TlsSurroundings): ConnectTls | string {
  let ca: string[] | undefined;
  if (policy.trust !== 'System') {
    ca = [];
    for (const key of policy.trust) {
      const bundle = config.get('TrustBundle', key);
      if (bundle === undefined) return `the CA bundle ${key} is missing`;
      ca.push(bundle.pem);
    }
    if (ca.length === 0) return 'no CA certificate is given';
  }
  const said = endpointOptions(own, config, own.clientCertificate ?? policy.clientCertificate);
  if (typeof said === 'string') return said;
  const options: ConnectTls = {
    serverName: policy.hostname,
    ca,
    alpn,
    ...said,
    verify: (_host, certificate) => verifyNames(policy, certificate as PeerCertificate),
  };
  if (own.verifyDepth !== undefined) options.depth = { most: own.verifyDepth, authorities: authoritiesOf(ca) };
  return options;
}

/** Of a backend whose policy has opted out of knowing who answers. */
export function unverifiedTls(own: EndpointTls, { config, alpn }: Omit<TlsSurroundings, 'own'>): ConnectTls | string {
  const said = endpointOptions(own, config, own.clientCertificate);
  if (typeof said === 'string') return said;
  const { serverName = '' } = own;
  return { serverName, ca: undefined, alpn, ...said, unverified: true, verify: () => undefined };
}

/** What is spoken, and what is shown. */
function endpointOptions(
  own: EndpointTls,
  config: Snapshot,
  shown: string | undefined,
): Pick<ConnectTls, 'versions' | 'certificate' | 'privateKey'> | string {
  if (own.broken !== undefined) return own.broken;
  const client = shown === undefined ? undefined : config.get('Certificate', shown);
  if (shown !== undefined && client === undefined) return `the client certificate ${shown} is missing`;
  const { minVersion, maxVersion, ciphers, curves } = own;
  const usual = [minVersion, maxVersion, ciphers, curves].every((said) => said === undefined);
  return {
    ...(!usual && { versions: own }),
    ...(client && { certificate: client.certificate, privateKey: client.privateKey }),
  };
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/** Of the machine, read when they are wanted first. */
let system: X509Certificate[] | undefined;

function authoritiesOf(ca: readonly string[] | undefined): X509Certificate[] {
  if (ca !== undefined) return read(ca);
  system ??= read(tls.getCACertificates('default'));
  return system;
}

function read(pems: readonly string[]): X509Certificate[] {
  return pems.flatMap((pem) => Array.from(pem.match(PEM) ?? [], (block) => new X509Certificate(block)));
}

/** With subjectAltNames one of them must be in the certificate; without, its names must cover the hostname. */
function verifyNames(policy: BackendTls, certificate: PeerCertificate): Error | undefined {
  if (policy.subjectAltNames.length === 0) return tls.checkServerIdentity(policy.hostname, certificate);
  const uris = (certificate.subjectaltname ?? '')
    .split(', ')
    .filter((name) => name.startsWith('URI:'))
    .map((name) => name.slice(4));
  // Alternative names alone: of a certificate without any, the common name would count.
  const { subject: _subject, ...alternatives } = certificate;
  for (const { type, value } of policy.subjectAltNames) {
    const names = () => tls.checkServerIdentity(value, alternatives as PeerCertificate) === undefined;
    if (type === 'URI' ? uris.includes(value) : names()) return undefined;
  }
  return new Error('the certificate has none of the names that the policy asks for');
}

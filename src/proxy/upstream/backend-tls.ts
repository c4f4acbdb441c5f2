/** Options of TLS connections to a backend, from its policy. A policy that cannot be met never means plain text. */
import tls, { type PeerCertificate } from 'node:tls';
import type { BackendTls, Snapshot } from '../../config/index.ts';
import type { ConnectTls } from '../ground/driver.ts';

/** The options, or why the backend cannot be used. */
export function backendTls(policy: BackendTls, around: { config: Snapshot; alpn: string[] }): ConnectTls | string {
  const { config } = around;
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
  let client: { certificate: string; privateKey: string } | undefined;
  if (policy.clientCertificate !== undefined) {
    client = config.get('Certificate', policy.clientCertificate);
    if (client === undefined) return `the client certificate ${policy.clientCertificate} is missing`;
  }
  return {
    serverName: policy.hostname,
    ca,
    ...(client ? { certificate: client.certificate, privateKey: client.privateKey } : {}),
    alpn: around.alpn,
    verify: (_host, certificate) => verifyNames(policy, certificate as PeerCertificate),
  };
}

/** Of a backend whose policy has opted out of knowing who answers. */
export function unverifiedTls({ serverName = '' }: { serverName?: string }, alpn: string[]): ConnectTls {
  return { serverName, ca: undefined, alpn, unverified: true, verify: () => undefined };
}

/** With subjectAltNames one of them must be in the certificate; without, its names must cover the hostname. */
function verifyNames(policy: BackendTls, certificate: PeerCertificate): Error | undefined {
  if (policy.subjectAltNames.length === 0) return tls.checkServerIdentity(policy.hostname, certificate);
  const uris = (certificate.subjectaltname ?? '')
    .split(', ')
    .filter((name) => name.startsWith('URI:'))
    .map((name) => name.slice(4));
  for (const { type, value } of policy.subjectAltNames) {
    if (type === 'URI' ? uris.includes(value) : tls.checkServerIdentity(value, certificate) === undefined)
      return undefined;
  }
  return new Error('the certificate has none of the names that the policy asks for');
}

import { GATEWAY_REASON, type Gateway } from '../../api/index.ts';
import type { Collection } from '../../graph/index.ts';
import type { Lookup } from '../lookup.ts';
import type { Problem } from '../verdict/problem.ts';
import { type CertificateUse, type CertificateVerdict, resolveCertificate } from './certificate.ts';
import { gatewayReferrer } from './gateway.ts';

/**
 * What a Gateway shows to backends that speak TLS: the key of a Certificate, or why it has none that can be used. Both
 * where the last good form of it is in use.
 */
export type ClientIdentity = { certificate: string; stale?: Problem } | { problem: Problem };

/** What is to be told of it. */
export function identityProblem(identity: ClientIdentity): Problem | undefined {
  return 'problem' in identity ? identity.problem : identity.stale;
}

export function clientIdentity(
  look: Lookup,
  certificates: Collection<CertificateVerdict>,
  gateway: Gateway,
): ClientIdentity | undefined {
  const reference = gateway.spec.tls?.backend?.clientCertificateRef;
  if (reference === undefined) return undefined;
  const use: CertificateUse = {
    reference,
    field: 'spec.tls.backend.clientCertificateRef',
    from: gatewayReferrer(gateway.metadata.namespace ?? ''),
    reason: GATEWAY_REASON.InvalidClientCertificateRef,
  };
  const result = resolveCertificate(look, certificates, use);
  if ('reason' in result) return { problem: result };
  const { certificate, stale } = result;
  return stale === undefined ? { certificate: certificate.key } : { certificate: certificate.key, stale };
}

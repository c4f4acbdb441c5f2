/** What a BackendTrafficPolicy says of TLS to endpoints. It guards: where it cannot be followed, nothing is sent. */
import { type BackendTrafficPolicy, POLICY_GROUP, POLICY_REASON, supersededKey } from '../../api/index.ts';
import type { Certificate, EndpointTls } from '../../config/index.ts';
import { certificateOf, certificateVerdict } from '../gateway/certificate.ts';
import type { Lookup } from '../lookup.ts';
import type { Problem } from '../verdict/problem.ts';
import { readSuites } from './client-tls.ts';

type Asked = NonNullable<BackendTrafficPolicy['spec']['tls']>;

/** As a policy has it, with what goes with it. */
export interface EndpointTlsReading {
  tls: EndpointTls;
  certificate?: Certificate;
  /** Why the policy is not Accepted. */
  refusals: Problem[];
  /** References that do not resolve, or not to what is there now; absent: there are none. */
  unresolved?: Problem[];
}

export function readEndpointTls(asked: Asked, look: Lookup, policy: BackendTrafficPolicy): EndpointTlsReading {
  const { clientCertificateRef, ciphers, ...plain } = asked;
  const refusals: Problem[] = [];
  const tls: EndpointTls = { ...plain };
  if (ciphers !== undefined) tls.ciphers = readSuites(ciphers, refusals);
  const reading: EndpointTlsReading = { tls, refusals };
  if (clientCertificateRef !== undefined) {
    const shown = certificateAt(look, policy, clientCertificateRef);
    reading.unresolved = 'reason' in shown ? [shown] : shown.stale === undefined ? [] : [shown.stale];
    if (!('reason' in shown)) {
      reading.certificate = shown.certificate;
      tls.clientCertificate = shown.certificate.key;
    } else if (refusals.length === 0) return { ...reading, tls: { broken: told(shown) } };
  }
  const [fault] = refusals;
  return fault === undefined ? reading : { ...reading, tls: { broken: told(fault) } };
}

function told({ field, message }: Problem): string {
  return `${field}: ${message}`;
}

function certificateAt(
  look: Lookup,
  { kind, metadata: { namespace = '' } }: BackendTrafficPolicy,
  reference: NonNullable<Asked['clientCertificateRef']>,
): ReturnType<typeof certificateOf> {
  const { context, inputs } = look;
  const use = {
    reference,
    field: 'spec.tls.clientCertificateRef',
    from: { group: POLICY_GROUP, kind, namespace },
    reason: POLICY_REASON.InvalidCredentialRef,
  };
  return certificateOf(look, use, (key) =>
    certificateVerdict(
      context.fetch(inputs.Secret, key),
      context.fetch(inputs.superseded, supersededKey('certificate', key)),
    ),
  );
}

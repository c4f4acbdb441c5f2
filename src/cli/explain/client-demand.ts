/** Whether a request's client is let in by what its listener asks of certificates. */
import { type ClientCertificateSettings, policyKey, type Snapshot } from '../../config/index.ts';
import type { AskedRequest } from './asked-request.ts';

export function clientDemand(snapshot: Snapshot, listener: string | undefined): ClientCertificateSettings | undefined {
  if (listener === undefined) return undefined;
  const policy = snapshot.get('Policy', policyKey('ClientCertificates', listener));
  return policy?.type === 'ClientCertificates' ? policy.spec : undefined;
}

/** Why the handshake fails; a certificate that is given is taken for verified. */
export function certificateFault(
  demand: ClientCertificateSettings | undefined,
  { certificate }: AskedRequest,
): string | undefined {
  if (demand === undefined) return undefined;
  const policy = demand.source.replace('/', ' ');
  if (demand.broken !== undefined) return `${policy} lets nobody in: ${demand.broken}`;
  // The handshake lets him through to the page, which is the answer to whatever he asks.
  if (demand.errorPage !== undefined) return undefined;
  if (demand.mode !== 'Required' || certificate !== undefined) return undefined;
  return `${policy} asks for a client certificate (ask with --client-certificate): the TLS handshake fails`;
}

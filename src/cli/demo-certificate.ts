/** The demo's TLS Secret: a certificate of its own, made anew at each start and kept on no disk longer than the run. */
import { type Issued, issued } from '../value/certificate.ts';

const DAY = 24 * 60 * 60 * 1000;

/** Self-signed, for these DNS names, valid for 90 days: no run is told that it ends soon. */
export function demoCertificate(names: string[]): Promise<Issued> {
  const now = Date.now();
  const times = { from: new Date(now - DAY), until: new Date(now + 90 * DAY) };
  return issued({ name: names[0]!, dns: names, ...times });
}

/** A Secret manifest, in JSON. */
export function tlsSecret(ref: { namespace: string; name: string }, { certificate, privateKey }: Issued): string {
  const data = { 'tls.crt': btoa(certificate), 'tls.key': btoa(privateKey) };
  return JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: ref, type: 'kubernetes.io/tls', data });
}

/** The demo's TLS Secret: a certificate of its own, made anew at each start and kept on no disk longer than the run. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { BasicConstraintsExtension, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY = 24 * 60 * 60 * 1000;

export interface DemoCertificate {
  /** PEM. */
  certificate: string;
  privateKey: string;
}

/** Self-signed, for these DNS names, valid for a week. */
export async function demoCertificate(names: string[]): Promise<DemoCertificate> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${names[0]}`,
    notBefore: new Date(Date.now() - DAY),
    notAfter: new Date(Date.now() + 7 * DAY),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns' as const, value }))),
    ],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const lines = pkcs8.match(/.{1,64}/g)!.join('\n');
  return {
    certificate: certificate.toString('pem'),
    privateKey: `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`,
  };
}

/** A Secret manifest, in JSON. */
export function tlsSecret(
  ref: { namespace: string; name: string },
  { certificate, privateKey }: DemoCertificate,
): string {
  const data = { 'tls.crt': btoa(certificate), 'tls.key': btoa(privateKey) };
  return JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: ref, type: 'kubernetes.io/tls', data });
}

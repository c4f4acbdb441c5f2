import { X509Certificate } from 'node:crypto';
import type { ConfigMap, CredentialRole, Secret } from '../../api/index.ts';
import { readCertificate } from './certificate.ts';
import { readAuthorities } from './trust.ts';

/**
 * Why a Secret or ConfigMap cannot take the place of a good form of its own; undefined where it can. A certificate that
 * has expired is served where there is no other, and replaces none that has not.
 */
export function credentialFault(role: CredentialRole, object: Secret | ConfigMap, now?: Date): string | undefined {
  if (role === 'authorities') {
    const read = readAuthorities(object);
    if (!('fault' in read)) return undefined;
    const { namespace = '', name } = object.metadata;
    return `${object.kind} ${namespace}/${name}: ${read.fault}`;
  }
  if (object.kind !== 'Secret') return 'is no Secret';
  const read = readCertificate(object);
  if ('fault' in read) return read.fault;
  if (now === undefined) return undefined;
  const { validToDate } = new X509Certificate(read.certificate.certificate);
  return validToDate < now ? `holds a certificate that expired at ${validToDate.toISOString()}` : undefined;
}

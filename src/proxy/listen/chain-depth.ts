/** How many authorities stand between a certificate and its root: Node cannot tell OpenSSL how many there may be. */
import type { X509Certificate } from 'node:crypto';
import type { ChainDepth } from '../ground/driver.ts';

/**
 * At most so many authorities stand between the certificate and a root that is trusted. OpenSSL has verified it, by
 * whatever way it found; this looks for one by signatures, and where it finds none that is short enough, there is none.
 */
export function isNear(leaf: X509Certificate, { most, authorities }: ChainDepth): boolean {
  const shown: X509Certificate[] = [];
  for (let one = leaf.issuerCertificate; one !== undefined; one = one.issuerCertificate) {
    // With the root that is all that a way can have; the rest is there to be looked through.
    if (shown.length > most) return false;
    shown.push(one);
  }
  let at = leaf;
  for (let passed = 0; passed <= most; passed++) {
    const above = [...authorities, ...shown].filter((one) => signed(one, at));
    if (above.some((one) => isRoot(one) && authorities.includes(one))) return true;
    const next = above.find((one) => !isRoot(one));
    if (next === undefined) return false;
    at = next;
  }
  return false;
}

function signed(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

export function isRoot(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate);
}

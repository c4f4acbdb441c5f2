/**
 * A certificate that no Secret holds: from files that a flag names, or from a certificate authority. It stands in where a
 * listener names no certificate, or a Secret that does not exist. Key: `files/name/ec` or `acme/name`.
 */
export interface ProvidedCertificate {
  origin: 'files' | 'acme';
  /** DNS name that it is provided for: lower case; `*.example.com` for a wildcard. */
  name: string;
  /** Type of its key (`rsa`, `ec`), where one name may have a certificate of each; absent: it has one. */
  algorithm?: string;
  /** PEM. Absent: there is none yet. */
  pair?: { certificate: string; privateKey: string };
  /** Why there is none, or none that is newer; '' where nothing is wrong. */
  problem: string;
}

/** What a listener lacks and ACME may obtain. Key: the listener's. */
export interface WantedCertificate {
  listener: string;
  /** Hosts, lower case, no wildcards. */
  names: string[];
}

/** On a Gateway: `"true"` obtains certificates for its listeners by ACME, `"false"` does not, whatever the run says. */
export const ACME_ANNOTATION = 'daemun.dev/acme';

export function providedKey({
  origin,
  name,
  algorithm,
}: Pick<ProvidedCertificate, 'origin' | 'name' | 'algorithm'>): string {
  return algorithm === undefined ? `${origin}/${name}` : `${origin}/${name}/${algorithm}`;
}

/**
 * A certificate that no Secret holds: from files that a flag names, or from a certificate authority. It stands in where a
 * listener names no certificate, or a Secret that does not exist. Key: `files/name` or `acme/name`.
 */
export interface ProvidedCertificate {
  origin: 'files' | 'acme';
  /** DNS name that it is provided for: lower case; `*.example.com` for a wildcard. */
  name: string;
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

export function providedKey({ origin, name }: Pick<ProvidedCertificate, 'origin' | 'name'>): string {
  return `${origin}/${name}`;
}

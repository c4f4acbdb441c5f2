import type { CredentialPlaceEntry } from '../../../api/index.ts';
import type { CredentialPlace } from '../../../config/index.ts';

/** Where a token or key stands; absent: `usual`. */
export function placesOf(from: CredentialPlaceEntry[] | undefined, usual: CredentialPlace): CredentialPlace[] {
  if (from === undefined) return [usual];
  return from.map(({ header, scheme, cookie, query }): CredentialPlace => {
    if (cookie !== undefined) return { in: 'Cookie', name: cookie };
    if (query !== undefined) return { in: 'Query', name: query };
    const place: CredentialPlace = { in: 'Header', name: header!.toLowerCase() };
    return scheme === undefined ? place : { ...place, scheme: scheme.toLowerCase() };
  });
}

/**
 * Lines of requests that say who asks: authentication writes them, and there all that follows reads them. Here limits and
 * access by lines are asked before it, of what clients wrote, so that claims stand in their place.
 */
import { isObject, type JsonObject } from '../../value/json-object.ts';
import type { VendorPlace } from '../suggest/vendor-kind.ts';

/** By the name of a line in lower case: the claim. */
export type ClaimLines = ReadonlyMap<string, string>;

/** What any SecurityPolicy of the namespace has written. */
export function claimLines({ namespace, site }: Pick<VendorPlace, 'namespace' | 'site'>): ClaimLines {
  const lines = new Map<string, string>();
  const add = (line: unknown, claim: unknown): void => {
    if (typeof line === 'string' && typeof claim === 'string') lines.set(line.toLowerCase(), claim);
  };
  for (const { spec } of site.foreign('SecurityPolicy', namespace)) {
    const { jwt, basicAuth, apiKeyAuth } = below(spec);
    add(below(basicAuth).forwardUsernameHeader, 'sub');
    add(below(apiKeyAuth).forwardClientIDHeader, 'sub');
    for (const provider of listOf(below(jwt).providers)) {
      for (const { header, claim } of listOf(provider.claimToHeaders)) add(header, claim);
    }
  }
  return lines;
}

function below(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

function listOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.map(below) : [];
}

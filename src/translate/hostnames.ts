/** Any host. */
export const ANY_HOST = '*';

/**
 * What two hostnames have in common, or undefined. A wildcard stands for one or more labels: `*.example.com` covers
 * `a.b.example.com` and `*.b.example.com`, but not `example.com`.
 */
export function intersection(a: string, b: string): string | undefined {
  if (a === b) return a;
  if (covers(a, b)) return b;
  if (covers(b, a)) return a;
  return undefined;
}

/** Every host that `narrow` stands for is one that `wide` stands for. */
export function covers(wide: string, narrow: string): boolean {
  if (wide === narrow || wide === ANY_HOST) return true;
  if (!wide.startsWith('*.') || narrow === ANY_HOST) return false;
  const suffix = wide.slice(1);
  return narrow.length > suffix.length && narrow.endsWith(suffix);
}

/**
 * The hosts that a route serves on a listener: empty where they have none in common. A route without hostnames takes
 * the listener's, a listener without takes the route's, and `*` stands where neither names one.
 */
export function servedHosts(listener: string | undefined, route: ReadonlyArray<string> | undefined): string[] {
  const own = lower(listener) ?? ANY_HOST;
  if (route === undefined || route.length === 0) return [own];
  const served = new Set<string>();
  for (const hostname of route) {
    const common = intersection(own, hostname.toLowerCase());
    if (common !== undefined) served.add(common);
  }
  return Array.from(served);
}

/** A hostname as config objects spell it; an empty one counts as none. */
export function lower(hostname: string | undefined): string | undefined {
  return hostname === undefined || hostname === '' ? undefined : hostname.toLowerCase();
}

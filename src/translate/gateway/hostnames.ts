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

/** A host that a route serves on a listener. */
export interface ServedHost {
  /** What the listener's and the route's have in common. */
  hostname: string;
  /** The route's, `*` where it names none; of several with the same in common, the most specific. */
  own: string;
}

/**
 * The hosts that a route serves on a listener: empty where they have none in common. A route without hostnames takes
 * the listener's, a listener without takes the route's, and `*` stands where neither names one.
 */
export function servedHosts(listener: string | undefined, route: ReadonlyArray<string> | undefined): ServedHost[] {
  const ours = lower(listener) ?? ANY_HOST;
  if (route === undefined || route.length === 0) return [{ hostname: ours, own: ANY_HOST }];
  const served = new Map<string, ServedHost>();
  for (const name of route) {
    const own = name.toLowerCase();
    const hostname = intersection(ours, own);
    if (hostname === undefined) continue;
    const known = served.get(hostname);
    if (known === undefined || bySpecificity(own, known.own) < 0) served.set(hostname, { hostname, own });
  }
  return Array.from(served.values());
}

/** The order of hostnames that stand for the same host: exact, then the longer wildcard, then any. */
export function bySpecificity(a: string, b: string): number {
  return specificity(b) - specificity(a);
}

function specificity(hostname: string): number {
  if (hostname === ANY_HOST) return 0;
  return hostname.startsWith('*.') ? hostname.length : Number.MAX_SAFE_INTEGER;
}

/** A hostname as config objects spell it; an empty one counts as none. */
export function lower(hostname: string | undefined): string | undefined {
  return hostname === undefined || hostname === '' ? undefined : hostname.toLowerCase();
}

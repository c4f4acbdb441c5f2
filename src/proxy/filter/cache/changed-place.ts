/** What a request changed that is not safe: of its own URL and of those that its answer names, what is kept (RFC 9111 4.4). */
import type { StoredPlace } from '../../state/index.ts';
import type { FilterScope } from '../filter.ts';
import { hostOf } from './cached-request.ts';

export interface ChangedPlace extends StoredPlace {
  readonly scheme: 'http' | 'https';
}

export function changedBy(scope: FilterScope): ChangedPlace {
  const scheme = scope.client.tls === undefined ? 'http' : 'https';
  return { scheme, host: hostOf(scope), target: scope.head.target() };
}

/** With those `named` that are of the same origin: nobody changes what is another host's. */
export function placesOf(changed: ChangedPlace, named: ReadonlyArray<string | undefined>): StoredPlace[] {
  const { scheme, host, target } = changed;
  const places: StoredPlace[] = [{ host, target }];
  for (const text of named) {
    if (text === undefined) continue;
    const url = URL.parse(text, `${scheme}://${host}${target}`);
    if (url === null || url.protocol !== `${scheme}:` || url.host !== host) continue;
    // `search` does not tell an empty query from none.
    const [other = ''] = url.href.slice(url.origin.length).split('#', 1);
    if (places.every((place) => place.target !== other)) places.push({ host, target: other });
  }
  return places;
}

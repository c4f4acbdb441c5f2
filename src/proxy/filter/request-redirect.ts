import type { RedirectFilter } from '../../config/index.ts';
import { ARENA } from '../ground/arena.ts';
import type { Head } from '../ground/head.ts';
import { ANSWERED, type CompiledFilter, type FilterScope, type Verdict } from './filter.ts';
import { escapePath, escapeQuery, ModifiedPath, queryOf } from './path-modifier.ts';

const DOT = 0x2e;

/** RequestRedirect: answers with a Location made of the request and of what the filter replaces. The query stays. */
export class RequestRedirect implements CompiledFilter {
  readonly type = 'RequestRedirect';
  readonly step = 'route-filters';
  readonly #filter: RedirectFilter;
  readonly #path: ModifiedPath | undefined;

  constructor(filter: RedirectFilter) {
    this.#filter = filter;
    this.#path = filter.path && new ModifiedPath(filter.path);
  }

  onRequest(scope: FilterScope): Verdict {
    const { head } = scope;
    const host = this.#filter.hostname ?? askedHost(head);
    if (host === '') {
      // HTTP/1.0 without Host: there is no absolute Location to send the client to.
      scope.respond(400, [], 'The redirect needs a Host header.');
      return ANSWERED;
    }
    const scheme = this.#filter.scheme ?? scope.client.scheme;
    const path = this.#path ? this.#path.of(head, scope.matchedPrefix) : originPath(head);
    const location = `${scheme}://${host}${this.#port(scheme, scope)}${escapePath(path)}${escapeQuery(queryOf(head))}`;
    scope.respond(this.#filter.statusCode, [['Location', location]], '');
    return ANSWERED;
  }

  /**
   * Spec: the filter's port; else the well-known port of the filter's scheme; else the listener's. A port that is
   * the scheme's own is not written.
   */
  #port(scheme: string, scope: FilterScope): string {
    const wellKnown = scheme === 'https' ? 443 : 80;
    const port = this.#filter.port ?? (this.#filter.scheme === undefined ? scope.listenerPort : wellKnown);
    return port === wellKnown ? '' : `:${port}`;
  }
}

/** As it was asked for: a dot at its end, which matches leave out, says that it is the whole name. */
function askedHost({ hostStart, hostEnd, authorityEnd }: Head): string {
  const dotted = hostEnd < authorityEnd && ARENA[hostEnd] === DOT;
  return ARENA.latin1Slice(hostStart, dotted ? hostEnd + 1 : hostEnd);
}

/** The request's path; of a target without one (`OPTIONS *`), the root. */
function originPath(head: Head): string {
  const path = head.path();
  return path.startsWith('/') ? path : '/';
}

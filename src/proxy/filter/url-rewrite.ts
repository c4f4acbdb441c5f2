import type { Filter } from '../../config/index.ts';
import { CONTINUE, type CompiledFilter, type FilterScope, type Verdict } from './filter.ts';
import { ModifiedPath, queryOf } from './path-modifier.ts';

/** URLRewrite: another host, another path, or both for the upstream request. The query stays. */
export class UrlRewrite implements CompiledFilter {
  readonly type = 'URLRewrite';
  readonly step = 'route-filters';
  readonly #hostname: string | undefined;
  readonly #path: ModifiedPath | undefined;

  constructor(filter: Extract<Filter, { type: 'URLRewrite' }>) {
    this.#hostname = filter.hostname;
    this.#path = filter.path && new ModifiedPath(filter.path);
  }

  onRequest(scope: FilterScope): Verdict {
    if (this.#hostname !== undefined) scope.setAuthority(this.#hostname);
    if (this.#path !== undefined) {
      scope.setTarget(this.#path.of(scope.head, scope.matchedPrefix) + queryOf(scope.head));
    }
    return CONTINUE;
  }
}

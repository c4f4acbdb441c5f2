import type { HeaderModifier } from '../../config/index.ts';
import { CONTINUE, type CompiledFilter, type FilterScope, type Verdict } from './filter.ts';
import { HeaderPatch } from './header-patch.ts';

/** RequestHeaderModifier: a patch of the upstream request. Folded into the rule's where the registry can. */
export class RequestHeaderModifier implements CompiledFilter {
  readonly type = 'RequestHeaderModifier';
  readonly step = 'route-filters';
  readonly patch: HeaderPatch;

  constructor(modifier: HeaderModifier) {
    this.patch = HeaderPatch.of(modifier);
  }

  onRequest(scope: FilterScope): Verdict {
    scope.patchRequest(this.patch);
    return CONTINUE;
  }
}

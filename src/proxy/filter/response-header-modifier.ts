import type { HeaderModifier } from '../../config/index.ts';
import { CONTINUE, type CompiledFilter, type FilterScope, type Verdict } from './filter.ts';
import { HeaderPatch } from './header-patch.ts';

/** ResponseHeaderModifier: a patch of the response that the client gets. Folded into the rule's where the registry can. */
export class ResponseHeaderModifier implements CompiledFilter {
  readonly type = 'ResponseHeaderModifier';
  readonly step = 'route-filters';
  readonly patch: HeaderPatch;

  constructor(modifier: HeaderModifier) {
    this.patch = HeaderPatch.of(modifier);
  }

  onRequest(scope: FilterScope): Verdict {
    scope.patchResponse(this.patch);
    return CONTINUE;
  }
}

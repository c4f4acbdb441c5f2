/** Which compiled filter serves which config filter, and what of a list folds into header patches. */
import { strict as assert } from 'node:assert';
import { type Filter, filterFault } from '../../config/index.ts';
import { DaemunError } from '../../observe/index.ts';
import { FilterChain } from './chain.ts';
import { Cors } from './cors.ts';
import { DirectAnswer } from './direct-answer.ts';
import { ExternalAuthFilter } from './external/index.ts';
import type { CompiledFilter } from './filter.ts';
import { HeaderPatch } from './header-patch.ts';
import { RequestHeaderModifier } from './request-header-modifier.ts';
import { RequestMirror } from './request-mirror.ts';
import { RequestRedirect } from './request-redirect.ts';
import { ResponseHeaderModifier } from './response-header-modifier.ts';
import { UrlRewrite } from './url-rewrite.ts';

/** What a rule or backend does to requests: changes that cost nothing per request, and the filters that run. */
export interface CompiledFilters {
  readonly requestPatch: HeaderPatch;
  readonly responsePatch: HeaderPatch;
  /** Null where there are none. */
  readonly filters: FilterChain | null;
}

/** Throws DMN_CONFIG_INVALID where the filter's values cannot be used. */
export function compileFilter(filter: Filter): CompiledFilter {
  const fault = filterFault(filter);
  if (fault !== undefined) {
    throw new DaemunError('DMN_CONFIG_INVALID', `${filter.type}: ${fault.field}: ${fault.message}`);
  }
  switch (filter.type) {
    case 'RequestHeaderModifier':
      return new RequestHeaderModifier(filter);
    case 'ResponseHeaderModifier':
      return new ResponseHeaderModifier(filter);
    case 'RequestRedirect':
      return new RequestRedirect(filter);
    case 'URLRewrite':
      return new UrlRewrite(filter);
    case 'RequestMirror':
      return new RequestMirror(filter);
    case 'CORS':
      return new Cors(filter);
    case 'DirectAnswer':
      return new DirectAnswer(filter);
    case 'ExternalAuth':
      return new ExternalAuthFilter(filter);
    default:
      return assert.fail(`no such filter: ${JSON.stringify(filter satisfies never)}`);
  }
}

/** Compiles a rule's or a backend's filters; header modifiers become patches and do not run. */
export function compileFilters(filters: ReadonlyArray<Filter>): CompiledFilters {
  let requestPatch = HeaderPatch.NONE;
  let responsePatch = HeaderPatch.NONE;
  const running: CompiledFilter[] = [];
  for (const filter of filters) {
    const compiled = compileFilter(filter);
    if (compiled instanceof RequestHeaderModifier) requestPatch = requestPatch.followedBy(compiled.patch);
    else if (compiled instanceof ResponseHeaderModifier) responsePatch = responsePatch.followedBy(compiled.patch);
    else running.push(compiled);
  }
  return { requestPatch, responsePatch, filters: FilterChain.of(running) };
}

export { ANSWERED, CONTINUE, type CompiledFilter, type FilterScope, type Verdict } from './filter.ts';
export { HeaderPatch } from './header-patch.ts';
export { type CompiledFilters, compileFilter, compileFilters } from './registry.ts';

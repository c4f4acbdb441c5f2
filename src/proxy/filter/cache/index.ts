export { cacheFilters } from './cache-filter.ts';

/** What to write in the place of other gateways' objects. Pure: what is not served is told by name, never dropped in silence. */
export { foreignObject } from './suggest/site.ts';
export { type Suggestions, suggestions, VENDOR_GROUPS } from './suggest/suggestion.ts';

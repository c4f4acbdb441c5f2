/** Other gateways' objects as something of ours. Pure: what is not served is told by name, never dropped in silence. */
export { faultPlace, isAnnotated, isNarrowing, PLUGINS_ANNOTATION } from './kong/annotation.ts';
export type { Note } from './kong/attached.ts';
export type { KongLook } from './kong/kong-look.ts';
export {
  type KongReading,
  readKongGateway,
  readKongRoute,
  readKongService,
  serviceFilters,
  standingFor,
} from './kong/object-reading.ts';
export { narrowedRoute, UNNARROWED } from './kong/route-narrowing.ts';
export { addedTo, type PlainStatus, withFilters } from './kong/route-reading.ts';
export { commonHostnames } from './kong/route-snis.ts';
export type { OwnKind } from './ours.ts';
export { foreignObject } from './suggest/site.ts';
export { type Suggestions, suggestions, VENDOR_GROUPS } from './suggest/suggestion.ts';

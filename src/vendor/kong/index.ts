/** Kong's annotations and plugins as something of ours: pure, and what is not served is told by name. */

export type { OwnKind } from '../ours.ts';
export { faultPlace, isAnnotated, isNarrowing, PLUGINS_ANNOTATION } from './annotation.ts';
export type { Note } from './attached.ts';
export type { KongLook } from './kong-look.ts';
export {
  type KongReading,
  readKongGateway,
  readKongRoute,
  readKongService,
  serviceFilters,
  standingFor,
} from './object-reading.ts';
export { narrowedRoute, UNNARROWED } from './route-narrowing.ts';
export { addedTo, type PlainStatus, withFilters } from './route-reading.ts';
export { commonHostnames } from './route-snis.ts';

/** Kong's annotations and plugins as something of ours. */
export {
  GATEWAY_ANNOTATIONS,
  isAnnotated,
  PLUGINS_ANNOTATION,
  ROUTE_ANNOTATIONS,
  SERVICE_ANNOTATIONS,
  unserved,
} from './annotation.ts';
export { type Annotated, type AttachedPlugins, attachedPlugins, type KongLook, type Note } from './attached.ts';
export { addedTo, type PlainStatus, redirectFilter, routeAsked, withFilters } from './route-reading.ts';

/** A cluster as a source of resources, and the client that writes to it. */
export { ApiClient } from './api-client.ts';
export { ApiError } from './api-error.ts';
export { type PauseSpan, pauseAfter, tryLater } from './backoff.ts';
export { AccessError, type ClusterAccess, clusterAccess } from './cluster-access.ts';
export {
  ClusterSource,
  type ClusterSourceOptions,
  CRD_ACCESS,
  type LiveStatus,
  type ObjectPlace,
  type UntoldObject,
} from './cluster-source.ts';
export { DueKeys } from './due-keys.ts';
export { foreignObjects } from './foreign.ts';
export { ListWatch, type ListWatchTimes } from './list-watch.ts';
export { type KnownNames, NameBook } from './name-book.ts';
export { Pace } from './pace.ts';

/** A cluster as a source of resources, and the client that writes to it. */
export { ApiClient, type Call } from './api-client.ts';
export { ApiError } from './api-error.ts';
export { AccessError, type ClusterAccess, clusterAccess } from './cluster-access.ts';
export { ClusterSource, type ClusterSourceOptions } from './cluster-source.ts';
export { ListWatch, type ListWatchEvents } from './list-watch.ts';

/** What Gateways need in a cluster besides their config: Deployments, Services and what goes with them. */
export { InfrastructureReconciler, type InfrastructureState } from './infrastructure-reconciler.ts';
export type { LiveObject } from './made-object.ts';
export type { PublishedService } from './published-service.ts';
export type { InfrastructureSettings } from './settings.ts';
export { wantedObjects } from './wanted-objects.ts';

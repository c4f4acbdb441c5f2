/** The only writer to a cluster. */
export {
  InfrastructureReconciler,
  type InfrastructureSettings,
  type InfrastructureState,
  type LiveObject,
  wantedObjects,
} from './infrastructure/index.ts';
export { Lease, type LeaseOptions } from './lease.ts';
export { StatusReconciler, type WantedStatus } from './status-reconciler.ts';

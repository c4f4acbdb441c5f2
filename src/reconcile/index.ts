/** The only writer to a cluster. */
export { EventRecorder } from './event-recorder.ts';
export {
  InfrastructureReconciler,
  type InfrastructureSettings,
  type InfrastructureState,
  type LiveObject,
  type PublishedService,
  wantedObjects,
} from './infrastructure/index.ts';
export { Lease, type LeaseOptions } from './lease.ts';
export { mendedFaults, newFaults } from './status-fault.ts';
export { StatusReconciler, type WantedStatus, type WrittenStatus } from './status-reconciler.ts';

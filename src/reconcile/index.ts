/** The only writer to a cluster. */
export { EventRecorder, type Regarded } from './event-recorder.ts';
export {
  InfrastructureReconciler,
  type InfrastructureSettings,
  type InfrastructureState,
  type LiveObject,
  type PublishedService,
  wantedObjects,
} from './infrastructure/index.ts';
export { Lease, type LeaseOptions } from './lease.ts';
export {
  type Installation,
  installations,
  leaseMarks,
  RivalWatch,
  rivalMessage,
  rivalries,
} from './rival-watch.ts';
export { SettledFaults } from './settled-faults.ts';
export { mendedFaults, newFaults } from './status-fault.ts';
export { StatusReconciler, type WrittenStatus } from './status-reconciler.ts';
export type { WantedStatus } from './status-shape.ts';

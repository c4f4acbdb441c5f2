/** The only writer to a cluster. */
export { Lease, type LeaseOptions } from './lease.ts';
export { StatusReconciler, type WantedStatus } from './status-reconciler.ts';

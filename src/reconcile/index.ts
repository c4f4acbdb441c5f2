/** The only writer to a cluster. */
export * from './infrastructure/index.ts';
export { Lease, type LeaseOptions } from './lease.ts';
export { StatusReconciler, type WantedStatus } from './status-reconciler.ts';

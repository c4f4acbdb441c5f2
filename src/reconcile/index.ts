/** The only writer to a cluster. */
export { StatusReconciler, type WantedStatus } from './status-reconciler.ts';

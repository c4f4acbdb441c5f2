/** The config stream between control and data planes: in memory, and over the channel to a worker process. */
export type {
  Applied,
  Fleet,
  FleetEvents,
  FleetPurged,
  OpenReceiver,
  OwnFleet,
  Published,
  Receiver,
  WorkerEvents,
} from './fleet.ts';
export { type Health, type HealthCheck, type HealthFacts, healthChecks, healthOf, type Phase } from './health.ts';
export { ListenerChanges } from './listener-changes.ts';
export { type LeftOut, ListenerBoard, type ListenerView, listenerViews, whyNot } from './listener-view.ts';
export { MemoryFleet } from './memory-fleet.ts';
export { merged } from './piece.ts';
export { Replica } from './replica.ts';
export { servingMetrics } from './serving-metrics.ts';
export { SnapshotFile, type SnapshotPlace } from './snapshot-file.ts';
export { SnapshotKeeper } from './snapshot-keeper.ts';
export { WorkerFleet } from './worker-fleet.ts';
export { inheritedAt, type WorkerProgram } from './worker-process.ts';
export { takeSeat, type WorkerProxy } from './worker-seat.ts';

/** The config stream between control and data planes: in memory, and over the channel to a worker process. */
export type { Fleet, FleetEvents, OpenReceiver, Receiver } from './fleet.ts';
export { MemoryFleet } from './memory-fleet.ts';
export { WorkerFleet } from './worker-fleet.ts';
export type { WorkerProgram } from './worker-process.ts';
export { takeSeat, type WorkerProxy } from './worker-seat.ts';

/** What passes between the parent and a worker: plain JSON, in order. */
import type { Ack, Delta } from '../../config/index.ts';
import type { MetricsSnapshot } from '../../observe/index.ts';
import type { PlaneSetup } from './data-plane.ts';

export type ToWorker =
  | { type: 'start'; name: string; setup: PlaneSetup }
  | { type: 'delta'; delta: Delta }
  | { type: 'metrics'; id: number }
  | { type: 'drain'; timeout: number };

export type FromWorker =
  | { type: 'ack'; ack: Ack }
  | { type: 'metrics'; id: number; snapshots: MetricsSnapshot[] }
  | { type: 'drained' };

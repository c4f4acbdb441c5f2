/** What passes between the parent and a worker: plain JSON, in order. */
import type { Ack, CachePurge, CachePurged, Trouble } from '../config/index.ts';
import type { MetricsSnapshot } from '../observe/index.ts';
import type { Piece } from './piece.ts';

/** `setup` is for whoever makes the worker's proxy; delivery only carries it. */
export type ToWorker =
  | { type: 'start'; name: string; setup: unknown }
  | { type: 'piece'; piece: Piece }
  | { type: 'metrics'; id: number }
  | { type: 'purge'; id: number; purge: CachePurge }
  /** Other workers served requests that changed something. */
  | { type: 'invalidate'; purges: CachePurge[] }
  /** It is to answer that it is there. */
  | { type: 'watch' }
  | { type: 'drain'; timeout: number };

export type FromWorker =
  | { type: 'taken' }
  | { type: 'awake' }
  | { type: 'ack'; ack: Ack }
  | { type: 'troubles'; troubles: Trouble[] }
  | { type: 'metrics'; id: number; snapshots: MetricsSnapshot[] }
  | { type: 'purged'; id: number; purged: CachePurged }
  | { type: 'invalidate'; purges: CachePurge[] }
  | { type: 'drained' };

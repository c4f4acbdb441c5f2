import type { Snapshot } from '../../config/index.ts';
import type { ToldOf } from './backend-health.ts';
import type { WrittenRoute } from './meant-route.ts';

export interface KnownConfig {
  snapshot: Snapshot;
  /** The same with what is secret: judged by, and never shown. Absent: it is not known. */
  secret?: Snapshot;
  unserved: string[];
  /** Absent: only what is served is known. */
  written?: WrittenRoute[];
  /** What was left out for a fault of its own, in sentences. */
  leftOut?: string[];
  /** By a running gateway, of what it serves. */
  told?: ToldOf[];
}

/** The live parts that answers of the admin API are made of. */
import type { CachePurge, Snapshot } from '../config/index.ts';
import type { MetricsSnapshot } from '../observe/index.ts';

export interface Readiness {
  ready: boolean;
  /** One sentence: what is waited for, or how much serves. */
  reason: string;
  /** What stands behind it, and each listener: for `?verbose`. */
  checks: ReadonlyArray<{ name: string; ok: boolean; message: string }>;
}

/** The live parts that the answers are made of. */
export interface AdminParts {
  readiness(): Readiness;
  metrics(): Promise<MetricsSnapshot>;
  /** `{ items, diagnostics }`, as `daemun check -o json` prints them; absent: that is another's to tell. */
  status?(): unknown;
  /** What the data planes were told to serve. */
  config(): Snapshot;
  /** What control computes of what; absent: nothing is. */
  graph?(): unknown;
  /** Each listener, and where it is bound or why it is not. */
  listeners(): unknown;
  /** Has every data plane of this process forget answers that it keeps; absent: none keeps any. */
  purge?(purge: CachePurge): Promise<unknown>;
}

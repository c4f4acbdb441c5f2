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

/** What the page shows of a listener; JSON has all that it is. */
export interface ListenerLine {
  key: string;
  state: string;
  protocol?: string;
  hostname?: string;
  port?: number;
  bound?: ReadonlyArray<string>;
  message?: string;
}

/** What the page shows of a mistake. */
export interface ToldProblem {
  severity: 'error' | 'warning' | 'info';
  file: string;
  line: number;
  object: string;
  field: string;
  message: string;
}

/** An object with its conditions. */
export interface ToldObject {
  kind: string;
  metadata: { namespace?: string; name: string };
  status?: unknown;
}

/** The live parts that the answers are made of. */
export interface AdminParts {
  readiness(): Readiness;
  metrics(): Promise<MetricsSnapshot>;
  /** `{ items, diagnostics }`, as `daemun check -o json` prints them; absent: that is another's to tell. */
  status?(): { items?: ReadonlyArray<ToldObject>; diagnostics: ReadonlyArray<ToldProblem> };
  /** What the data planes were told to serve. */
  config(): Snapshot;
  /** What control computes of what; absent: nothing is. */
  graph?(): unknown;
  /** Each listener, and where it is bound or why it is not. */
  listeners(): ReadonlyArray<ListenerLine>;
  /** Has every data plane of this process forget answers that it keeps; absent: none keeps any. */
  purge?(purge: CachePurge): Promise<unknown>;
}

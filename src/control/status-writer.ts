/** Where statuses go: into memory, for whoever asks, or to the objects of a cluster. */
import type { ObjectStatus } from '../translate/index.ts';

export interface StatusChange {
  /** `Kind/namespace/name`. */
  key: string;
  /** Absent: the object is gone, or none of ours any more. */
  after?: ObjectStatus | undefined;
}

export interface StatusWriter {
  /** Takes what changed in one batch. Must not wait: a writer to somewhere slow keeps a queue of its own. */
  write(changes: ReadonlyArray<StatusChange>): void;
}

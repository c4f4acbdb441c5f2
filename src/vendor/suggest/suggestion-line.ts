import type { Finding } from '../finding.ts';

/** One field of one object: what is like it here. */
export interface SuggestionLine extends Finding {
  /** `Kind namespace/name`. */
  object: string;
}

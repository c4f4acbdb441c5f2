import type { SessionClaim } from './session.ts';

/** Kept for as long as the request may be sent again. */
export interface Aim {
  /** Of a consistent hash; NO_HASH: of none. */
  readonly hash: number;
  readonly session: SessionClaim | null;
}

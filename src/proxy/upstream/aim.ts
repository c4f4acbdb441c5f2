/** Where a request wants to go among the endpoints of its backend, read from its head while that is there. */
import type { Head } from '../ground/head.ts';
import type { SessionClaim } from './session.ts';

/** A request as far as it can say where it goes. */
export interface SteeredRequest {
  readonly head: Head;
  readonly clientAddress: string;
  /** Length of the path prefix that its rule's match covers. */
  readonly matchedPrefix: number;
  /** It came by TLS. */
  readonly secure: boolean;
}

/** Kept for as long as the request may be sent again. */
export interface Aim {
  /** Of a consistent hash; NO_HASH: of none. */
  readonly hash: number;
  readonly session: SessionClaim | null;
}

import type { Head } from '../ground/head.ts';

/** A request as far as it can say where it goes. */
export interface SteeredRequest {
  readonly head: Head;
  readonly clientAddress: string;
  /** Length of the path prefix that its rule's match covers. */
  readonly matchedPrefix: number;
  /** It came by TLS. */
  readonly secure: boolean;
}

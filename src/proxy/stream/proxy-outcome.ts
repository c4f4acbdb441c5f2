/** What a PROXY header says, in either of its forms. */
import type { SocketAddress } from './socket-address.ts';

export interface ProxyAddresses {
  source: SocketAddress;
  destination: SocketAddress;
}

export interface ProxyHeader {
  kind: 'header';
  /** Bytes that the header takes. */
  length: number;
  /** Absent: the sender does not say (UNKNOWN, LOCAL, an address family that is not IP); the link's own hold. */
  addresses?: ProxyAddresses;
}

/** `absent`: the connection begins with something else than a header. */
export type ProxyOutcome = ProxyHeader | { kind: 'incomplete' } | { kind: 'malformed'; reason: string; absent?: true };

/**
 * Where bytes come from and go to. The engine knows only this: `net` sockets, TLS, memory (tests, fuzzing) or a
 * faster driver later are all the same to it.
 */
import type { X509Certificate } from 'node:crypto';
import type { EndpointTls } from '../../config/index.ts';

/** What a connection tells the engine. One object for the life of the connection; no closures per event. */
export interface Sink {
  /** ARENA[start,end) was received; it must be used or copied before returning. */
  onBytes(start: number, end: number): void;
  /** The peer will send no more (FIN). The connection can still be written to. */
  onEnd(): void;
  /** What was written has left: called once after a `send` that answered false. */
  onDrain(): void;
  /** The connection is gone, and nothing else follows. `error` is absent after an orderly end. */
  onClose(error: NodeJS.ErrnoException | undefined): void;
  /** Of a connection made by `connect`: it is open (TLS: verified, and `link.alpn` is known). */
  onOpen(): void;
}

/** Of connections that are turned away, or whose bytes are another's: nothing they send matters. */
export const DISCARD: Sink = { onBytes() {}, onEnd() {}, onDrain() {}, onOpen() {}, onClose() {} };

/** One connection. */
export interface Link {
  /** Latin-1 text or bytes that the driver may keep until sent. False: above the mark, wait for onDrain. */
  send(data: string | Uint8Array): boolean;
  /** Stop and start reading. Neither calls the sink before it returns. */
  pause(): void;
  resume(): void;
  /**
   * 'end' sends what was written, then FIN; 'reset' drops everything at once, so that the peer sees that it was cut;
   * 'leave' does the same and then does not wait for the peer to end its side: the kernel goes on sending what it has.
   */
  close(how: 'end' | 'reset' | 'leave'): void;
  /**
   * Of a connection on which nothing is due: it has come to its end, or something has come, which nobody has been told of yet. What
   * has come may be lost by the look: the connection is then not used again. Absent: that cannot be found out.
   */
  hasEnded?(): boolean;
  /** Hands the connection to another sink, such as a codec found by its first bytes. */
  sink: Sink;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** Bytes not yet taken by the kernel. */
  readonly pending: number;
  readonly tls: LinkTls | undefined;
}

/** What TLS settled on a connection. */
export interface LinkTls {
  /** SNI, lower case, or ''. */
  serverName: string;
  alpn: string;
  version: string;
  cipher: string;
  /** DER of the client's certificate where it was presented, and whether it verified. */
  peerCertificate?: Buffer;
  peerVerified: boolean;
  /** Let in to be told why he is turned away: he gets that page and nothing else, not even once nobody tells it any more. */
  turnedAway?: boolean;
  /** Header lines that tell backends of it, where the listener says which. */
  identityLines?: string;
}

export interface ConnectTarget {
  address: string;
  port: number;
  tls?: ConnectTls | undefined;
  /** The first bytes of the connection, before TLS: a PROXY header. */
  preamble?: Uint8Array | undefined;
}

export interface LinkAddress {
  address: string;
  port: number;
}

/** Both ends of a connection, as the proxy before us knows them. */
export interface LinkAddresses {
  source: LinkAddress;
  destination: LinkAddress;
}

/** Options of a TLS client connection, made once for a Backend. */
export interface ConnectTls {
  serverName: string;
  ca: string[] | undefined;
  certificate?: string;
  privateKey?: string;
  alpn: string[];
  versions?: EndpointVersions;
  /** How far away its authorities may be; absent: as far as they are. */
  depth?: ChainDepth;
  /** Whoever answers is believed. */
  unverified?: true;
  /** Error text where the peer's certificate does not fit, else undefined. */
  verify(host: string, certificate: unknown): Error | undefined;
}

/** What is spoken; what is not said is as usual. */
export type EndpointVersions = Pick<EndpointTls, 'minVersion' | 'maxVersion' | 'ciphers' | 'curves'>;

/** At most so many authorities stand between a certificate and a root that is trusted. */
export interface ChainDepth {
  most: number;
  authorities: readonly X509Certificate[];
}

export interface Driver {
  /** Opens a connection; `sink.onOpen` or `sink.onClose` follows. The caller owns the connect deadline. */
  connect(target: ConnectTarget, sink: Sink): Link;
}

/** One bound port: a socket (UDP: one for each address) and what serves on it. One member of the family a protocol. */
import type { Listener, RouteRule, Snapshot } from '../../config/index.ts';
import type { ListeningSocket, SocketTarget } from '../listen/index.ts';
import type { RouteTable } from '../route/index.ts';

export type PortTarget = SocketTarget;

/** What a port serves at one version of the config. */
export interface PortContent {
  /** Those that share the port; at least one. */
  listeners: readonly Listener[];
  /** Of TLSRoutes, TCPRoutes and UDPRoutes that attach to the listeners. */
  rules: readonly RouteRule[];
  /** HTTP routes. */
  table: RouteTable;
  config: Snapshot;
}

/** Puts in place what was compiled before. It cannot fail. */
export type Swap = () => void;

/** Made with its first content, which its constructor compiles; a port that is not opened leaves nothing behind. */
export interface Port {
  /** `address:port` as bound; empty while it is not open. */
  readonly bound: readonly string[];
  /** Rejects with a DaemunError where the port cannot be bound. */
  open(target: PortTarget): Promise<void>;
  /**
   * Compiles the content, and throws where that cannot be. Once swapped in, new requests, connections and sessions see
   * it; the socket stays open.
   */
  prepare(content: PortContent): Swap;
  /** The socket it listens on, for a successor of another kind. It accepts nothing more; what it accepted goes on. */
  release(): ListeningSocket | undefined;
  /** Instead of `open`: listens on the socket of the port before it. */
  takeOver(socket: ListeningSocket): void;
  /**
   * Takes what the kernel holds for it, listens no more, and resolves with how many live on it; they go on as before.
   * Absent: the kernel holds nothing for it alone.
   */
  stop?(): Promise<number>;
  /** Some connection has begun its handshake, and is not done with it. */
  readonly arriving?: boolean;
  /**
   * Nothing new; resolves when what is under way has ended, or was ended after `timeout` milliseconds. Asked again, the
   * earlier end counts.
   */
  drain(timeout: number): Promise<void>;
}

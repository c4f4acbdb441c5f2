/** Every limit of TCP and UDP streams. Times in milliseconds, sizes in bytes. */
export interface StreamLimits {
  /** A TCP connection on which nothing moves in either direction is reset after this. */
  idleTimeout: number;
  /** The same once one side has ended (FIN): the other may still send, but a forgotten half must not stay for long. */
  halfCloseTimeout: number;
  /** For one attempt to connect to an endpoint, its TLS handshake included. */
  connectTimeout: number;
  /** How many endpoints are tried for one connection, at most. */
  connectAttempts: number;
  /**
   * Connections relayed at a time on one bound port; the next one is reset. One whose receivers do not read holds up
   * to 128 KiB in each direction, twice what a link takes before it says that it is full.
   */
  maxConnections: number;
  /** From accept to the end of the ClientHello: as long as a handshake, since busy clients connect first and greet later. */
  helloTimeout: number;
  /** From accept to the end of the PROXY header, which proxies write at once. */
  proxyHeaderTimeout: number;
  /** Of a ClientHello, with record headers and whatever came in the same reads. */
  maxHelloBytes: number;
  /** Connections at a time on one bound port that have not said yet what they are; the next one is reset. */
  maxPeeking: number;
  /** Bytes that ClientHellos hold at a time on one bound port; above it one that holds more than MAX_FAIR_HELLO is reset. */
  maxPeekedBytes: number;
  /** A UDP session without a datagram in either direction ends after this. */
  sessionIdleTimeout: number;
  /** Sessions at a time on one UDP listener. Each holds a socket, so this also bounds file descriptors. */
  maxSessions: number;
  /**
   * In a full table, a session whose client has been silent for this long may be replaced. One whose client never
   * sent again after an answer (as a forged source never does) may be replaced at once.
   */
  sessionEvictAfter: number;
}

export const DEFAULT_STREAM_LIMITS: Readonly<StreamLimits> = {
  idleTimeout: 3_600_000,
  halfCloseTimeout: 300_000,
  connectTimeout: 5_000,
  connectAttempts: 3,
  maxConnections: 16_384,
  helloTimeout: 30_000,
  proxyHeaderTimeout: 10_000,
  maxHelloBytes: 64 * 1024,
  maxPeeking: 12_288,
  maxPeekedBytes: 32 * 1024 * 1024,
  sessionIdleTimeout: 60_000,
  maxSessions: 4_096,
  sessionEvictAfter: 1_000,
};

export function streamLimits(given: Partial<StreamLimits> = {}): StreamLimits {
  return { ...DEFAULT_STREAM_LIMITS, ...given };
}

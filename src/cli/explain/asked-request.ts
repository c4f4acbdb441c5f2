/** A request that is asked about. */
export interface AskedRequest {
  method: string;
  scheme: 'http' | 'https';
  /** Host header, lower case, without port. */
  host: string;
  /** SNI, or '' over plain HTTP. */
  serverName: string;
  /** As written in Gateways. */
  port: number;
  /** Path and query, as they are served. */
  target: string;
  /** As they were sent, where they are served in another form. */
  sent?: string;
  headers: Array<readonly [name: string, value: string]>;
  /** Address at the other end of the connection; absent: nobody said. */
  peer?: string;
  /** Bytes of its body; absent: it has none. */
  bodyBytes?: number;
  /** DER, taken for one that the listener has verified. */
  certificate?: Buffer;
  /** Who asks, as if authentication had found that out; absent: it is asked. */
  claims?: Record<string, unknown>;
  /** A call of gRPC: what the gateway answers by itself has a gRPC status. */
  grpc?: true;
}

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
  /** A call of gRPC: what the gateway answers by itself has a gRPC status. */
  grpc?: true;
}

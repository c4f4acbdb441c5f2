/** Where connections and sessions of one Backend go. The upstream's balancers implement it. */
export interface StreamEndpoint {
  readonly address: string;
  readonly port: number;
}

export interface EndpointPicker {
  /** The next endpoint for this client, or undefined where none can be used; `avoid`: one that just failed. */
  pick(client: string, avoid?: StreamEndpoint): StreamEndpoint | undefined;
  /** It could not be connected to, or (UDP) answered that its port is closed. */
  failed(endpoint: StreamEndpoint, why?: 'connect_timeout' | 'connect_refused'): void;
  /** A connection to it opened, or (UDP) it answered. */
  succeeded(endpoint: StreamEndpoint): void;
  /** Called once for each pick, when its connection or session is over. */
  release(endpoint: StreamEndpoint): void;
}

export interface Outcome {
  /** denied: a policy or a filter that guards refuses it. */
  kind: 'proxied' | 'answered' | 'denied' | 'error';
  /** Where the gateway answers by itself. */
  status?: number;
  /** The same in gRPC, where that is asked about. */
  grpcStatus?: string;
  reason: string;
}

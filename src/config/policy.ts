/** A policy, attached by key and merged where it is used. `spec` is read by the policy type's own file. */
export interface Policy {
  kind: 'Policy';
  key: string;
  type: string;
  /** The object it is attached to. */
  target: { kind: 'Listener' | 'RouteRule' | 'Backend'; key: string };
  spec: unknown;
}

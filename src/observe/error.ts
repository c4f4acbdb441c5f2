/**
 * Operational errors. Each has a stable code, and docs/errors.md describes every code; a test compares the two.
 * A user's mistake in a resource is a condition or a diagnostic instead, and an impossible state an assertion.
 */
export const ERROR_CODES = {
  DMN_PORT_IN_USE: 'Another process listens on the port that a listener asks for.',
  DMN_PORT_CONFLICT: 'Two listeners want the same port and cannot share it.',
  DMN_PORT_DENIED: 'The process may not bind the port that a listener asks for.',
  DMN_ADDRESS_UNAVAILABLE: 'The address that a listener asks for is not on this machine.',
  DMN_LISTEN_FAILED: 'A socket could not be opened for another reason.',
  DMN_CERTIFICATE_INVALID: 'A certificate, key or CA bundle cannot be used by TLS.',
  DMN_CONFIG_INVALID: 'A config object cannot be used by the data plane.',
  DMN_CLUSTER_ACCESS: 'How to reach the cluster cannot be told from what a run was given.',
  DMN_SNAPSHOT_PLACE: 'The folder for the snapshot of a data plane cannot be used, or must not be.',
  DMN_CONTROLLER_SHARED: 'Another installation in the cluster takes the same GatewayClasses for its own.',
  DMN_STREAM_FLOOD: 'A data plane says more to its controller than it was asked for, or connects too often.',
  DMN_MANIFESTS_UNREADABLE: 'A path of manifests cannot be read when a run starts.',
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export class DaemunError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DaemunError';
    this.code = code;
  }
}

import type { Backend } from '../../config/index.ts';

/** A Backend that a route needs. */
export interface BackendUse {
  key: string;
  service: Backend['service'];
  protocol: Backend['protocol'];
  /** A BackendTLSPolicy asks for TLS, and we are the ones to speak it. */
  tls: boolean;
  /** What the Gateway shows there: key of a Certificate. */
  clientCertificate?: string;
  /** The port's appProtocol says so: without a policy that asks for TLS nothing may be sent there. */
  needsTls?: true;
  /** Calls of gRPC go there. */
  grpc?: true;
  /** Why nothing may be sent there. */
  fault?: string;
  /** What is done as written, and most likely not meant. */
  remark?: string;
}

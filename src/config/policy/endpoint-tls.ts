/** How TLS to endpoints is made, besides what a BackendTLSPolicy has to say of it: who must answer. */
import * as v from 'valibot';
import { key, object, type Shape } from '../shape.ts';
import type { TlsVersion } from './client-tls.ts';

export interface EndpointTls {
  /** TLS that does not ask who answers; where a BackendTLSPolicy has TLS, that asks. */
  verification?: 'Disabled';
  /** Sent as SNI where nobody is asked for. */
  serverName?: string;
  /** Absent: 1.2. */
  minVersion?: TlsVersion;
  maxVersion?: TlsVersion;
  /** As OpenSSL names them. Of the suites of TLS 1.3, and of those before, the usual ones stay where none is named. */
  ciphers?: string[];
  /** As OpenSSL names them, in order of preference. */
  curves?: string[];
  /** Authorities between the endpoint's certificate and a root that is trusted, at most. */
  verifyDepth?: number;
  /** Key of a Certificate that is shown, in the place of the Gateway's. */
  clientCertificate?: string;
  /** Why it cannot be followed: nothing is sent. */
  broken?: string;
}

const version = v.picklist(['1.0', '1.1', '1.2', '1.3']);
const names = v.pipe(v.array(key), v.minLength(1));

export const endpointTls: Shape<EndpointTls> = object<EndpointTls>({
  verification: v.optional(v.literal('Disabled')),
  serverName: v.optional(v.string()),
  minVersion: v.optional(version),
  maxVersion: v.optional(version),
  ciphers: v.optional(names),
  curves: v.optional(names),
  verifyDepth: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  clientCertificate: v.optional(key),
  broken: v.optional(v.string()),
});

/** Which certificates clients of a listener show, and what backends hear of them. A policy of its own, since it guards. */
import * as v from 'valibot';
import { key, object } from '../shape.ts';
import type { PolicyOf, PolicyType } from './policy.ts';

export type ClientCertificates = PolicyOf<'ClientCertificates', 'Listener', ClientCertificateSettings>;

export interface ClientCertificateSettings {
  /** Object key of the policy that says so. */
  source: string;
  /**
   * Required: who shows no valid one is turned away. Optional: who shows one that is not valid. OptionalUnverified: nobody,
   * and what is not valid is told as such.
   */
  mode: 'Required' | 'Optional' | 'OptionalUnverified';
  /** Keys of TrustBundles. */
  trust: string[];
  /** Keys of Credentials that hold lists of revoked certificates. */
  revoked: string[];
  /** Authorities between the client's certificate and a root, at most; absent: as many as TLS takes. */
  depth?: number;
  forward: CertificateForwarding;
  /** Where requests of those are sent who would be turned away; absent: they are, in the handshake. */
  errorPage?: string;
  /** Why nobody is let in. */
  broken?: string;
}

/** What of a certificate goes on to backends, as header lines. */
export interface CertificateForwarding {
  /** Client-Cert (RFC 9440). */
  certificate: boolean;
  /** Client-Cert-Chain. */
  chain: boolean;
  /** ssl-client-verify, -subject-dn and -issuer-dn; and with Certificate ssl-client-cert. */
  nginxHeaders?: 'Names' | 'Certificate';
}

export const clientCertificates: PolicyType<'Listener', ClientCertificateSettings> = {
  targets: ['Listener'],
  merge: 'whole',
  guards: true,
  stages: ['connection'],
  shape: object<ClientCertificateSettings>({
    source: key,
    mode: v.picklist(['Required', 'Optional', 'OptionalUnverified']),
    trust: v.array(key),
    revoked: v.array(key),
    depth: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
    forward: object<CertificateForwarding>({
      certificate: v.boolean(),
      chain: v.boolean(),
      nginxHeaders: v.optional(v.picklist(['Names', 'Certificate'])),
    }),
    errorPage: v.optional(v.pipe(v.string(), v.regex(/^https?:\/\/[\x21-\x7e]+$/))),
    broken: v.optional(v.string()),
  }),
  credentials: ({ revoked }) => revoked,
  trust: ({ trust }) => trust,
  shown: (spec) => spec,
};

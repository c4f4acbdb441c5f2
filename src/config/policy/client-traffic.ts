import * as v from 'valibot';
import { cidr, object } from '../shape.ts';
import type { PolicyOf, PolicyType } from './policy.ts';

/** How connections of clients are taken. */
export type ClientTraffic = PolicyOf<'ClientTraffic', 'Listener', ClientTrafficSpec>;

export interface ClientTrafficSpec {
  proxyProtocol?: ProxyProtocolFromClients;
  connection?: ClientConnections;
  headers?: ClientHeaders;
  /** Absent: Normalize. */
  pathForm?: PathForm;
  /** Absent: Intermediate. */
  tlsProfile?: TlsProfile;
}

/** Of one request. Absent: what the data plane was started with. */
export interface ClientHeaders {
  /** 1,024 at most; more lines than these are refused (431). */
  maxLines: number;
}

/** What TLS speaks where it ends: Mozilla's sets of versions, cipher suites, curves and signature algorithms. */
export type TlsProfile = 'Modern' | 'Intermediate' | 'Old';

/**
 * What becomes of a path that is not in normal form: it is brought into it, or served as it came, or refused (400).
 * One path is matched, seen by filters and policies, and sent to the backend.
 */
export type PathForm = 'Normalize' | 'Keep' | 'Reject';

/** The same for all listeners of a port: the header comes before anything that tells them apart. */
export interface ProxyProtocolFromClients {
  /** Required: connections without a header are closed, and so are those from elsewhere than `trustedSources`. */
  mode: 'Required' | 'Optional';
  /** CIDRs; a header from elsewhere is not read, and so is part of what the client says. */
  trustedSources: string[];
}

/** The same for all listeners of a port: connections come before what tells them apart. */
export interface ClientConnections {
  /** At a time, in each worker; one too many is refused. */
  maxConnections: number;
}

export const clientTraffic: PolicyType<'Listener', ClientTrafficSpec> = {
  targets: ['Listener'],
  merge: 'whole',
  stages: ['connection', 'listener'],
  shape: object<ClientTrafficSpec>({
    proxyProtocol: v.optional(
      object<ProxyProtocolFromClients>({
        mode: v.picklist(['Required', 'Optional']),
        trustedSources: v.array(cidr),
      }),
    ),
    connection: v.optional(
      object<ClientConnections>({ maxConnections: v.pipe(v.number(), v.integer(), v.minValue(1)) }),
    ),
    headers: v.optional(object<ClientHeaders>({ maxLines: v.pipe(v.number(), v.integer(), v.minValue(1)) })),
    pathForm: v.optional(v.picklist(['Normalize', 'Keep', 'Reject'])),
    tlsProfile: v.optional(v.picklist(['Modern', 'Intermediate', 'Old'])),
  }),
  shown: ({ proxyProtocol, connection, headers, pathForm, tlsProfile }) => ({
    proxyProtocol,
    connection,
    headers,
    pathForm,
    tlsProfile,
  }),
};

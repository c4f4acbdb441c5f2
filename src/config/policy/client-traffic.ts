import * as v from 'valibot';
import { headerFault } from '../header-line.ts';
import { cidr, object } from '../shape.ts';
import {
  type ClientHttp2,
  type ClientKeepAlive,
  clientHttp2,
  clientKeepAlive,
  type EarlyHints,
  earlyHints,
} from './client-connection.ts';
import { type ClientTls, clientTls } from './client-tls.ts';
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
  tls?: ClientTls;
  keepAlive?: ClientKeepAlive;
  http2?: ClientHttp2;
  /** Absent: those of backends go to everybody. */
  earlyHints?: EarlyHints;
  body?: ClientBody;
  requestId?: ClientRequestId;
  hsts?: Hsts;
  clientAddress?: ClientAddress;
}

/** Of one request. Absent: what the data plane was started with. */
export interface ClientHeaders {
  /** 1,024 at most; more lines than these are refused (431). */
  maxLines?: number;
  /** Of a whole head; less than what is parsed at most (431). */
  maxBytes?: number;
  /** Milliseconds for a whole head, from its first byte (408). */
  timeout?: number;
  /** Lines whose name has a '_', which CGI-like backends take for a '-'. Absent: Allow. */
  underscores?: 'Allow' | 'Drop' | 'Reject';
}

/** Of one request. */
export interface ClientBody {
  /** More is refused (413). */
  maxBytes?: number;
  /** Milliseconds between two pieces of it (408). */
  timeout?: number;
}

export interface ClientRequestId {
  /** A line that carries the id besides X-Request-Id, and from which it is kept. */
  header?: string;
  /** An id that a client sends is kept, whoever that is. */
  keep?: boolean;
}

/** Strict-Transport-Security of answers over TLS, in the place of the backend's. */
export interface Hsts {
  /** Seconds. */
  maxAge: number;
  includeSubdomains: boolean;
  preload: boolean;
}

/** Whom requests come from where gateways stand before this one. */
export interface ClientAddress {
  /** CIDRs of those who are believed, besides those that the data plane was started with. */
  trustedSources: string[];
  /** How many stand before this one: the client is so many from the end of X-Forwarded-For. */
  hops?: number;
  /** A line that holds the client's address, in the place of X-Forwarded-For. */
  header?: string;
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

const atLeastOne = v.pipe(v.number(), v.integer(), v.minValue(1));
const fieldName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/, 'is no name of a header'));

/** One that the gateway may write besides those that are its own: no Host, no Content-Length. */
const writtenName = v.pipe(
  fieldName,
  v.check((name) => headerFault(name, 'x') === undefined, 'is no header that may be set'),
);

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
    headers: v.optional(
      object<ClientHeaders>({
        maxLines: v.optional(atLeastOne),
        maxBytes: v.optional(atLeastOne),
        timeout: v.optional(atLeastOne),
        underscores: v.optional(v.picklist(['Allow', 'Drop', 'Reject'])),
      }),
    ),
    body: v.optional(object<ClientBody>({ maxBytes: v.optional(atLeastOne), timeout: v.optional(atLeastOne) })),
    requestId: v.optional(object<ClientRequestId>({ header: v.optional(writtenName), keep: v.optional(v.boolean()) })),
    hsts: v.optional(
      object<Hsts>({
        maxAge: v.pipe(v.number(), v.integer(), v.minValue(0)),
        includeSubdomains: v.boolean(),
        preload: v.boolean(),
      }),
    ),
    clientAddress: v.optional(
      object<ClientAddress>({
        trustedSources: v.array(cidr),
        hops: v.optional(atLeastOne),
        header: v.optional(fieldName),
      }),
    ),
    pathForm: v.optional(v.picklist(['Normalize', 'Keep', 'Reject'])),
    tlsProfile: v.optional(v.picklist(['Modern', 'Intermediate', 'Old'])),
    tls: v.optional(clientTls),
    keepAlive: v.optional(clientKeepAlive),
    http2: v.optional(clientHttp2),
    earlyHints: v.optional(earlyHints),
  }),
  shown: (spec) => spec,
};

/**
 * The contract between translate and proxy. Objects mirror what users wrote, and children name
 * parents, so that one edit is one small message. Everything here is plain JSON: it travels in
 * memory, over a worker's channel and, in a cluster, over the control stream.
 */
import type { Backend, Endpoints } from './backend.ts';
import type { Credential } from './credential.ts';
import type { Listener } from './listener.ts';
import type { Policy } from './policy/index.ts';
import type { RouteRule } from './route.ts';

/** A TLS server or client certificate with its key. Key: `namespace/secret`. */
export interface Certificate {
  kind: 'Certificate';
  key: string;
  /** PEM, leaf first. */
  certificate: string;
  /** PEM. */
  privateKey: string;
}

/** CA certificates that somebody is verified against. Key: `ConfigMap/namespace/name` or `Secret/namespace/name`. */
export interface TrustBundle {
  kind: 'TrustBundle';
  key: string;
  /** One or more PEM certificates. */
  pem: string;
}

/**
 * What is shown to a certificate authority that asks over TLS whether a host is served here (RFC 8737). Key: the host,
 * lower case.
 */
export interface Challenge {
  kind: 'Challenge';
  key: string;
  /** Keys of the Listeners on whose ports it is expected: they are open even without a certificate. */
  listeners: string[];
  /** PEM. */
  certificate: string;
  privateKey: string;
}

export type ConfigObject =
  | Listener
  | RouteRule
  | Backend
  | Endpoints
  | Certificate
  | TrustBundle
  | Challenge
  | Credential
  | Policy;
export type ConfigKind = ConfigObject['kind'];

/** Names one object among all kinds. */
export interface ConfigRef {
  kind: ConfigKind;
  key: string;
}

/** A step from one version of the config to the next. Versions count up by one from 1. */
export interface Delta {
  version: number;
  upserts: ConfigObject[];
  removals: ConfigRef[];
}

/** What one data plane says after it tried a delta. It serves `version`, without the rejected objects' new forms. */
export interface Ack {
  version: number;
  /** Which data plane: `worker-0`, or a pod's name. */
  proxy: string;
  /** Objects whose new form could not be used; their last good form is kept. */
  rejected: Array<ConfigRef & { code: string; message: string }>;
  /** Every listener of the config, and whether its socket is open. */
  listeners: ListenerState[];
  /** Endpoints that it does not connect to, whatever objects say; absent: none. */
  refusedEndpoints?: RefusedEndpoint[];
  /** Users' policies that it serves with less than they ask for, as it was started; absent: none. */
  shortfalls?: Shortfall[];
}

export interface Shortfall {
  /** `Kind/namespace/name`. */
  policy: string;
  /** What is missing, and the way out. */
  message: string;
}

export interface RefusedEndpoint {
  /** Of the Backend. */
  key: string;
  /** `address:port`. */
  endpoint: string;
  /** Such as `is link-local`. */
  message: string;
  /** Endpoints of the Backend that are used. */
  left: number;
}

/** What goes wrong at an endpoint, or a store or a disk that policies name, while it is served; told when it begins, and once a minute while it goes on. */
export interface Trouble {
  /**
   * Of the Backend; with `store_away`, `sign_outs_away` and `disk_absent` of the user's policy, `Kind/namespace/name`; with
   * `descriptors_short` of a Listener.
   */
  key: string;
  /** `address:port` (of a Listener as it is bound), or the name that does not resolve, or the store or the disk in words. */
  endpoint: string;
  /**
   * Why no connection could be opened; `invalid_answer`: what it says is no HTTP; `unresolved`: the name has no address; `unhealthy`: a health check fails;
   * `store_away`: limits are to be shared by it; `sign_outs_away`: it says who has signed out;
   * `disk_absent`: answers are to be kept on a disk, and the data plane has none;
   * `descriptors_short`: clients are turned away, since its process has no descriptors left for them.
   */
  what:
    | 'connect_refused'
    | 'connect_timeout'
    | 'tls_failed'
    | 'invalid_answer'
    | 'unresolved'
    | 'unhealthy'
    | 'store_away'
    | 'sign_outs_away'
    | 'disk_absent'
    | 'descriptors_short';
  /** More of it: what a health check found, in a word, or which rule of HTTP is broken. */
  detail?: string;
  /** How often since it was told last; 0: it is over. */
  count: number;
}

export interface ListenerState {
  key: string;
  state: 'serving' | 'failed';
  /** `address:port` as bound, after the port map; one per address. */
  bound: string[];
  /** Where failed: a code from observe's error list, such as `DMN_PORT_IN_USE`. */
  code?: string;
  message?: string;
}

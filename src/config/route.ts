import type { ExternalAuth } from './external-auth.ts';
import type { SessionPersistence } from './session.ts';

/** The kinds of routes that attach to listeners. */
export type RouteKind = 'HTTPRoute' | 'GRPCRoute' | 'TLSRoute' | 'TCPRoute' | 'UDPRoute';

/**
 * One rule of a route. Key: `HTTPRoute/namespace/name/index`, followed by `;n` where listeners reach its backends in
 * different ways and one rule of the user's becomes several.
 */
export interface RouteRule {
  kind: 'RouteRule';
  key: string;
  route: { kind: RouteKind; namespace: string; name: string };
  index: number;
  /** The rule's own name, where it has one. */
  name?: string;
  /** metadata.creationTimestamp (RFC 3339), or '' where there is none: then namespace/name decides precedence. */
  created: string;
  attachments: Attachment[];
  /** At least one; a rule without matches has the default match `PathPrefix /`. Empty for TLS, TCP and UDP. */
  matches: HttpMatch[];
  filters: Filter[];
  backends: WeightedBackend[];
  timeouts?: Timeouts;
  retry?: Retry;
  /** Requests of a session go to one endpoint; in the place of what its backend's policy says. */
  sessionPersistence?: SessionPersistence;
  /** Why the rule as a whole cannot be served (an unknown filter, say): requests that match get a 500. */
  broken?: string;
}

/** A listener that a rule serves on, and the hostnames it serves there. */
export interface Attachment {
  /** Key of a Listener. */
  listener: string;
  /** Intersection of the route's and the listener's hostnames; `['*']` where neither names one. */
  hostnames: string[];
  /**
   * The route's own hostnames that intersect, as written (`['*']` where it names none). Where present, these decide
   * precedence among routes whose intersections are equal (GatewayRouteHostnameIntersectionPrecedence).
   */
  routeHostnames?: string[];
}

/**
 * GRPCRoute method matches arrive as paths: Exact `/service/method`, PathPrefix `/service`, RegularExpression, or PathPrefix `/`
 * with `call`.
 */
export interface HttpMatch {
  path: { type: 'Exact' | 'PathPrefix' | 'RegularExpression'; value: string };
  method?: string;
  /** Method of gRPC, of whatever service: the second and last element of the path. */
  call?: string;
  headers: ValueMatch[];
  query: ValueMatch[];
}

export interface ValueMatch {
  type: 'Exact' | 'RegularExpression';
  /** Header names lower case; query parameter names as written. */
  name: string;
  value: string;
}

export interface HeaderLine {
  name: string;
  value: string;
}

export interface HeaderModifier {
  set: HeaderLine[];
  add: HeaderLine[];
  remove: string[];
}

export type PathModifier = { type: 'ReplaceFullPath'; value: string } | { type: 'ReplacePrefixMatch'; value: string };

export type Filter =
  | ({ type: 'RequestHeaderModifier' } & HeaderModifier)
  | ({ type: 'ResponseHeaderModifier' } & HeaderModifier)
  | RedirectFilter
  | { type: 'URLRewrite'; hostname?: string; path?: PathModifier }
  | MirrorFilter
  | CorsFilter
  | DirectAnswerFilter
  | ExternalAuthConfig;

export interface RedirectFilter {
  type: 'RequestRedirect';
  scheme?: 'http' | 'https';
  hostname?: string;
  port?: number;
  path?: PathModifier;
  statusCode: 301 | 302 | 303 | 307 | 308;
}

export interface MirrorFilter {
  type: 'RequestMirror';
  /** Key of a Backend. */
  backend: string;
  /** Share of requests that is copied; 1/1 for all. */
  fraction: { numerator: number; denominator: number };
}

export interface CorsFilter {
  type: 'CORS';
  allowOrigins: string[];
  allowCredentials: boolean;
  allowMethods: string[];
  allowHeaders: string[];
  exposeHeaders: string[];
  /** Seconds. */
  maxAge: number;
}

/** A request passes where a service says so. */
export type ExternalAuthConfig = { type: 'ExternalAuth' } & ExternalAuth;

/** Answers with what it holds. No filter of a route becomes this: control answers challenges of certificate authorities so. */
export interface DirectAnswerFilter {
  type: 'DirectAnswer';
  status: number;
  contentType: string;
  body: string;
}

export interface WeightedBackend {
  /** Key of a Backend; absent where the reference is broken. */
  backend?: string;
  weight: number;
  filters: Filter[];
  /** Why the reference does not resolve: the weight's share of requests gets a 500. */
  broken?: string;
}

/** Milliseconds; 0 switches the timeout off, absent leaves the proxy's default. */
export interface Timeouts {
  request?: number;
  backendRequest?: number;
}

export interface Retry {
  codes: number[];
  /** How often a request is tried again, at most. */
  attempts: number;
  /** Milliseconds before the first retry; doubled for each further one. Absent: 25. */
  backoff?: number;
  /** Of what is tried again besides statuses. Absent: all but Protocol. */
  failures?: RetriedFailure[];
  /** Of calls that fail before anything else of their answer came. */
  grpcCodes?: number[];
  /** What a second sending may do twice is tried again only where nothing was sent. Without `failures` after a Reset in any case. */
  idempotentOnly?: boolean;
  /** Milliseconds of one try, where the rule has no backendRequest timeout. */
  perTry?: number;
  /** Milliseconds from the request's beginning after which no retry begins. */
  within?: number;
}

/**
 * Connect: no connection could be opened. Reset: it was cut before an answer. Timeout: no answer in time. Protocol: what
 * came is no answer.
 */
export type RetriedFailure = 'Connect' | 'Reset' | 'Timeout' | 'Protocol';

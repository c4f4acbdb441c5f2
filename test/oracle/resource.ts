/** The part of the Gateway API that the model knows, in the form in which users write it. */

export interface Metadata {
  name: string;
  namespace: string;
  creationTimestamp?: string;
}

export interface Selector {
  from?: 'All' | 'Same' | 'None' | 'Selector';
  selector?: { matchLabels: Record<string, string> };
}

export interface Listener {
  name: string;
  port: number;
  protocol: 'HTTP' | 'HTTPS';
  hostname?: string;
  allowedRoutes?: { namespaces?: Selector; kinds?: Array<{ kind: string }> };
  tls?: object;
}

export interface Gateway {
  metadata: Metadata;
  spec: { gatewayClassName: string; listeners: Listener[]; allowedListeners?: { namespaces?: Selector } };
}

export interface ListenerSet {
  metadata: Metadata;
  spec: { parentRef: { name: string; namespace?: string }; listeners: Listener[] };
}

export interface ParentRef {
  kind?: 'Gateway' | 'ListenerSet';
  namespace?: string;
  name: string;
  sectionName?: string;
  port?: number;
}

export interface PathMatch {
  type?: 'Exact' | 'PathPrefix' | 'RegularExpression';
  value?: string;
}

export interface NamedMatch {
  type?: 'Exact' | 'RegularExpression';
  name: string;
  value: string;
}

export interface HttpMatch {
  path?: PathMatch;
  method?: string;
  headers?: NamedMatch[];
  queryParams?: NamedMatch[];
}

export interface GrpcMatch {
  method?: { service?: string; method?: string };
  headers?: NamedMatch[];
}

export interface HeaderChange {
  set?: Array<{ name: string; value: string }>;
  add?: Array<{ name: string; value: string }>;
  remove?: string[];
}

export interface PathChange {
  type: 'ReplaceFullPath' | 'ReplacePrefixMatch';
  replaceFullPath?: string;
  replacePrefixMatch?: string;
}

export interface Redirect {
  scheme?: string;
  hostname?: string;
  port?: number;
  statusCode?: number;
  path?: PathChange;
}

export interface Cors {
  allowOrigins: string[];
  allowMethods?: string[];
  allowHeaders?: string[];
  exposeHeaders?: string[];
  allowCredentials?: boolean;
  maxAge?: number;
}

export type Filter =
  | { type: 'RequestHeaderModifier'; requestHeaderModifier: HeaderChange }
  | { type: 'ResponseHeaderModifier'; responseHeaderModifier: HeaderChange }
  | { type: 'RequestRedirect'; requestRedirect: Redirect }
  | { type: 'URLRewrite'; urlRewrite: { hostname?: string; path?: PathChange } }
  | { type: 'RequestMirror'; requestMirror: { backendRef: BackendRef; percent?: number } }
  | { type: 'CORS'; cors: Cors };

export interface BackendRef {
  kind?: string;
  namespace?: string;
  name: string;
  port: number;
  weight?: number;
  filters?: Filter[];
}

export interface Rule {
  matches?: Array<HttpMatch | GrpcMatch>;
  filters?: Filter[];
  backendRefs?: BackendRef[];
}

export interface Route {
  kind: 'HTTPRoute' | 'GRPCRoute';
  metadata: Metadata;
  spec: { parentRefs: ParentRef[]; hostnames?: string[]; rules: Rule[] };
}

export interface Grant {
  metadata: Metadata;
  spec: { from: Array<{ group: string; kind: string; namespace: string }>; to: Array<ToService> };
}

interface ToService {
  group: '';
  kind: 'Service';
  name?: string;
}

/** A Service with port 80 (HTTP/1.1) and port 90 (h2c). */
export interface Service {
  metadata: Metadata;
  endpoints: 'ready' | 'none';
}

export interface World {
  gateways: Gateway[];
  listenerSets: ListenerSet[];
  routes: Route[];
  grants: Grant[];
  services: Service[];
}

export interface Request {
  /** The listeners' port as written. */
  port: number;
  version: '1.0' | '1.1' | '2';
  /** Over TLS only; absent: a handshake without a name. */
  serverName?: string;
  method: string;
  /** As it is sent. */
  authority?: string;
  /** A Host line more, or beside `:authority`. */
  secondHost?: string;
  /** The target is sent as a URL. */
  absolute?: boolean;
  /** With its query. */
  target: string;
  headers: Array<[string, string]>;
}

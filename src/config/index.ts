export type { Backend, BackendTls, Endpoint, Endpoints } from './backend.ts';
export type { ClientValidation, Listener, ListenerTls } from './listener.ts';
export type {
  Ack,
  Certificate,
  ConfigKind,
  ConfigObject,
  ConfigRef,
  Delta,
  ListenerState,
  TrustBundle,
} from './object.ts';
export type { Policy } from './policy.ts';
export type {
  Attachment,
  CorsFilter,
  Filter,
  HeaderLine,
  HeaderModifier,
  HttpMatch,
  MirrorFilter,
  PathModifier,
  RedirectFilter,
  Retry,
  RouteKind,
  RouteRule,
  Timeouts,
  ValueMatch,
  WeightedBackend,
} from './route.ts';

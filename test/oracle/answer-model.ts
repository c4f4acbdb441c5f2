/** By the specification: what may come of a request, and what a backend may see of it. */
import { chosenListeners, isAttached, openListeners } from './listener-model.ts';
import { type Found, foundRule, prefixOf, type Seen, seen } from './match-model.ts';
import type {
  BackendRef,
  Cors,
  Filter,
  HeaderChange,
  HttpMatch,
  Metadata,
  PathChange,
  Redirect,
  Request,
  Route,
  World,
} from './resource.ts';

/** One way in which it may go. What is absent is not looked at. */
export interface Way {
  /** One of these; 0 is a handshake that is refused. */
  status: number[];
  /** `namespace/name:port` of who answers. */
  service?: string;
  /** What the backend sees. */
  url?: string;
  host?: string;
  sent?: Map<string, string | undefined>;
  /** Lines of the answer; undefined: not there. */
  answered?: Map<string, string | undefined>;
}

export interface Expected {
  /** For what a failure says. */
  rule: string;
  /** Whether there is a listener on the port at all. */
  listening: boolean;
  ways: Way[];
  mirrors: { always: string[]; perhaps: string[] };
}

/** Lines that filters of the test's worlds change. */
export const CHANGED = ['x-a', 'x-b', 'x-c'] as const;
/** What each backend says of them. */
export const ANSWERED: ReadonlyArray<[string, string]> = [
  ['x-a', 'of the backend'],
  ['x-b', 'of the backend'],
];
const CORS_LINES = ['access-control-allow-origin', 'access-control-allow-credentials'] as const;

function plain(rule: string, ...status: number[]): Expected {
  return { rule, listening: true, ways: [{ status }], mirrors: { always: [], perhaps: [] } };
}

export function expected(world: World, request: Request): Expected {
  const open = openListeners(world);
  if (open.every(({ listener }) => listener.port !== request.port)) return { ...plain('nobody'), listening: false };
  // Without a name the Host alone decides: docs/decisions/tls-by-name.md.
  const tls = request.port === 443 && request.serverName !== undefined;
  const byName = tls ? chosenListeners(open, request.port, request.serverName) : [];
  if (tls && byName.length === 0) return plain('no listener for the name', 0);
  const view = seen(request);
  if (view === undefined) return plain('refused', 400);
  const listeners = chosenListeners(open, request.port, view.host);
  if (tls && listeners[0]?.listener.hostname !== byName[0]?.listener.hostname) {
    return listeners.length === 0 ? plain('no listener', 404) : plain('another listener', 421);
  }
  const routes = world.routes.filter((route) => listeners.some((listener) => isAttached(route, listener)));
  const found = foundRule(routes, view);
  // Where only GRPCRoutes serve the host, what is no call gets 415 (docs/guides/grpc.md).
  if (found === undefined) return view.grpc ? plain('none', 404) : plain('none', 404, 415);
  return ofRule(world, request, { view, found });
}

/** What the filters of one list say; each kind is there once, but for mirrors. */
function filtersOf(filters: Filter[] = []) {
  const one = <T extends Filter['type']>(type: T): Extract<Filter, { type: T }> | undefined =>
    filters.find((filter): filter is Extract<Filter, { type: T }> => filter.type === type);
  return {
    request: one('RequestHeaderModifier')?.requestHeaderModifier,
    response: one('ResponseHeaderModifier')?.responseHeaderModifier,
    redirect: one('RequestRedirect')?.requestRedirect,
    rewrite: one('URLRewrite')?.urlRewrite,
    cors: one('CORS')?.cors,
    mirrors: filters.flatMap((filter) => (filter.type === 'RequestMirror' ? [filter.requestMirror] : [])),
  };
}

function ofRule(world: World, request: Request, { view, found }: { view: Seen; found: Found }): Expected {
  const { rule, route, at } = found;
  const filters = filtersOf(rule.filters);
  const origin = view.headers.get('origin');
  const method = view.headers.get('access-control-request-method');
  const cors = filters.cors === undefined ? undefined : corsLines(filters.cors, origin);
  if (filters.cors && view.method === 'OPTIONS' && origin !== undefined && method !== undefined) {
    return { ...plain(at), ways: [preflight(filters.cors, cors!, method)] };
  }
  if (filters.redirect) {
    const location = locationOf(filters.redirect, request, { view, found });
    // There is nowhere to send a request without a host to.
    if (view.host === undefined && filters.redirect.hostname === undefined) return plain(at, 400);
    const answered = new Map([['location', location]]);
    return { ...plain(at), ways: [{ status: [filters.redirect.statusCode ?? 302], answered }] };
  }
  const refs = (rule.backendRefs ?? []).filter(({ weight = 1 }) => weight > 0);
  const ways = refs.map((ref): Way => {
    const service = leadsTo(world, route, ref);
    if (typeof service === 'number') return { status: [service] };
    const own = filtersOf(ref.filters);
    const lines = applied(new Map(CHANGED.map((name) => [name, view.headers.get(name)])), [
      filters.request,
      own.request,
    ]);
    const answer = applied(new Map(ANSWERED), [filters.response, own.response]);
    const rewrite = filters.rewrite ?? own.rewrite;
    return {
      status: [200],
      service,
      url: (rewrite?.path ? changedPath(rewrite.path, view.path, found) : view.path) + view.query,
      host: rewrite?.hostname ?? request.authority,
      sent: lines,
      answered: new Map([...answer, ...(cors ?? new Map())]),
    };
  });
  const mirrors = filters.mirrors.flatMap(({ backendRef, percent = 100 }) => {
    const to = leadsTo(world, route, backendRef);
    return typeof to === 'number' || percent === 0 ? [] : [{ to, always: percent === 100 }];
  });
  return {
    rule: at,
    listening: true,
    ways: ways.length === 0 ? [{ status: [500] }] : ways,
    mirrors: {
      always: mirrors.filter(({ always }) => always).map(({ to }) => to),
      perhaps: mirrors.map(({ to }) => to),
    },
  };
}

/** `namespace/name:port`, or the status of a reference that leads nowhere. */
export function leadsTo(world: World, route: Route, ref: BackendRef): string | number {
  const namespace = ref.namespace ?? route.metadata.namespace;
  const service = world.services.find(({ metadata }) => metadata.namespace === namespace && metadata.name === ref.name);
  const isGranted =
    namespace === route.metadata.namespace ||
    world.grants.some(
      ({ metadata, spec }) =>
        metadata.namespace === namespace &&
        spec.from.some((from) => from.kind === route.kind && from.namespace === route.metadata.namespace) &&
        spec.to.some(({ name }) => name === undefined || name === ref.name),
    );
  if (ref.kind !== undefined && ref.kind !== 'Service') return 500;
  if (!isGranted || service === undefined || ![80, 90].includes(ref.port)) return 500;
  return service.endpoints === 'none' ? 503 : `${nameOf(service.metadata)}:${ref.port}`;
}

export function nameOf({ namespace, name }: Metadata): string {
  return `${namespace}/${name}`;
}

/** One change after the other; names in any case. */
function applied(
  lines: Map<string, string | undefined>,
  changes: Array<HeaderChange | undefined>,
): Map<string, string | undefined> {
  for (const change of changes) {
    for (const { name, value } of change?.set ?? []) lines.set(name.toLowerCase(), value);
    for (const { name, value } of change?.add ?? []) {
      const before = lines.get(name.toLowerCase());
      lines.set(name.toLowerCase(), before === undefined ? value : `${before},${value}`);
    }
    for (const name of change?.remove ?? []) lines.set(name.toLowerCase(), undefined);
  }
  return lines;
}

function changedPath(change: PathChange, path: string, { match }: Found): string {
  if (change.type === 'ReplaceFullPath') return change.replaceFullPath!;
  const rest = path.slice(prefixOf((match as HttpMatch).path ?? {}).length);
  const start = change.replacePrefixMatch!.replace(/\/$/, '');
  return start + rest === '' ? '/' : start + rest;
}

const WELL_KNOWN: Record<string, number> = { http: 80, https: 443 };

function locationOf(redirect: Redirect, request: Request, { view, found }: { view: Seen; found: Found }): string {
  const scheme = redirect.scheme ?? (request.port === 443 ? 'https' : 'http');
  const host = redirect.hostname ?? request.authority?.replace(/(:\d*)?$/, '') ?? '';
  const port = redirect.port ?? (redirect.scheme === undefined ? request.port : WELL_KNOWN[scheme]!);
  const path = redirect.path ? changedPath(redirect.path, view.path, found) : view.path;
  return `${scheme}://${host}${port === WELL_KNOWN[scheme] ? '' : `:${port}`}${path}${view.query}`;
}

/** With the port that a scheme stands for. */
function withPort(origin: string): string {
  if (/:\d+$/.test(origin)) return origin;
  return `${origin}:${origin.startsWith('https:') ? 443 : 80}`;
}

function isAllowed(origin: string, pattern: string): boolean {
  if (pattern === '*') return true;
  const text = withPort(pattern)
    .split('*')
    .map((part) => part.replace(/[.+?^$(){}|[\]\\]/g, '\\$&'))
    .join('[^/]*');
  return new RegExp(`^${text}$`).test(withPort(origin));
}

/** Undefined where none of them may be there. */
function corsLines(cors: Cors, origin: string | undefined): Map<string, string | undefined> {
  const lines = new Map<string, string | undefined>(CORS_LINES.map((name) => [name, undefined]));
  if (origin === undefined || !cors.allowOrigins.some((pattern) => isAllowed(origin, pattern))) return lines;
  // Of `*` without credentials the specification lets us choose.
  const isAny = cors.allowOrigins.includes('*') && !cors.allowCredentials;
  lines.set('access-control-allow-origin', isAny ? '*' : origin);
  if (cors.allowCredentials) lines.set('access-control-allow-credentials', 'true');
  return lines;
}

function preflight(cors: Cors, lines: Map<string, string | undefined>, method: string): Way {
  if (lines.get('access-control-allow-origin') === undefined) return { status: [200, 204, 403], answered: lines };
  const answered = new Map([...lines, ['access-control-max-age', String(cors.maxAge ?? 5)] as const]);
  const methods = cors.allowMethods;
  if (methods !== undefined && !methods.includes('*')) answered.set('access-control-allow-methods', methods.join(','));
  else if (methods !== undefined && cors.allowCredentials) answered.set('access-control-allow-methods', method);
  return { status: [200, 204], answered };
}

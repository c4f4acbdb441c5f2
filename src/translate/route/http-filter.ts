import type {
  GRPCRouteFilter,
  HTTPCORSFilter,
  HTTPHeaderFilter,
  HTTPPathModifier,
  HTTPRequestMirrorFilter,
  HTTPRequestRedirectFilter,
  HTTPRouteFilter,
} from '../../api/index.ts';
import { ROUTE_REASON } from '../../api/index.ts';
import type { CorsFilter, Filter, HeaderModifier, PathModifier, RedirectFilter } from '../../config/index.ts';
import { type BackendScope, type BackendUse, resolveBackend } from '../backend/backend-ref.ts';
import { type Problem, problem } from '../status/problem.ts';

/** A list of filters, read. */
export interface FilterReading {
  filters: Filter[];
  /** Backends of mirrors. */
  uses: BackendUse[];
  /** References that do not resolve. */
  unresolved: Problem[];
  /** Filters that this gateway does not have, or that contradict each other: what they guard is not served. */
  unsupported: Problem[];
}

export function readFilters(
  scope: BackendScope,
  filters: ReadonlyArray<HTTPRouteFilter | GRPCRouteFilter>,
  field: string,
): FilterReading {
  const reading: FilterReading = { filters: [], uses: [], unresolved: [], unsupported: [] };
  for (const [at, filter] of filters.entries()) readFilter(scope, filter, { reading, field: `${field}[${at}]` });
  const kinds = reading.filters.map(({ type }) => type);
  if (kinds.includes('RequestRedirect') && kinds.includes('URLRewrite')) {
    const message = 'RequestRedirect and URLRewrite cannot stand in one rule: remove one of them';
    reading.unsupported.push(problem(ROUTE_REASON.IncompatibleFilters, field, message));
  }
  return reading;
}

interface Into {
  reading: FilterReading;
  field: string;
}

function readFilter(scope: BackendScope, filter: HTTPRouteFilter | GRPCRouteFilter, { reading, field }: Into): void {
  const parsed =
    'urlRewrite' in filter || 'requestRedirect' in filter || 'cors' in filter ? httpOnly(filter) : undefined;
  if (parsed !== undefined) {
    reading.filters.push(parsed);
    return;
  }
  switch (filter.type) {
    case 'RequestHeaderModifier':
      reading.filters.push({ type: filter.type, ...headerModifier(filter.requestHeaderModifier) });
      return;
    case 'ResponseHeaderModifier':
      reading.filters.push({ type: filter.type, ...headerModifier(filter.responseHeaderModifier) });
      return;
    case 'RequestMirror':
      if (filter.requestMirror !== undefined)
        mirror(scope, filter.requestMirror, { reading, field: `${field}.requestMirror` });
      return;
    case 'ExtensionRef': {
      const { group = '', kind = '', name = '' } = filter.extensionRef ?? {};
      const message = `${group}/${kind} ${name} is no filter of this gateway: requests get a 500 until it is removed`;
      reading.unresolved.push(problem(ROUTE_REASON.InvalidKind, `${field}.extensionRef`, message));
      reading.unsupported.push(problem(ROUTE_REASON.InvalidKind, `${field}.extensionRef`, message));
      return;
    }
    default: {
      const message = `filter ${filter.type} is not supported: requests get a 500 until it is removed`;
      reading.unsupported.push(problem(ROUTE_REASON.UnsupportedValue, `${field}.type`, message));
    }
  }
}

function httpOnly(filter: HTTPRouteFilter): Filter | undefined {
  if (filter.type === 'RequestRedirect' && filter.requestRedirect) return redirect(filter.requestRedirect);
  if (filter.type === 'CORS' && filter.cors) return cors(filter.cors);
  if (filter.type !== 'URLRewrite' || !filter.urlRewrite) return undefined;
  const { hostname, path } = filter.urlRewrite;
  const rewrite: Filter = { type: 'URLRewrite' };
  if (hostname !== undefined) rewrite.hostname = hostname;
  if (path !== undefined) rewrite.path = pathModifier(path);
  return rewrite;
}

function headerModifier(filter: HTTPHeaderFilter | undefined): HeaderModifier {
  return { set: filter?.set ?? [], add: filter?.add ?? [], remove: filter?.remove ?? [] };
}

function redirect({ scheme, hostname, path, port, statusCode }: HTTPRequestRedirectFilter): RedirectFilter {
  const filter: RedirectFilter = { type: 'RequestRedirect', statusCode: statusCode ?? 302 };
  if (scheme !== undefined) filter.scheme = scheme;
  if (hostname !== undefined) filter.hostname = hostname;
  if (port !== undefined) filter.port = port;
  if (path !== undefined) filter.path = pathModifier(path);
  return filter;
}

function pathModifier(path: HTTPPathModifier): PathModifier {
  if (path.type === 'ReplaceFullPath') return { type: path.type, value: path.replaceFullPath ?? '/' };
  return { type: path.type, value: path.replacePrefixMatch ?? '/' };
}

function cors(filter: HTTPCORSFilter): CorsFilter {
  return {
    type: 'CORS',
    allowOrigins: filter.allowOrigins ?? [],
    allowCredentials: filter.allowCredentials ?? false,
    allowMethods: filter.allowMethods ?? [],
    allowHeaders: filter.allowHeaders ?? [],
    exposeHeaders: filter.exposeHeaders ?? [],
    maxAge: filter.maxAge ?? 5,
  };
}

/** A mirror whose backend does not resolve is left out: the requests themselves are not concerned. */
function mirror(scope: BackendScope, filter: HTTPRequestMirrorFilter, { reading, field }: Into): void {
  const result = resolveBackend(scope, filter.backendRef, `${field}.backendRef`);
  if ('reason' in result) {
    reading.unresolved.push(result);
    return;
  }
  reading.uses.push(result);
  if (result.fault === undefined)
    reading.filters.push({ type: 'RequestMirror', backend: result.key, fraction: share(filter) });
}

function share({ percent, fraction }: HTTPRequestMirrorFilter): { numerator: number; denominator: number } {
  if (fraction !== undefined) return { numerator: fraction.numerator, denominator: fraction.denominator ?? 100 };
  return percent === undefined ? { numerator: 1, denominator: 1 } : { numerator: percent, denominator: 100 };
}

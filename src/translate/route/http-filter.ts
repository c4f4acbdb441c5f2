import type {
  GRPCRouteFilter,
  HTTPCORSFilter,
  HTTPExternalAuthFilter,
  HTTPHeaderFilter,
  HTTPPathModifier,
  HTTPRequestMirrorFilter,
  HTTPRequestRedirectFilter,
  HTTPRouteFilter,
} from '../../api/index.ts';
import { ROUTE_REASON } from '../../api/index.ts';
import {
  bareHeaderValue,
  type CorsFilter,
  type Filter,
  filterFault,
  type HeaderLine,
  type HeaderModifier,
  isAuthority,
  type PathModifier,
  type RedirectFilter,
} from '../../config/index.ts';
import { type BackendScope, resolveBackend } from '../backend/backend-ref.ts';
import type { BackendUse } from '../backend/backend-use.ts';
import { type Problem, problem } from '../verdict/problem.ts';
import { readExternalAuth } from './external-auth.ts';

/** A list of filters, read. */
export interface FilterReading {
  filters: Filter[];
  /** Backends of mirrors. */
  uses: BackendUse[];
  /** References that do not resolve. */
  unresolved: Problem[];
  /** Filters that this gateway does not have, or that contradict each other: what they guard is not served. */
  unsupported: Problem[];
  /** What is served as written, and most likely not meant. */
  remarks: Problem[];
}

export function readFilters(
  scope: BackendScope,
  filters: ReadonlyArray<HTTPRouteFilter | GRPCRouteFilter>,
  field: string,
): FilterReading {
  const reading: FilterReading = { filters: [], uses: [], unresolved: [], unsupported: [], remarks: [] };
  for (const [at, filter] of filters.entries()) readFilter(scope, filter, { reading, field: `${field}[${at}]` });
  const kinds = filters.map(({ type }) => type);
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
    take(parsed, { reading, field: `${field}.${MEMBERS[parsed.type]}` });
    if (parsed.type === 'CORS') reading.remarks.push(...corsRemarks(parsed, `${field}.cors`));
    return;
  }
  switch (filter.type) {
    case 'RequestHeaderModifier':
      requestHeaders(filter.requestHeaderModifier, { reading, field: `${field}.requestHeaderModifier` });
      return;
    case 'ResponseHeaderModifier':
      responseHeaders(filter.responseHeaderModifier, { reading, field: `${field}.responseHeaderModifier` });
      return;
    case 'RequestMirror':
      if (filter.requestMirror !== undefined)
        mirror(scope, filter.requestMirror, { reading, field: `${field}.requestMirror` });
      return;
    case 'ExternalAuth':
      if (filter.externalAuth !== undefined)
        externalAuth(scope, filter.externalAuth, { reading, field: `${field}.externalAuth` });
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

/** Where the values of a filter stand. */
const MEMBERS: Readonly<Record<string, string>> = {
  RequestRedirect: 'requestRedirect',
  URLRewrite: 'urlRewrite',
  CORS: 'cors',
};

/** Takes a filter that every data plane can compile; any other is told, with the way out. */
function take(filter: Filter, { reading, field }: Into): void {
  const fault = filterFault(filter);
  if (fault === undefined) reading.filters.push(filter);
  else reading.unsupported.push(refusal(`${field}.${fault.field}`, fault.message));
}

function refusal(field: string, message: string): Problem {
  return problem(ROUTE_REASON.UnsupportedValue, field, `${message}: requests get a 500 until it is removed`);
}

function responseHeaders(filter: HTTPHeaderFilter | undefined, { reading, field }: Into): void {
  const modifier = headerModifier(filter);
  reading.remarks.push(...repeated(modifier, field));
  take({ type: 'ResponseHeaderModifier', ...modifier }, { reading, field });
}

/** Spec: one action for a header. What is done with more is told. */
function repeated({ set, add, remove }: HeaderModifier, field: string): Problem[] {
  const places = [
    ...set.map(({ name }, at) => ({ name, place: `set[${at}]` })),
    ...add.map(({ name }, at) => ({ name, place: `add[${at}]` })),
    ...remove.map((name, at) => ({ name, place: `remove[${at}]` })),
  ];
  return Array.from(Map.groupBy(places, ({ name }) => name.toLowerCase()))
    .filter(([, same]) => same.length > 1)
    .map(([name, same]) => {
      const where = same.map(({ place }) => place).join(', ');
      const message = `names header ${name} more than once (${where}), where the Gateway API has one action for a header: of each list the first counts, and set comes before add, add before remove`;
      return problem('', field, message);
    });
}

/** Setting Host is a rewrite of the authority, whatever else the filter changes. */
function requestHeaders(filter: HTTPHeaderFilter | undefined, { reading, field }: Into): void {
  const modifier = headerModifier(filter);
  reading.remarks.push(...repeated(modifier, field));
  const at = modifier.set.findIndex(isHost);
  if (at < 0) {
    take({ type: 'RequestHeaderModifier', ...modifier }, { reading, field });
    return;
  }
  const hostname = bareHeaderValue(modifier.set[at]!.value);
  if (!isAuthority(hostname)) {
    const message = 'sets Host to what is no host name, with or without a port';
    reading.unsupported.push(refusal(`${field}.set[${at}].value`, message));
    return;
  }
  const others = modifier.set.filter((line) => !isHost(line));
  // Told by the places that the lines have in the user's list.
  const fault = filterFault({
    type: 'RequestHeaderModifier',
    ...modifier,
    set: modifier.set.map((line) => (isHost(line) ? NO_LINE : line)),
  });
  if (fault !== undefined) reading.unsupported.push(refusal(`${field}.${fault.field}`, fault.message));
  else reading.filters.push({ type: 'RequestHeaderModifier', ...modifier, set: others });
  reading.filters.push({ type: 'URLRewrite', hostname });
}

/** Stands for a line that is no fault. */
const NO_LINE: HeaderLine = { name: 'host-is-rewritten', value: '' };

function isHost({ name }: HeaderLine): boolean {
  return name.toLowerCase() === 'host';
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

/** For methods and headers of requests the data plane answers with what was asked for; here nothing is asked for. */
function corsRemarks({ allowCredentials, exposeHeaders }: CorsFilter, field: string): Problem[] {
  if (!allowCredentials || !exposeHeaders.includes('*')) return [];
  const message =
    'browsers take * literally where allowCredentials is true, so that it exposes no header to scripts: list the headers';
  return [problem('', `${field}.exposeHeaders`, message)];
}

/** Spec: a reference to a Service whose BackendTLSPolicy cannot be followed is invalid. */
export function unfollowed(fault: string, field: string): Problem {
  return problem(ROUTE_REASON.InvalidBackendTLSPolicy, field, fault);
}

/** A mirror whose backend does not resolve is left out: the requests themselves are not concerned. */
function mirror(scope: BackendScope, filter: HTTPRequestMirrorFilter, { reading, field }: Into): void {
  const result = resolveBackend(scope, filter.backendRef, `${field}.backendRef`);
  if ('reason' in result) {
    reading.unresolved.push(result);
    return;
  }
  reading.uses.push(result);
  if (result.fault !== undefined) reading.unresolved.push(unfollowed(result.fault, `${field}.backendRef`));
  else reading.filters.push({ type: 'RequestMirror', backend: result.key, fraction: share(filter) });
}

/** A service that cannot be asked lets nobody in: the rule answers 500 until it is there. */
function externalAuth(scope: BackendScope, filter: HTTPExternalAuthFilter, { reading, field }: Into): void {
  const result = resolveBackend({ ...scope, speaks: filter.protocol }, filter.backendRef, `${field}.backendRef`);
  if ('reason' in result) {
    reading.unresolved.push(result);
    // Told by ResolvedRefs; the rule is not served all the same.
    reading.unsupported.push({ ...result, reason: ROUTE_REASON.InvalidKind });
    return;
  }
  reading.uses.push(result);
  if (result.fault !== undefined) reading.unresolved.push(unfollowed(result.fault, `${field}.backendRef`));
  const read = readExternalAuth(filter, result.key);
  if ('fault' in read) reading.unsupported.push(refusal(`${field}.${read.field}`, read.fault));
  // A BackendTLSPolicy that cannot be followed: nothing is sent there, so that nobody passes.
  else reading.filters.push({ type: 'ExternalAuth', ...read });
}

function share({ percent, fraction }: HTTPRequestMirrorFilter): { numerator: number; denominator: number } {
  if (fraction !== undefined) return { numerator: fraction.numerator, denominator: fraction.denominator ?? 100 };
  return percent === undefined ? { numerator: 1, denominator: 1 } : { numerator: percent, denominator: 100 };
}

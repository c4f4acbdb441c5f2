/** By the specification, and by docs/decisions where that leaves it open: which rule of some routes takes a request. */
import { byAge, specificity, takesHost } from './listener-model.ts';
import type { GrpcMatch, HttpMatch, NamedMatch, PathMatch, Request, Route, Rule } from './resource.ts';

/** A request as rules see it. */
export interface Seen {
  method: string;
  /** Lower case, without port and final dot; undefined where there is none. */
  host: string | undefined;
  /** In normal form. */
  path: string;
  /** With its question mark; empty where there is none. */
  query: string;
  /** By lower-case name; of a repeated one all, joined. */
  headers: Map<string, string>;
  grpc: boolean;
}

export interface Found {
  route: Route;
  rule: Rule;
  match: HttpMatch | GrpcMatch;
  at: string;
}

const UNRESERVED = /[-A-Za-z0-9._~]/;

/** The path in normal form, or undefined where it is refused: docs/decisions/path-form.md. */
export function normalPath(raw: string): string | undefined {
  if (!raw.startsWith('/') || /[\\#]|[^\x21-\x7e]/.test(raw) || /%(?![0-9a-fA-F]{2})/.test(raw) || /%00/.test(raw)) {
    return undefined;
  }
  const decoded = raw.replace(/%[0-9a-fA-F]{2}/g, (escape) => {
    const char = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return UNRESERVED.test(char) ? char : escape.toUpperCase();
  });
  const isDots = (segment: string): boolean => /^\.\.?$/.test(segment.replace(/;.*/, ''));
  if (decoded.split(/\/|%2F|%5C/).some(isDots)) return undefined;
  return decoded.replace(/\/{2,}/g, '/');
}

export function hostOf(authority: string | undefined): string | undefined {
  if (authority === undefined || authority === '') return undefined;
  return authority.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();
}

/** Who asks for two hosts is refused, and so is HTTP/1.1 that names none. */
function namesItsHost({ version, authority, secondHost }: Request): boolean {
  if (hostOf(authority)?.startsWith('.')) return false;
  if (version === '2') return secondHost === undefined || secondHost === authority;
  return secondHost === undefined && (authority !== undefined || version === '1.0');
}

/** Undefined: it is refused. */
export function seen(request: Request): Seen | undefined {
  if (!namesItsHost(request)) return undefined;
  const [, raw = '', query = ''] = /^([^?]*)(\?.*)?$/.exec(request.target) ?? [];
  const path = normalPath(raw);
  if (path === undefined) return undefined;
  const headers = new Map<string, string>();
  for (const [name, value] of request.headers) {
    const key = name.toLowerCase();
    headers.set(key, headers.has(key) ? `${headers.get(key)},${value}` : value);
  }
  const grpc = request.method === 'POST' && /^application\/grpc($|[+;])/.test(headers.get('content-type') ?? '');
  return { method: request.method, host: hostOf(request.authority), path, query, headers, grpc };
}

/** As forms are: `+` is a space; the first of a name counts; broken pairs are passed over. */
function parameters(query: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const pair of query.slice(1).split('&')) {
    if (pair === '' || pair.includes(';')) continue;
    const [name = '', ...rest] = pair.split('=');
    try {
      const text = (part: string): string => decodeURIComponent(part.replaceAll('+', ' '));
      const [key, value] = [text(name), text(rest.join('='))];
      if (!found.has(key)) found.set(key, value);
    } catch {
      // A broken escape.
    }
  }
  return found;
}

/** The first of equal names counts. */
function firstOf(matches: NamedMatch[] | undefined, key: (name: string) => string): NamedMatch[] {
  const names = new Set<string>();
  return (matches ?? []).filter(({ name }) => !names.has(key(name)) && names.add(key(name)));
}

const lower = (name: string): string => name.toLowerCase();
const same = (name: string): string => name;

function holds({ type, value }: NamedMatch, found: string | undefined): boolean {
  if (found === undefined) return false;
  return type === 'RegularExpression' ? new RegExp(`^(?:${value})$`).test(found) : found === value;
}

/** Without the slash at its end, which counts for nothing; the root is empty. */
export function prefixOf({ value = '/' }: PathMatch): string {
  return normalPath(value)!.replace(/\/$/, '');
}

function holdsPath(match: PathMatch, path: string): boolean {
  if (match.type === 'Exact') return normalPath(match.value ?? '/') === path;
  if (match.type === 'RegularExpression') return new RegExp(`^(?:${match.value})$`).test(path);
  const prefix = prefixOf(match);
  return path === prefix || path.startsWith(`${prefix}/`);
}

function holdsHttp(match: HttpMatch, request: Seen): boolean {
  const query = parameters(request.query);
  return (
    holdsPath(match.path ?? {}, request.path) &&
    (match.method === undefined || match.method === request.method) &&
    firstOf(match.headers, lower).every((one) => holds(one, request.headers.get(one.name.toLowerCase()))) &&
    firstOf(match.queryParams, same).every((one) => holds(one, query.get(one.name)))
  );
}

function holdsGrpc({ method, headers }: GrpcMatch, request: Seen): boolean {
  const [, service, call] = /^\/([^/]+)\/([^/]+)$/.exec(request.path) ?? [];
  return (
    request.grpc &&
    (method?.service === undefined || method.service === service) &&
    (method?.method === undefined || method.method === call) &&
    firstOf(headers, lower).every((one) => holds(one, request.headers.get(one.name.toLowerCase())))
  );
}

/** The larger go first, compared one by one. */
function httpRank(match: HttpMatch): number[] {
  const { type = 'PathPrefix', value = '/' } = match.path ?? {};
  const length = type === 'PathPrefix' ? prefixOf(match.path ?? {}).length || 1 : value.length;
  return [
    type === 'Exact' ? 2 : Number(type === 'RegularExpression'),
    type === 'Exact' ? normalPath(value)!.length : length,
    0,
    Number(match.method !== undefined),
    firstOf(match.headers, lower).length,
    firstOf(match.queryParams, same).length,
  ];
}

/** A service with a method is an exact path, a service alone a prefix, a method alone an expression. */
function grpcRank({ method, headers }: GrpcMatch): number[] {
  const [service, call] = [method?.service ?? '', method?.method ?? ''];
  const kind = service !== '' && call !== '' ? 2 : 0;
  const path = kind === 2 ? `/${service}/${call}` : `/${service}`;
  return [kind, path.length, 1, call.length, firstOf(headers, lower).length, 0];
}

interface Candidate extends Found {
  rank: number[];
  order: [number, number];
}

function better(one: Candidate, other: Candidate): number {
  for (const [at, value] of one.rank.entries()) if (value !== other.rank[at]) return other.rank[at]! - value;
  if (one.route.kind === other.route.kind) {
    const age = byAge(one.route.metadata, other.route.metadata);
    if (age !== 0) return age;
  }
  return one.order[0] - other.order[0] || one.order[1] - other.order[1];
}

export function foundRule(routes: Route[], request: Seen): Found | undefined {
  const candidates = routes.flatMap((route): Candidate[] => {
    const fit = (route.spec.hostnames ?? [undefined]).filter((own) => takesHost(own, request.host));
    if (fit.length === 0) return [];
    const host = Math.max(...fit.map(specificity));
    return route.spec.rules.flatMap((rule, ruleAt) =>
      (rule.matches ?? [{}]).flatMap((match, matchAt): Candidate[] => {
        const isGrpc = route.kind === 'GRPCRoute';
        const taken = isGrpc ? holdsGrpc(match as GrpcMatch, request) : holdsHttp(match as HttpMatch, request);
        if (!taken) return [];
        const rank = [host, ...(isGrpc ? grpcRank(match as GrpcMatch) : httpRank(match as HttpMatch))];
        const at = `${route.kind} ${route.metadata.namespace}/${route.metadata.name}, rule ${ruleAt}, match ${matchAt}`;
        return [{ route, rule, match, at, rank, order: [ruleAt, matchAt] }];
      }),
    );
  });
  return candidates.sort(better)[0];
}

/** What Kong's annotations make of a route. */
import type { HTTPRoute, HTTPRouteFilter, HTTPRouteRule } from '../../api/index.ts';
import { flow } from '../flow.ts';
import { PRESERVE_HOST, PROTOCOLS, REDIRECT_STATUS, STRIP_PATH } from './annotation.ts';
import type { Note } from './attached.ts';

/** What becomes of requests that do not come over TLS. */
export type PlainStatus = 301 | 302 | 307 | 308 | 426;
const PLAIN_STATUSES: readonly PlainStatus[] = [301, 302, 307, 308, 426];
const UPGRADE = 426;

export interface RouteAsked {
  strips: boolean;
  /** Undefined: they are served as others. */
  plain?: PlainStatus;
  notes: Note[];
}

export function routeAsked(annotations: Readonly<Record<string, string>>): RouteAsked {
  const notes: Note[] = [];
  const asked: RouteAsked = { strips: flagOf(annotations, STRIP_PATH, notes) === true, notes };
  if (flagOf(annotations, PRESERVE_HOST, notes) === false) {
    const message =
      'false is not served: the backend gets the Host that the client asked for; write a URLRewrite filter with hostname, or konghq.com/host-header on the Service';
    notes.push({ annotation: PRESERVE_HOST, message });
  }
  const plain = plainStatus(annotations, notes);
  if (plain !== undefined) asked.plain = plain;
  return asked;
}

function flagOf(annotations: Readonly<Record<string, string>>, name: string, notes: Note[]): boolean | undefined {
  const text = annotations[name]?.toLowerCase();
  if (text === undefined || text === '') return undefined;
  if (text === 'true' || text === 'false') return text === 'true';
  notes.push({ annotation: name, message: 'is neither true nor false, and does nothing' });
  return undefined;
}

const SECURE: readonly string[] = ['https', 'grpcs', 'wss', 'tls'];
const KNOWN: readonly string[] = ['http', 'grpc', 'ws', ...SECURE];

function plainStatus(annotations: Readonly<Record<string, string>>, notes: Note[]): PlainStatus | undefined {
  const text = annotations[PROTOCOLS] ?? '';
  const protocols = text.split(',').flatMap((one) => (one.trim() === '' ? [] : [one.trim().toLowerCase()]));
  const status = annotations[REDIRECT_STATUS];
  const code = PLAIN_STATUSES.find((one) => String(one) === status);
  if (status !== undefined && code === undefined) {
    const message = `must be one of ${PLAIN_STATUSES.join(', ')}; it is taken for ${UPGRADE}`;
    notes.push({ annotation: REDIRECT_STATUS, message });
  }
  const strange = protocols.filter((one) => !KNOWN.includes(one));
  if (strange.length > 0) {
    notes.push({
      annotation: PROTOCOLS,
      message: `${strange.join(', ')} is not spoken on this route: http and https are, and it is taken for https`,
    });
  }
  // What is not understood may have been meant to keep plain requests out.
  const known = protocols.map((one) => (KNOWN.includes(one) ? one : 'https'));
  if (known.length === 0 || known.some((one) => !SECURE.includes(one))) {
    if (known.length > 0 && !known.some((one) => SECURE.includes(one))) {
      notes.push({
        annotation: PROTOCOLS,
        message: 'the route is served over TLS, too, where its listeners are: name one with parentRefs[].sectionName',
      });
    }
    if (code !== undefined) {
      notes.push({
        annotation: REDIRECT_STATUS,
        message: 'does nothing where konghq.com/protocols is not https alone',
      });
    }
    return undefined;
  }
  const plain = code ?? UPGRADE;
  const way =
    plain === UPGRADE
      ? 'parentRefs[].sectionName naming the listeners with TLS, and a route with a ResponsePolicy directResponse for the others'
      : `parentRefs[].sectionName naming the listeners with TLS, and a route on the others with filters: ${flow([redirectFilter(plain)])}`;
  notes.push({ annotation: PROTOCOLS, message: `is served: without TLS requests get ${plain}; write ${way}` });
  return plain;
}

export function redirectFilter(statusCode: Exclude<PlainStatus, 426>): HTTPRouteFilter {
  return { type: 'RequestRedirect', requestRedirect: { scheme: 'https', statusCode } };
}

/** The route with what Kong would do as filters. Where the route says it itself, that counts, and is told. */
export function withFilters(
  route: HTTPRoute,
  { strips, filters }: { strips: boolean; filters: readonly HTTPRouteFilter[] },
  notes: Note[],
): HTTPRoute {
  if (!strips && filters.length === 0) return route;
  const rules = (route.spec.rules ?? []).map((rule, at): HTTPRouteRule => {
    const own = strips ? [...strippingFilters(rule, at, notes), ...filters] : filters;
    return own.length === 0 ? rule : { ...rule, filters: addedTo(rule.filters ?? [], own, { at, notes }) };
  });
  return { ...route, spec: { ...route.spec, rules } };
}

function strippingFilters({ matches = [] }: Partial<HTTPRouteRule>, at: number, notes: Note[]): HTTPRouteFilter[] {
  const types = new Set(
    (matches.length === 0 ? [{ path: { type: 'PathPrefix' } }] : matches).map(({ path }) => path.type),
  );
  const [type] = types;
  if (types.size > 1 || type === 'RegularExpression') {
    const message = `rules[${at}] keeps its path: only of a prefix or of one exact path the matched part is known; give each match a rule`;
    notes.push({ annotation: STRIP_PATH, message });
    return [];
  }
  const path =
    type === 'Exact'
      ? { type: 'ReplaceFullPath' as const, replaceFullPath: '/' }
      : { type: 'ReplacePrefixMatch' as const, replacePrefixMatch: '/' };
  const filter: HTTPRouteFilter = { type: 'URLRewrite', urlRewrite: { path } };
  notes.push({ annotation: STRIP_PATH, message: `is served as rules[${at}].filters: ${flow([filter])}` });
  return [filter];
}

interface RulePlace {
  at: number;
  /** Whose filters are added; absent: the route's. */
  whose?: string;
  notes: Note[];
}

export function addedTo(
  own: readonly HTTPRouteFilter[],
  added: readonly HTTPRouteFilter[],
  { at, notes, whose = 'the route' }: RulePlace,
): HTTPRouteFilter[] {
  const all = [...own];
  for (const filter of added) {
    const index = all.findIndex(({ type }) => type === filter.type);
    if (index < 0) all.push(filter);
    else if (own.includes(all[index]!) && !joins(filter)) {
      const message = `the ${filter.type} filter of a plugin of ${whose} is left out: rules[${at}] has one already, which counts`;
      notes.push({ annotation: 'konghq.com/plugins', message });
    } else all[index] = joined(all[index]!, filter);
  }
  const redirects = all.some(({ type }) => type === 'RequestRedirect');
  return redirects ? all.filter(({ type }) => type !== 'URLRewrite') : all;
}

function joins({ type }: HTTPRouteFilter): boolean {
  return type === 'RequestHeaderModifier' || type === 'ResponseHeaderModifier' || type === 'URLRewrite';
}

/** Of one line, or of path and hostname, the first counts. */
function joined(first: HTTPRouteFilter, second: HTTPRouteFilter): HTTPRouteFilter {
  if (first.type === 'URLRewrite') return { ...first, urlRewrite: { ...second.urlRewrite, ...first.urlRewrite } };
  const member = first.type === 'RequestHeaderModifier' ? 'requestHeaderModifier' : 'responseHeaderModifier';
  if (first.type !== 'RequestHeaderModifier' && first.type !== 'ResponseHeaderModifier') return first;
  const [one, other] = [first[member] ?? {}, second[member] ?? {}];
  const lines = (list: 'set' | 'add') => {
    const all = [...(one[list] ?? []), ...(other[list] ?? [])];
    return [...new Map(all.toReversed().map((line) => [line.name.toLowerCase(), line])).values()].reverse();
  };
  const remove = [...new Set([...(one.remove ?? []), ...(other.remove ?? [])])];
  const [set, add] = [lines('set'), lines('add')];
  const both = {
    ...(set.length > 0 ? { set } : {}),
    ...(add.length > 0 ? { add } : {}),
    ...(remove.length > 0 ? { remove } : {}),
  };
  return { ...first, [member]: both };
}

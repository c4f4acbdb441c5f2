import type { HTTPRouteFilter, HTTPRouteRule, HTTPRouteTimeouts } from '../../api/index.ts';
import { milliseconds } from '../../value/duration.ts';
import { httpFilters, method } from './filter.ts';
import { duration, headerName, hostname, sectionName } from './format.ts';
import { pathMatch } from './path-match.ts';
import { backendReference } from './reference.ts';
import { matchesAreFew, routeParents, ruleNamesAreDistinct } from './route.ts';
import { integer, type ListSchema, list, object, oneOf, optional, type Rule, required, rule, text } from './schema.ts';
import { routeSession } from './session-persistence.ts';

/** Matches of headers and of query parameters differ in how long a value may be. */
export function valueMatches(maxLength: number): ListSchema {
  const match = object({
    type: optional(oneOf('Exact', 'RegularExpression'), 'Exact'),
    name: required(headerName),
    value: required(text({ min: 1, max: maxLength })),
  });
  return list(match, { max: 16, unique: ['name'] });
}

const EVERYTHING = { path: { type: 'PathPrefix', value: '/' } };

export const routeMatch = object({
  path: optional(pathMatch, EVERYTHING.path),
  headers: optional(valueMatches(4096)),
  queryParams: optional(valueMatches(1024)),
  method: optional(method),
});

const timeouts = object(
  { request: optional(duration), backendRequest: optional(duration) },
  {
    rules: [
      rule<HTTPRouteTimeouts>(
        'must not be longer than request, which includes it',
        ({ request, backendRequest }) => {
          if (request === undefined || backendRequest === undefined || milliseconds(request) === 0) return true;
          return (milliseconds(backendRequest) ?? 0) <= (milliseconds(request) ?? Number.POSITIVE_INFINITY);
        },
        'backendRequest',
      ),
    ],
  },
);

const retry = object({
  codes: optional(list(integer({ min: 400, max: 599 }), { unique: 'set' })),
  attempts: optional(integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), 1),
  backoff: optional(duration),
});

function replacesPrefix(filters: HTTPRouteFilter[] | undefined, field: 'requestRedirect' | 'urlRewrite'): boolean {
  return filters?.some((filter) => filter[field]?.path?.replacePrefixMatch !== undefined) ?? false;
}

function hasOnePrefix({ matches }: HTTPRouteRule): boolean {
  return matches.length === 1 && matches[0]!.path.type === 'PathPrefix';
}

/** A prefix can be replaced only where the rule says which one. */
function prefixIsKnown(field: 'requestRedirect' | 'urlRewrite', type: string): Rule[] {
  const way = `with replacePrefixMatch in a ${type} filter a rule must have exactly one match, of type PathPrefix`;
  return [
    rule<HTTPRouteRule>(way, (r) => !replacesPrefix(r.filters, field) || hasOnePrefix(r), 'matches'),
    rule<HTTPRouteRule>(
      `${way} (the filter is on a backendRef)`,
      (r) => !r.backendRefs?.some((ref) => replacesPrefix(ref.filters, field)) || hasOnePrefix(r),
      'matches',
    ),
  ];
}

const routeRule = object(
  {
    name: optional(sectionName),
    matches: optional(list(routeMatch, { max: 64 }), [EVERYTHING]),
    filters: optional(httpFilters),
    sessionPersistence: optional(routeSession),
    backendRefs: optional(list(backendReference({ filters: optional(httpFilters) }), { max: 16 })),
    timeouts: optional(timeouts),
    retry: optional(retry),
  },
  {
    rules: [
      rule<HTTPRouteRule>(
        'must be empty beside a RequestRedirect filter, which answers itself; remove one of the two',
        (r) => !r.backendRefs?.length || !r.filters?.some((filter) => filter.requestRedirect),
        'backendRefs',
      ),
      ...prefixIsKnown('requestRedirect', 'RequestRedirect'),
      ...prefixIsKnown('urlRewrite', 'URLRewrite'),
    ],
  },
);

export const httpRouteSpec = object({
  ...routeParents,
  hostnames: optional(list(hostname, { max: 16 })),
  rules: optional(list(routeRule, { min: 1, max: 16, rules: [ruleNamesAreDistinct, matchesAreFew] }), [
    { matches: [EVERYTHING] },
  ]),
});

/** What Kong's annotations take away of what a route would let in. Dropped, it would open the route. */
import type { HTTPRoute, HTTPRouteMatch } from '../../api/index.ts';
import { flow } from '../flow.ts';
import { HEADERS_START, METHODS, SNIS } from './annotation.ts';
import type { Annotated, Note } from './attached.ts';
import { askedHeaders, type HeaderCondition, headerMatch, withHeaders } from './route-headers.ts';
import { askedMethods, withMethods } from './route-methods.ts';
import { askedSnis, commonHostnames } from './route-snis.ts';

export interface Narrowing {
  /** Of an HTTPRoute; none: any. */
  methods: string[];
  headers: HeaderCondition[];
  snis: string[];
}

export const UNNARROWED: Narrowing = { methods: [], headers: [], snis: [] };

export function askedNarrowing({ kind, annotations }: Annotated): { narrowing: Narrowing; broken: string[] } {
  const isHttp = kind === 'HTTPRoute';
  const { methods, broken: others } = askedMethods(annotations);
  const { headers, broken: lines } = askedHeaders(annotations);
  const { snis, broken: names } = askedSnis(annotations);
  const never = isHttp || methods.length === 0 || methods.includes('POST') ? [] : [NEVER];
  return {
    narrowing: { methods: isHttp ? methods : [], headers, snis },
    broken: [...others, ...never, ...lines, ...names],
  };
}

const NEVER = `${METHODS}: calls of gRPC are POST always, which is none of them: add POST, or take it away`;

export interface NarrowedRoute {
  route: HTTPRoute;
  /** What the route itself says does not go with it. */
  broken: string[];
}

/** What stands in both kinds of routes is alike as far as it is read here. */
export function narrowedRoute(route: HTTPRoute, { methods, headers, snis }: Narrowing, notes: Note[]): NarrowedRoute {
  const any: HTTPRouteMatch = (route.kind as string) === 'GRPCRoute' ? ({} as HTTPRouteMatch) : ANY;
  const { route: asking, broken } = withHeaders(withMethods(route, methods, notes), headers, any);
  for (const one of headers) {
    const message = `is served as matches[].headers of each rule: ${flow([headerMatch(one)])}`;
    notes.push({ annotation: `${HEADERS_START}${one.name}`, message });
  }
  if (snis.length === 0) return { route: asking, broken };
  const hostnames = commonHostnames(asking.spec.hostnames, snis);
  if (hostnames.length === 0) {
    return {
      route: asking,
      broken: [...broken, `${SNIS}: none of them is among the route's hostnames: name one there`],
    };
  }
  const message = `counts for Host: served as hostnames ${flow(hostnames)}, also without TLS, where Kong asks for no name`;
  notes.push({ annotation: SNIS, message });
  return { route: { ...asking, spec: { ...asking.spec, hostnames } }, broken };
}

const ANY: HTTPRouteMatch = { path: { type: 'PathPrefix', value: '/' } };

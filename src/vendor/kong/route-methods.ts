/** `konghq.com/methods`: a route takes these alone. */
import type { HTTPRoute, HTTPRouteMatch, HTTPRouteRule } from '../../api/index.ts';
import { METHODS } from './annotation.ts';
import type { Note } from './attached.ts';

const KNOWN: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'];

const ANY: HTTPRouteMatch = { path: { type: 'PathPrefix', value: '/' } };

export interface AskedMethods {
  methods: string[];
  /** It narrows whom the route lets in: what cannot be read must not open it. */
  broken: string[];
}

export function askedMethods(annotations: Readonly<Record<string, string>>): AskedMethods {
  const text = annotations[METHODS] ?? '';
  const all = [...new Set(text.split(',').flatMap((one) => (one.trim() === '' ? [] : [one.trim()])))];
  const strange = all.filter((one) => !KNOWN.includes(one));
  if (strange.length === 0) return { methods: all, broken: [] };
  const message = `${METHODS}: ${strange.join(', ')} is no method that routes match: write ${KNOWN.join(', ')}`;
  return { methods: [], broken: [message] };
}

/** A match that names its method keeps it. */
export function withMethods(route: HTTPRoute, methods: readonly string[], notes: Note[]): HTTPRoute {
  if (methods.length === 0) return route;
  notes.push({ annotation: METHODS, message: `is served as matches[].method of each rule: ${methods.join(', ')}` });
  const rules = (route.spec.rules ?? []).map((rule): HTTPRouteRule => {
    const matches = (rule.matches ?? []).length === 0 ? [ANY] : rule.matches;
    const narrowed = matches.flatMap((match) =>
      match.method === undefined ? methods.map((method) => ({ ...match, method })) : [match],
    );
    return { ...rule, matches: narrowed };
  });
  return { ...route, spec: { ...route.spec, rules } };
}

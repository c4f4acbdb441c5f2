/** Routes with what Kong's annotations on them, and on the Services behind them, ask for. */
import {
  type BackendRef,
  type GRPCRoute,
  type HTTPRoute,
  type HTTPRouteFilter,
  type HTTPRouteRule,
  objectKey,
  type Resource,
  ROUTE_REASON,
} from '../../api/index.ts';
import type { RouteRule } from '../../config/index.ts';
import type { Collection } from '../../graph/index.ts';
import {
  addedTo,
  faultPlace,
  isAnnotated,
  type KongReading,
  type Note,
  narrowedRoute,
  type PlainStatus,
  serviceFilters,
  UNNARROWED,
  withFilters,
} from '../../vendor/kong/index.ts';
import { find, type Lookup } from '../lookup.ts';
import type { RouteReading } from '../route/rule-draft.ts';
import { type Problem, problem } from '../verdict/problem.ts';
import { annotationField, closed } from './kong.ts';

/** The route as it is read, and what is to be said of it besides. */
export interface OverlaidRoute<R> {
  route: R;
  notes: Note[];
  broken: string[];
  plain?: PlainStatus;
  /** A reason with what becomes of what it guards; absent: requests are refused. */
  refuses?(why: string): string;
}

/** Undefined: the route is as it stands. */
export function overlaid<R extends HTTPRoute | GRPCRoute>(
  look: Lookup,
  readings: Collection<KongReading>,
  route: R,
): OverlaidRoute<R> | undefined {
  const namespace = route.metadata.namespace ?? '';
  // Whoever has no annotation of Kong's depends on nothing more than without Kong.
  const readingOf = (object: Resource | undefined) =>
    isAnnotated(object?.metadata.annotations) ? look.context.fetch(readings, objectKey(object!)) : undefined;
  const own = readingOf(route);
  const services = new Map<string, KongReading>();
  for (const { kind = 'Service', name, namespace: other = namespace } of (route.spec.rules ?? []).flatMap(refsOf)) {
    const reading = kind === 'Service' ? readingOf(find(look, 'Service', { namespace: other, name })) : undefined;
    if (reading !== undefined) services.set(`${other}/${name}`, reading);
  }
  if (own === undefined && services.size === 0) return undefined;
  const notes = [...(own?.notes ?? [])];
  const asked = { strips: own?.strips === true && route.kind === 'HTTPRoute', filters: own?.plugins.filters ?? [] };
  const narrowed = narrowedRoute(route as HTTPRoute, own?.narrowing ?? UNNARROWED, notes);
  const filtered = withFilters(narrowed.route, asked, notes);
  const rules = (filtered.spec.rules ?? []).map((rule, at) =>
    withServices(rule, { at, notes, of: (name, other) => services.get(`${other ?? namespace}/${name}`) }),
  );
  const result: OverlaidRoute<R> = {
    route: { ...filtered, spec: { ...filtered.spec, rules } } as unknown as R,
    notes,
    broken: [...(own?.plugins.broken ?? []), ...narrowed.broken],
  };
  if (own?.plain !== undefined) result.plain = own.plain;
  return result;
}

function refsOf({ backendRefs = [] }: { backendRefs?: readonly BackendRef[] }): readonly BackendRef[] {
  return backendRefs;
}

interface ServiceScope {
  at: number;
  notes: Note[];
  of(name: string, namespace: string | undefined): KongReading | undefined;
}

/** Filters of a rule's only backend are the rule's; of one of several, its own. */
function withServices(rule: HTTPRouteRule, { at, notes, of }: ServiceScope): HTTPRouteRule {
  const refs = rule.backendRefs ?? [];
  const asked = refs.map(({ name, namespace, kind }) =>
    kind === 'Service' || kind === undefined ? filtersOf(of(name, namespace)) : [],
  );
  if (asked.every((filters) => filters.length === 0)) return rule;
  if (refs.length === 1)
    return {
      ...rule,
      filters: addedTo(rule.filters ?? [], asked[0]!, { at, notes, whose: `Service ${refs[0]!.name}` }),
    };
  const backendRefs = refs.map((ref, index) => {
    const filters = asked[index]!;
    return filters.length === 0
      ? ref
      : { ...ref, filters: addedTo(ref.filters ?? [], filters, { at, notes, whose: `Service ${ref.name}` }) };
  });
  return { ...rule, backendRefs };
}

function filtersOf(reading: KongReading | undefined): HTTPRouteFilter[] {
  return reading === undefined ? [] : serviceFilters(reading);
}

/** A guard that cannot be followed: no rule of the route is served. */
export function withNotes(
  reading: RouteReading,
  { notes, broken, plain, refuses = closed }: Omit<OverlaidRoute<unknown>, 'route'>,
): RouteReading {
  const remarks = notes.map(({ annotation, message }) => problem('', annotationField(annotation), message));
  const told: RouteReading = { ...reading, remarks: [...reading.remarks, ...remarks] };
  if (plain !== undefined) told.plain = plain;
  if (broken.length === 0) return told;
  const places = broken.map(faultPlace).map(({ annotation, why }) => ({ field: annotationField(annotation), why }));
  const problems = places.map(({ field, why }): Problem => problem(ROUTE_REASON.UnsupportedValue, field, refuses(why)));
  const why = places.map((one) => `${one.field}: ${one.why}`).join('; ');
  return {
    ...told,
    rules: told.rules.map((rule) => ({ ...rule, broken: rule.broken ?? why })),
    invalid: told.rules.map(({ index }, at) => ({ index, problems: at === 0 ? problems : [] })),
  };
}

/** On listeners without TLS, what Kong answers in the place of a route that asks for TLS. */
export function withPlain(
  rules: readonly RouteRule[],
  plain: PlainStatus,
  isPlain: (listener: string) => boolean,
): RouteRule[] {
  return rules.flatMap((rule) => {
    const open = rule.attachments.filter(({ listener }) => isPlain(listener));
    if (open.length === 0) return [rule];
    const { retry: _, timeouts: __, sessionPersistence: ___, ...head } = rule;
    const closedRule: RouteRule = {
      ...head,
      key: `${rule.key};plain`,
      attachments: open,
      filters: [
        plain === 426
          ? { type: 'DirectAnswer', status: plain, contentType: 'application/json; charset=utf-8', body: UPGRADE_BODY }
          : { type: 'RequestRedirect', scheme: 'https', statusCode: plain },
      ],
      backends: [],
    };
    const attachments = rule.attachments.filter(({ listener }) => !isPlain(listener));
    return attachments.length === 0 ? [closedRule] : [{ ...rule, attachments }, closedRule];
  });
}

const UPGRADE_BODY = '{"message":"Please use HTTPS protocol"}';

/** Kong's annotations on routes and Services, each with what to write in its place. */
import {
  type AnyResource,
  type GRPCRoute,
  type HTTPRoute,
  type HTTPRouteRule,
  objectKey,
  type Service,
} from '../../api/index.ts';
import type { Finding } from '../finding.ts';
import { type OwnKind, ownPolicy, targetOf } from '../ours.ts';
import type { Site } from '../suggest/site.ts';
import type { RouteEdit, SuggestedParts } from '../suggest/vendor-kind.ts';
import { faultPlace, HEADERS_START, isAnnotated, METHODS, SNIS, STRIP_PATH, TRAFFIC_FIELDS } from './annotation.ts';
import type { KongLook } from './kong-look.ts';
import { type KongReading, readKongGateway, readKongRoute, readKongService, serviceFilters } from './object-reading.ts';
import { listenersOf, plainRoute, unknownListeners } from './plain-route.ts';
import { narrowedRoute } from './route-narrowing.ts';
import { addedTo, withFilters } from './route-reading.ts';

export interface KongSuggestion {
  /** `Kind namespace/name`. */
  object: string;
  parts: SuggestedParts;
  findings: Finding[];
}

export function suggestKong(site: Site): KongSuggestion[] {
  const look = lookIn(site);
  return [...suggestForObjects(site, look), ...suggestForGateways(site, look)];
}

/** Plugins that are for all requests. */
function suggestForGateways(site: Site, look: KongLook): KongSuggestion[] {
  const plugins = site.all('KongClusterPlugin');
  return site.all('Gateway').flatMap(({ kind, metadata }) => {
    const { namespace = '', name, annotations = {} } = metadata;
    const on = { kind, namespace, name, annotations };
    const reading = readKongGateway(on, look, plugins);
    const findings = findingsOf(reading);
    if (findings.length === 0) return [];
    return [{ object: `${kind} ${namespace}/${name}`, parts: { objects: policiesOf(reading, on) }, findings }];
  });
}

function suggestForObjects(site: Site, look: KongLook): KongSuggestion[] {
  const routes = [...site.routes(), ...site.all('Service')].filter(({ metadata }) => isAnnotated(metadata.annotations));
  return routes.map((object) => {
    const on = {
      kind: object.kind,
      namespace: object.metadata.namespace ?? '',
      name: object.metadata.name,
      annotations: object.metadata.annotations ?? {},
    };
    const read = object.kind === 'Service' ? readKongService(on, look) : readKongRoute(on, look);
    const reading = object.kind === 'Service' ? read : withOwnFaults(object, read);
    const named = `${on.kind} ${on.namespace}/${on.name}`;
    const edits = object.kind === 'Service' ? serviceEdits(site, object, reading) : routeEdits(site, object, reading);
    const extra = object.kind === 'HTTPRoute' && reading.plain ? plainRoute(site, object, reading.plain) : [];
    return {
      object: named,
      parts: { objects: [...policiesOf(reading, on), ...extra], edits },
      findings: [
        ...(object.kind === 'Service' ? trafficFindings(on.annotations, reading) : []),
        ...findingsOf(reading),
        ...(object.kind === 'HTTPRoute' ? unknownListeners(site, object, reading) : []),
      ],
    };
  });
}

/** Of what is said of a Service's annotations nothing is told twice. */
function trafficFindings(annotations: Readonly<Record<string, string>>, { notes, plugins }: KongReading): Finding[] {
  const own = new Set([
    ...notes.filter(({ message }) => !message.startsWith(SERVED_AS)).map(({ annotation }) => annotation),
    ...plugins.broken.map((text) => faultPlace(text).annotation),
  ]);
  return Object.entries(TRAFFIC_FIELDS).flatMap(([field, ours]): Finding[] =>
    annotations[field] === undefined || own.has(field)
      ? []
      : [{ field, fate: 'Same', ours: `BackendTrafficPolicy ${ours}` }],
  );
}

const SERVED_AS = 'is served as';

/** What the route itself says may not go with what its annotations ask for. */
function withOwnFaults(route: HTTPRoute | GRPCRoute, reading: KongReading): KongReading {
  const { broken } = narrowedRoute(route as HTTPRoute, reading.narrowing, []);
  const { plugins } = reading;
  return broken.length === 0
    ? reading
    : { ...reading, plugins: { ...plugins, broken: [...plugins.broken, ...broken] } };
}

function lookIn(site: Site): KongLook {
  return {
    plugin: ({ namespace, name }) => site.find('KongPlugin', namespace, name),
    clusterPlugin: (name) => site.find('KongClusterPlugin', '', name),
    consumers: (namespace) => site.all('KongConsumer').filter(({ metadata }) => metadata.namespace === namespace),
    secret: ({ namespace, name }) => site.find('Secret', namespace, name),
    hidden: false,
    // What is suggested is read by whoever may read all of it.
    refusal: () => undefined,
  };
}

function findingsOf({ notes, plugins, strips, narrowing: { methods, headers, snis } }: KongReading): Finding[] {
  const broken = plugins.broken.map((text): Finding => {
    const { annotation, why } = faultPlace(text);
    return { field: annotation, fate: 'Lost', why };
  });
  const told = notes
    .filter(({ message }) => !/^Kong(?:Cluster)?Plugin /.test(message))
    .filter(({ annotation, message }) => !(annotation in TRAFFIC_FIELDS && message.startsWith(SERVED_AS)))
    .map(({ annotation, message }): Finding => {
      const fate = message.startsWith('is served') ? 'Same' : message.startsWith('is no') ? 'Unknown' : 'Differs';
      return { field: annotation, fate, why: message };
    });
  const fields = plugins.readings.flatMap(({ object, findings, broken: why }) =>
    why === undefined ? findings.map((one) => ({ ...one, field: `${object} ${one.field}` })) : [],
  );
  const stripped: Finding[] = strips ? [{ field: STRIP_PATH, fate: 'Same', ours: 'HTTPRoute filter URLRewrite' }] : [];
  const narrowed: Finding[] = [
    ...(methods.length > 0 ? [{ field: METHODS, fate: 'Same', ours: 'HTTPRoute matches[].method' } as const] : []),
    ...headers.map(
      ({ name }) => ({ field: `${HEADERS_START}${name}`, fate: 'Same', ours: 'HTTPRoute matches[].headers' }) as const,
    ),
    ...(snis.length > 0 ? [{ field: SNIS, fate: 'Differs', ours: 'HTTPRoute hostnames', why: BY_HOST } as const] : []),
  ];
  return [...broken, ...stripped, ...narrowed, ...told, ...fields];
}

const BY_HOST = 'counts for Host, also without TLS, where Kong asks for no name';

interface On {
  kind: string;
  namespace: string;
  name: string;
}

function policiesOf({ plugins }: KongReading, { kind, namespace, name }: On): AnyResource[] {
  const targetRefs = [targetOf(kind as 'Gateway' | 'HTTPRoute' | 'GRPCRoute' | 'Service', name)];
  const policies = Object.entries(plugins.policies) as Array<[OwnKind, object]>;
  return [
    ...plugins.secrets,
    ...policies.map(([own, settings]) => ownPolicy(own, { namespace, name }, { targetRefs, ...settings })),
  ];
}

function routeEdits(site: Site, route: HTTPRoute | GRPCRoute, reading: KongReading): RouteEdit[] {
  const { strips, plugins, plain, narrowing } = reading;
  // A guard that cannot be followed: without its annotation the route would be open.
  if (route.kind !== 'HTTPRoute' || plugins.broken.length > 0) return [];
  const edit = (last: HTTPRoute): HTTPRoute => {
    const narrowed = narrowedRoute(last, narrowing, []);
    const filtered = withFilters(splitPrefixes(narrowed.route, strips), { strips, filters: plugins.filters }, []);
    const annotations = Object.entries(filtered.metadata.annotations ?? {}).filter(
      ([name]) => !name.startsWith('konghq.com/'),
    );
    const metadata = { ...filtered.metadata };
    delete metadata.annotations;
    if (annotations.length > 0) metadata.annotations = Object.fromEntries(annotations);
    const rules = (filtered.spec.rules ?? []).map(withoutBackends);
    return { ...filtered, metadata, spec: { ...filtered.spec, rules } };
  };
  if (plain === undefined) return [{ route: objectKey(route), edit }];
  // Without its annotations it would be open, too, where nobody knows which listeners have TLS.
  if (listenersOf(site, route, () => true).length === 0) return [];
  const parentRefs = listenersOf(site, route, (protocol) => protocol !== 'HTTP');
  const secured = (last: HTTPRoute): HTTPRoute => ({ ...last, spec: { ...last.spec, parentRefs } });
  return [{ route: objectKey(route), edit: (last) => secured(edit(last)) }];
}

/** A redirect answers itself: the API has no backends beside it. */
function withoutBackends(rule: HTTPRouteRule): HTTPRouteRule {
  if (rule.filters?.some(({ type }) => type === 'RequestRedirect') !== true) return rule;
  const { backendRefs: _, ...rest } = rule;
  return rest as HTTPRouteRule;
}

/** The API has one match for a rule whose prefix is replaced. */
function splitPrefixes(route: HTTPRoute, strips: boolean): HTTPRoute {
  if (!strips) return route;
  const rules = (route.spec.rules ?? []).flatMap((rule): HTTPRouteRule[] => {
    if ((rule.matches ?? []).length < 2) return [rule];
    return rule.matches.map((match, at) => ({
      ...rule,
      ...(rule.name === undefined ? {} : { name: at === 0 ? rule.name : `${rule.name}-${at + 1}` }),
      matches: [match],
    }));
  });
  return { ...route, spec: { ...route.spec, rules } };
}

/** What a Service asks for is written into the routes that lead there. */
function serviceEdits(site: Site, { metadata }: Service, reading: KongReading): RouteEdit[] {
  const filters = serviceFilters(reading);
  if (filters.length === 0) return [];
  const leads = (rule: HTTPRouteRule, namespace: string): boolean =>
    (rule.backendRefs ?? []).some(
      (ref) =>
        (ref.kind ?? 'Service') === 'Service' &&
        ref.name === metadata.name &&
        (ref.namespace ?? namespace) === metadata.namespace,
    );
  return site.all('HTTPRoute').flatMap((route) => {
    const namespace = route.metadata.namespace ?? '';
    if (!(route.spec.rules ?? []).some((rule) => leads(rule, namespace))) return [];
    const edit = (last: HTTPRoute): HTTPRoute => {
      const rules = (last.spec.rules ?? []).map((rule, at) =>
        leads(rule, namespace) && rule.backendRefs?.length === 1
          ? withoutBackends({ ...rule, filters: addedTo(rule.filters ?? [], filters, { at, notes: [] }) })
          : rule,
      );
      return { ...last, spec: { ...last.spec, rules } };
    };
    return [{ route: objectKey(route), edit }];
  });
}

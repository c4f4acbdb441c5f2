/** What Kong's annotations on one object come to. */
import type {
  AnyResource,
  Authentication,
  HTTPHeaderFilter,
  HTTPRouteFilter,
  KongClusterPlugin,
} from '../../api/index.ts';
import { flow } from '../flow.ts';
import { type BackendTraffic, type OwnKind, ownPolicy, targetOf } from '../ours.ts';
import {
  GATEWAY_ANNOTATIONS,
  HOST_HEADER,
  PLUGINS_ANNOTATION,
  ROUTE_ANNOTATIONS,
  SERVICE_ANNOTATIONS,
  TRAFFIC_FIELDS,
  unserved,
} from './annotation.ts';
import { type Annotated, type AttachedPlugins, attachedPlugins, HIDDEN, type Note } from './attached.ts';
import type { KongLook } from './kong-look.ts';
import { askedNarrowing, type Narrowing, UNNARROWED } from './route-narrowing.ts';
import { type PlainStatus, routeAsked } from './route-reading.ts';
import { askedTraffic } from './service-traffic.ts';
import { PLUGINS } from './table.ts';

export interface KongReading {
  plugins: AttachedPlugins;
  /** Of a route. */
  strips: boolean;
  plain?: PlainStatus;
  /** Of a route. */
  narrowing: Narrowing;
  /** Of a Service: the Host that its backends get. */
  hostHeader?: string;
  notes: Note[];
}

export function readKongRoute(on: Annotated, look: KongLook): KongReading {
  const attached = attachedPlugins(on, look);
  const { narrowing, broken } = askedNarrowing(on);
  const plugins = broken.length === 0 ? attached : { ...attached, broken: [...attached.broken, ...broken] };
  const { strips, plain, notes } = routeAsked(on.annotations);
  const all = [...notes, ...plugins.notes, ...unserved(on.annotations, ROUTE_ANNOTATIONS), ...served(plugins, on)];
  const reading: KongReading = { plugins, strips, narrowing, notes: all };
  if (plain !== undefined) reading.plain = plain;
  return reading;
}

export function readKongService(on: Annotated, look: KongLook): KongReading {
  const attached = attachedPlugins(on, look);
  const { traffic, notes: told, broken } = askedTraffic(on);
  const plugins = {
    ...attached,
    broken: [...attached.broken, ...broken],
    policies: { ...attached.policies, ...(traffic === undefined ? {} : { BackendTrafficPolicy: traffic }) },
  };
  const hostHeader = on.annotations[HOST_HEADER];
  const notes = [
    ...told,
    ...plugins.notes,
    ...unserved(on.annotations, SERVICE_ANNOTATIONS),
    ...served(plugins, on),
    ...servedTraffic(on, traffic),
  ];
  if (hostHeader === undefined) return { plugins, strips: false, narrowing: UNNARROWED, notes };
  const message = `is served as filters of its backendRefs: ${flow([hostFilter(hostHeader)])}`;
  notes.push({ annotation: HOST_HEADER, message });
  return { plugins, strips: false, narrowing: UNNARROWED, notes, hostHeader };
}

/** Told once, of the first annotation that asks for it. */
function servedTraffic({ kind, name, annotations }: Annotated, traffic: BackendTraffic | undefined): Note[] {
  const annotation = Object.keys(TRAFFIC_FIELDS).find((one) => annotations[one] !== undefined);
  if (traffic === undefined || annotation === undefined) return [];
  const spec = { targetRefs: [targetOf(kind as Target, name)], ...traffic };
  const message = `is served as ${flow({ kind: 'BackendTrafficPolicy', spec })}`;
  return [{ annotation, message }];
}

/** Plugins that are for all requests (label global) hold at each Gateway. */
export function readKongGateway(on: Annotated, look: KongLook, plugins: readonly KongClusterPlugin[]): KongReading {
  const all = plugins.filter(({ metadata }) => metadata.labels?.global === 'true');
  const attached = attachedPlugins({ ...on, annotations: {} }, look, all);
  const broken = [...attached.broken];
  const notes = [...attached.notes];
  for (const { object, plugin, parts } of attached.readings.filter((one) => (one.parts.filters ?? []).length > 0)) {
    const message = `${object} (${plugin}) changes what routes do, and is served where a route or Service names it`;
    if (parts.policies === undefined && PLUGINS.get(plugin)?.guards) broken.push(message);
    else notes.push({ annotation: PLUGINS_ANNOTATION, message });
  }
  const own = { ...attached, broken, filters: [] };
  return {
    plugins: own,
    strips: false,
    narrowing: UNNARROWED,
    notes: [...notes, ...served(own, on), ...gatewayNotes(on.annotations)],
  };
}

function gatewayNotes(annotations: Readonly<Record<string, string>>): Note[] {
  return unserved(annotations, GATEWAY_ANNOTATIONS);
}

/** What a Service's annotations ask for of the requests that are sent there. */
export function serviceFilters({ plugins, hostHeader }: KongReading): HTTPRouteFilter[] {
  return [...plugins.filters, ...(hostHeader === undefined ? [] : [hostFilter(hostHeader)])];
}

function hostFilter(hostname: string): HTTPRouteFilter {
  return { type: 'URLRewrite', urlRewrite: { hostname } };
}

type Target = 'Gateway' | 'HTTPRoute' | 'GRPCRoute' | 'Service';

/** What each plugin is served as, ready to be written in its place. */
function served({ readings }: AttachedPlugins, { kind, name }: Annotated): Note[] {
  const targetRefs = [targetOf(kind as Target, name)];
  return readings.flatMap(({ object, plugin, parts, broken }) => {
    if (broken !== undefined) return [];
    const policies = Object.entries(parts.policies ?? {}).map(([own, settings]) =>
      flow({
        kind: own,
        spec: { targetRefs, ...(own === 'AuthenticationPolicy' ? withoutNames(settings) : settings) },
      }),
    );
    const filters =
      (parts.filters ?? []).length === 0 || kind === 'Gateway' ? [] : [`filters: ${flow(parts.filters?.map(shown))}`];
    const all = [...policies, ...filters].map((one) => one.replaceAll(`${HIDDEN}${kind}:`, ''));
    if (all.length === 0) return [];
    return [{ annotation: PLUGINS_ANNOTATION, message: `${object} (${plugin}) is served as ${all.join(' and ')}` }];
  });
}

/** Who the consumers are is not for all who read a status, and there may be a thousand of them. */
function withoutNames({ claimsToHeaders, ...settings }: Authentication): object {
  const lines = claimsToHeaders?.map(({ values, ...line }) => (values === undefined ? line : { ...line, values: '…' }));
  return { ...settings, ...(lines === undefined ? {} : { claimsToHeaders: lines }) };
}

/** Values of lines may be secrets, and statuses are read by many. */
function shown(filter: HTTPRouteFilter): object {
  const { requestHeaderModifier: request, responseHeaderModifier: response, ...rest } = filter;
  const hidden = (modifier: HTTPHeaderFilter) => ({
    ...modifier,
    ...(modifier.set ? { set: modifier.set.map(({ name }) => ({ name, value: '…' })) } : {}),
    ...(modifier.add ? { add: modifier.add.map(({ name }) => ({ name, value: '…' })) } : {}),
  });
  return {
    ...rest,
    ...(request ? { requestHeaderModifier: hidden(request) } : {}),
    ...(response ? { responseHeaderModifier: hidden(response) } : {}),
  };
}

/**
 * Policies and Secrets that stand for an object's plugins, where nobody has written any. `settings`: where they stand
 * in a policy. What cannot be followed refuses what it would act on.
 */
export function standingFor(
  { plugins }: KongReading,
  { kind, namespace, name }: Omit<Annotated, 'annotations'>,
): AnyResource[] {
  // No user can call an object so.
  const metadata = { namespace, name: `${HIDDEN}${kind}:${name}` };
  const targetRefs = [targetOf(kind as Target, name)];
  if (plugins.broken.length > 0) {
    const refused = plugins.broken.join('; ');
    return [ownPolicy('AccessPolicy', metadata, { targetRefs, refused, overrides: {} })];
  }
  const policies = Object.entries(plugins.policies) as Array<[OwnKind, object]>;
  return [
    ...plugins.secrets,
    ...policies.map(([own, settings]) =>
      // Of how endpoints are spoken to nothing is overridden: what stands in it is all that it says.
      ownPolicy(own, metadata, {
        targetRefs,
        ...(own === 'BackendTrafficPolicy' ? settings : { overrides: settings }),
      }),
    ),
  ];
}

/** Where nothing takes a request: the routes that were most likely meant for it, and why they are not asked. */
import type { Snapshot } from '../../config/index.ts';
import type { Pipeline, Report } from '../../control/index.ts';
import { takesHost } from './hostname.ts';

/** What a diagnostic of such an object ends with. */
const LEFT_OUT = '; the object is left out';
const LEFT_OUT_SHOWN = 5;
/** Of routes without hostnames, each of which may be the one. */
const ANY_HOST_SHOWN = 3;
const CARRIERS = /^(Gateway|ListenerSet|HTTPRoute|GRPCRoute)\//;

/** A route as it is written, with what keeps it from being served. */
export interface WrittenRoute {
  /** `Kind namespace/name`. */
  name: string;
  hostnames: ReadonlyArray<string>;
  refusals: string[];
}

interface ParentsStatus {
  parents?: Array<{ conditions: Array<{ type: string; status: string; message: string }> }>;
}

/** Routes that some parent, or all, do not take. `found`: what there is to say of them besides. */
export function refusedRoutes({ source, report }: Pipeline, found: Report['diagnostics'] = []): WrittenRoute[] {
  const { items, diagnostics: read } = report();
  const diagnostics = [...read, ...found];
  const statuses = new Map(items.map((item) => [keyOf(item.kind, item.metadata), item.status as ParentsStatus]));
  const { HTTPRoute, GRPCRoute, TLSRoute } = source.collections;
  return [...HTTPRoute.values(), ...GRPCRoute.values(), ...TLSRoute.values()].flatMap((route) => {
    const { kind, metadata, spec } = route;
    const key = keyOf(kind, metadata);
    const parents = statuses.get(key)?.parents ?? [];
    const refused = parents.flatMap(({ conditions }) =>
      conditions.filter(({ type, status }) => type === 'Accepted' && status === 'False').map(({ message }) => message),
    );
    const said = diagnostics
      .filter(
        ({ object, severity, field }) => object === key && severity !== 'info' && field.startsWith('spec.parentRefs'),
      )
      .map(({ message }) => message);
    const refusals = refused.length > 0 ? refused : parents.length > 0 ? [] : said;
    return [{ name: key.replace('/', ' '), hostnames: spec.hostnames ?? [], refusals }];
  });
}

function keyOf(kind: string, { namespace = '', name }: { namespace?: string; name: string }): string {
  return `${kind}/${namespace}/${name}`;
}

/** Routes and Gateways that are not there for a fault of their own: any of them may be the one that was meant. */
export function leftOut(diagnostics: Report['diagnostics']): string[] {
  const told = diagnostics.filter(({ object, message }) => CARRIERS.test(object) && message.endsWith(LEFT_OUT));
  const lines = told.slice(0, LEFT_OUT_SHOWN).map(({ object, file, line, field, message }) => {
    const place = `${file}:${line}${field === '' ? '' : ` ${field}`}`;
    return `${object.replace('/', ' ')} is left out: ${place} ${message.slice(0, -LEFT_OUT.length)}`;
  });
  const more = told.length - lines.length;
  return more > 0 ? [...lines, `and ${more} more: daemun check shows them`] : lines;
}

interface MeantFrom {
  snapshot: Snapshot;
  written?: ReadonlyArray<WrittenRoute>;
  leftOut?: ReadonlyArray<string>;
}

/** Sentences about the routes that have this host. */
export function meantRoutes(
  { snapshot, written = [], leftOut = [] }: MeantFrom,
  { host, port }: { host: string; port: number },
): string[] {
  const lost = written.filter(({ refusals }) => refusals.length > 0);
  const refused = lost
    .filter(({ hostnames }) => hostnames.some((one) => takesHost(one.toLowerCase(), host)))
    .map(({ name, refusals }) => `${name} has this hostname but is not accepted: ${refusals.join('; ')}`);
  const anyHost = lost.filter(({ hostnames }) => hostnames.length === 0);
  refused.push(
    ...anyHost
      .slice(0, ANY_HOST_SHOWN)
      .map(({ name, refusals }) => `${name} has any hostname but is not accepted: ${refusals.join('; ')}`),
  );
  const elsewhere = new Set<string>();
  for (const { route, attachments } of snapshot.of('RouteRule').values()) {
    for (const { listener: key, hostnames } of attachments) {
      const listener = snapshot.get('Listener', key);
      if (listener === undefined || listener.port === port) continue;
      if (!hostnames.some((one) => one !== '*' && takesHost(one, host))) continue;
      const name = `${route.kind} ${route.namespace}/${route.name}`;
      elsewhere.add(`${name} has this hostname and attaches to listener ${key} of port ${listener.port}`);
    }
  }
  return [...refused, ...elsewhere, ...leftOut];
}

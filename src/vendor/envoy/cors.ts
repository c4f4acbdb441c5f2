import { type HTTPCORSFilter, type HTTPRoute, objectKey } from '../../api/index.ts';
import { milliseconds } from '../../value/duration.ts';
import type { Fields } from '../fields.ts';
import { duration } from '../suggest/quantity.ts';
import type { RouteEdit, VendorPlace } from '../suggest/vendor-kind.ts';
import type { VendorTarget } from '../suggest/vendor-target.ts';

const OURS = 'HTTPRoute filter CORS';

/** Of routes, which have it as a filter: those that are named, and those of a Gateway. */
export function corsEdits(asked: Fields | undefined, { namespace, targets, site }: VendorPlace): RouteEdit[] {
  if (asked === undefined) return [];
  const maxAge = duration(asked, 'maxAge', { ours: `${OURS} maxAge` });
  const exposeHeaders = asked.texts('exposeHeaders', { ours: `${OURS} exposeHeaders` });
  const credentials = asked.flag('allowCredentials', { ours: `${OURS} allowCredentials` });
  const cors: HTTPCORSFilter = {
    allowOrigins: asked.texts('allowOrigins', { ours: `${OURS} allowOrigins` }) ?? [],
    allowMethods: asked.texts('allowMethods', { ours: `${OURS} allowMethods` }) ?? [],
    allowHeaders: asked.texts('allowHeaders', { ours: `${OURS} allowHeaders` }) ?? [],
    maxAge: maxAge === undefined ? 5 : Math.round((milliseconds(maxAge) ?? 0) / 1000),
    ...(exposeHeaders === undefined ? {} : { exposeHeaders }),
    ...(credentials === undefined ? {} : { allowCredentials: credentials }),
  };
  const routes = site.all('HTTPRoute').filter((route) => targets.some((target) => isOf(route, target, namespace)));
  if (routes.length === 0)
    asked.refuse(
      'allowOrigins',
      'no HTTPRoute is known that could have it as a filter: check it together with its routes',
    );
  return routes.map((route) => ({ route: objectKey(route), edit: (last) => withCors(last, cors) }));
}

function isOf({ metadata, spec }: HTTPRoute, target: VendorTarget, namespace: string): boolean {
  if (target.kind === 'HTTPRoute') return metadata.namespace === namespace && metadata.name === target.name;
  return (
    target.kind === 'Gateway' &&
    (spec.parentRefs ?? []).some(
      (ref) => ref.name === target.name && (ref.namespace ?? metadata.namespace) === namespace,
    )
  );
}

/** A rule that has one already is left as it is. */
function withCors(route: HTTPRoute, cors: HTTPCORSFilter): HTTPRoute {
  const rules = (route.spec.rules ?? []).map((rule) => {
    const filters = rule.filters ?? [];
    if (filters.some(({ type }) => type === 'CORS')) return rule;
    return { ...rule, filters: [...filters, { type: 'CORS' as const, cors }] };
  });
  return { ...route, spec: { ...route.spec, rules } };
}

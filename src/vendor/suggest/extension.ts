/** Filters of routes that refer to another gateway's objects. */
import { type HTTPRouteFilter, type HTTPRouteRule, objectKey } from '../../api/index.ts';
import type { Site } from './site.ts';
import type { RouteEdit } from './vendor-kind.ts';
import type { VendorTarget } from './vendor-target.ts';

interface Extension {
  kind: string;
  namespace: string;
  name: string;
}

/** The routes without the filter that refers to it. A rule that a policy is attached to has a name from then on. */
export function withoutExtension(site: Site, extension: Extension): RouteEdit[] {
  const { kind, namespace, name } = extension;
  const isIt = ({ extensionRef }: HTTPRouteFilter): boolean =>
    extensionRef?.kind === kind && extensionRef.name === name;
  return site.referring(kind, namespace, name).map(({ route, rules }) => ({
    route: objectKey(route),
    edit: (last) => ({
      ...last,
      spec: {
        ...last.spec,
        rules: (last.spec.rules ?? []).map((rule, at): HTTPRouteRule => {
          const { filters = [], ...rest } = rule;
          if (!filters.some(isIt)) return rule;
          const kept = filters.filter((one) => !isIt(one));
          const named =
            rules.length === (last.spec.rules ?? []).length ? {} : { name: rule.name ?? ruleName(extension, at) };
          return { ...named, ...rest, ...(kept.length === 0 ? {} : { filters: kept }) };
        }),
      },
    }),
  }));
}

/** What a policy in the place of the filter is attached to: rules by their names, or the whole route where all have it. */
export function extensionTargets(site: Site, extension: Extension): VendorTarget[] {
  const { kind, namespace, name } = extension;
  return site.referring(kind, namespace, name).flatMap(({ route, rules }): VendorTarget[] => {
    const whole: VendorTarget = { kind: 'HTTPRoute', name: route.metadata.name };
    if (rules.length === (route.spec.rules ?? []).length) return [whole];
    return rules.map((at) => ({ ...whole, sectionName: route.spec.rules[at]!.name ?? ruleName(extension, at) }));
  });
}

/** Of a rule that had none. */
function ruleName({ name }: Extension, at: number): string {
  return `${name}-${at}`;
}

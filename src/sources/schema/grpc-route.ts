import type { GRPCRouteMatch } from '../../api/index.ts';
import { grpcFilters } from './filter.ts';
import { hostname, sectionName } from './format.ts';
import { valueMatches } from './http-route.ts';
import { backendReference } from './reference.ts';
import { matchesAreFew, routeParents, ruleNamesAreDistinct } from './route.ts';
import { list, object, oneOf, optional, rule, text } from './schema.ts';
import { routeSession } from './session-persistence.ts';

type MethodMatch = NonNullable<GRPCRouteMatch['method']>;

const methodMatch = object(
  {
    type: optional(oneOf('Exact', 'RegularExpression'), 'Exact'),
    service: optional(text({ max: 1024 })),
    method: optional(text({ max: 1024 })),
  },
  {
    rules: [
      rule<MethodMatch>(
        'must have service, method or both',
        ({ service, method }) => service !== undefined || method !== undefined,
      ),
      rule<MethodMatch>(
        'must be a gRPC service such as package.Service, or change type to RegularExpression',
        ({ type, service }) => type !== 'Exact' || service === undefined || SERVICE.test(service),
        'service',
      ),
      rule<MethodMatch>(
        'must be a gRPC method such as GetUser, or change type to RegularExpression',
        ({ type, method }) => type !== 'Exact' || method === undefined || /^[A-Za-z_][A-Za-z_0-9]*$/.test(method),
        'method',
      ),
    ],
  },
);
const SERVICE = /^\.?[a-z_][a-z_0-9]*(\.[a-z_][a-z_0-9]*)*$/i;

const routeRule = object({
  name: optional(sectionName),
  matches: optional(
    list(object({ method: optional(methodMatch), headers: optional(valueMatches(4096)) }), { max: 64 }),
  ),
  filters: optional(grpcFilters),
  sessionPersistence: optional(routeSession),
  backendRefs: optional(list(backendReference({ filters: optional(grpcFilters) }), { max: 16 })),
});

export const grpcRouteSpec = object({
  ...routeParents,
  hostnames: optional(list(hostname, { max: 16 })),
  rules: optional(list(routeRule, { max: 16, rules: [ruleNamesAreDistinct, matchesAreFew] })),
});

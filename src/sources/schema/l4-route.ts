import { isAddress } from '../../value/network.ts';
import { hostname, sectionName } from './format.ts';
import { backendReference } from './reference.ts';
import { routeExperiments, routeParents } from './route.ts';
import { list, object, optional, required, rule } from './schema.ts';

/** Connections have nothing to choose a rule by: there is exactly one, and it must have somewhere to go. */
const rules = list(
  object({
    name: optional(sectionName),
    backendRefs: required(list(backendReference(), { min: 1, max: 16 })),
  }),
  { min: 1, max: 1 },
);

/** TCPRoute and UDPRoute. */
export const streamRouteSpec = object({ ...routeParents, rules: required(rules) }, { experimental: routeExperiments });

export const tlsRouteSpec = object(
  {
    ...routeParents,
    hostnames: required(
      list(hostname, {
        min: 1,
        max: 1024,
        rules: [
          rule<string[]>(
            'must not contain an IP address: clients do not send one as server name (SNI)',
            (names) => !names.some(isAddress),
          ),
        ],
      }),
    ),
    rules: required(rules),
  },
  { experimental: routeExperiments },
);

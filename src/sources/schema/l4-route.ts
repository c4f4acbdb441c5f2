import { isAddress } from '../../value/network.ts';
import { hostname, sectionName } from './format.ts';
import { backendReference } from './reference.ts';
import { routeParents } from './route.ts';
import { list, object, optional, required, rule } from './schema.ts';

const ruleOf = object({
  name: optional(sectionName),
  backendRefs: required(list(backendReference(), { min: 1, max: 16 })),
});

/** Connections have nothing to choose a rule by: there is exactly one, and it must have somewhere to go. */
const rules = list(ruleOf, { min: 1, max: 1 });

/** Version v1alpha2 takes several, of which one can serve: the others are told in the route's status. */
const oldRules = list(ruleOf, { min: 1, max: 16 });

const noAddress = rule<string[]>(
  'must not contain an IP address: clients do not send one as server name (SNI)',
  (names) => !names.some(isAddress),
);

/** TCPRoute and UDPRoute. */
export const streamRouteSpec = object({ ...routeParents, rules: required(rules) });
export const oldStreamRouteSpec = object({ ...routeParents, rules: required(oldRules) });

export const tlsRouteSpec = object({
  ...routeParents,
  hostnames: required(list(hostname, { min: 1, max: 1024, rules: [noAddress] })),
  rules: required(rules),
});
/** Without hostnames it takes those of its listeners. */
export const oldTlsRouteSpec = object({
  ...routeParents,
  hostnames: optional(list(hostname, { max: 1024, rules: [noAddress] })),
  rules: required(oldRules),
});

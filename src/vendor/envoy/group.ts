/** The group of Envoy Gateway's objects. */
export const ENVOY_GROUP = 'gateway.envoyproxy.io';
